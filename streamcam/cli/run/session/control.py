"""Control: the main thread while a run goes on: what it shows, keys, saved presets, the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from engines.errors import EngineError
from streamcam.cli.run.keys import Keys
from streamcam.cli.run.progress import Job, open_progress
from streamcam.cli.run.signals import StopSignals
from streamcam.cli.run.status import Status, open_status
from streamcam.cli.run.watcher import Watcher
from streamcam.cli.terminal import Terminal
from streamcam.control.keys import (
    CURTAIN_KEYS,
    LOOK_KEYS,
    PLATE_KEY,
    REDO_KEY,
    TAP_KEY,
    UNDO_KEY,
)
from streamcam.errors import StreamcamError

if TYPE_CHECKING:
    from streamcam.control.doors import Doors
    from streamcam.microphone import DelayedMicrophone
    from streamcam.pipeline import Pipeline

_POLL_SECONDS = 0.1  # seconds between looks at keys and signals: a key acts at once for a person
_FIRST_POLL_SECONDS = 0.02  # seconds, as long as the first picture is waited for
# Seconds after which the preset's file is watched even without a picture: what watches it takes the
# time of a frame to load.
_SETTLED_SECONDS = 2.0


class Control:
    """The main thread while the pipeline runs.

    microphone  as late as the picture; None: not wanted
    """

    def __init__(
        self,
        opened: tuple[Pipeline, Doors],
        terminal: Terminal,
        signals: StopSignals,
        seconds: float,
        job: Job | None,
    ) -> None:
        """`seconds`: from now until the end. `job`: what is rendered; None live."""
        self._pipeline, self._doors = opened
        self._terminal = terminal
        self._signals = signals
        self._live = False
        self.microphone: DelayedMicrophone | None = None
        self._settled = perf_counter() + _SETTLED_SECONDS
        self._deadline = perf_counter() + seconds
        self._job = job
        history = self._doors.desk.history
        self._keys: dict[str, Callable[[], object]] = {
            TAP_KEY: self._doors.beat.tap,
            UNDO_KEY: partial(self._move_back, "undone", history.undo),
            REDO_KEY: partial(self._move_back, "done again", history.redo),
            PLATE_KEY: self._take_plate,
        }

    def run(self) -> None:
        """Until the pipeline ends, which may raise what ended it, or a stop is asked for."""
        pipeline = self._pipeline
        watcher = Watcher(
            lambda: pipeline.preset,
            pipeline.apply_preset,
            self._terminal.say,
            lambda: pipeline.written,
        )
        try:
            with Keys() as keys, self._status(with_keys=keys.active) as status:
                while not self._ended():
                    self._react(keys.pressed())
                    if self._live or perf_counter() >= self._settled:
                        watcher.follow(self._pipeline.preset)
                    self._show(status)
        finally:
            watcher.close()

    def _status(self, *, with_keys: bool) -> AbstractContextManager[Status]:
        if self._job is not None:
            return open_progress(self._terminal, self._job)
        return open_status(self._terminal, with_keys=with_keys)

    def _ended(self) -> bool:
        """Wait for the next look around; True if there is none."""
        left = self._deadline - perf_counter()
        if self._signals.requested.is_set() or left <= 0:
            return True
        return self._pipeline.wait(min(_POLL_SECONDS if self._live else _FIRST_POLL_SECONDS, left))

    def _show(self, status: Status) -> None:
        now = self._pipeline.stats.snapshot()
        if now.frames_out and not self._live:
            self._live = True
            self._terminal.say(
                f"live: first picture, {now.seconds:.1f} s after the preset was read"
            )
        status.show(now, self._pipeline.preset)
        if self.microphone is not None:
            self.microphone.follow(now.motion_latency_ms_p50)

    def _react(self, typed: str) -> None:
        for key in typed.lower():
            if key == "q":
                self._signals.requested.set()
            elif key in LOOK_KEYS:
                self._select(int(key))
            elif key in CURTAIN_KEYS:
                self._cover(CURTAIN_KEYS[key])
            elif key in self._keys:
                self._keys[key]()

    def _move_back(self, verb: str, move: Callable[[], str]) -> None:
        try:
            self._terminal.say(f"{verb}: {move()}")
        except (StreamcamError, EngineError) as error:
            self._terminal.say(f"undo: {error}")

    def _take_plate(self) -> None:
        try:
            said = f"empty room: kept in {self._pipeline.take_plate()}"
        except StreamcamError as error:
            said = f"empty room: {error}"
        self._terminal.say(said)

    def _cover(self, name: str) -> None:
        drawn = "live" if self._pipeline.curtain == name else name
        self._pipeline.draw_curtain(drawn)
        self._terminal.say(f"curtain: {drawn}")

    def _select(self, number: int) -> None:
        """0 is the preset's own look, 1 to 9 those of its [looks]."""
        preset = self._pipeline.preset
        names = (preset.name, *preset.look_names)
        if number >= len(names):
            self._terminal.say(
                f"look: there is no number {number}, the last one is {len(names) - 1}"
            )
            return
        try:
            self._doors.desk.select_look(names[number])
        except (StreamcamError, EngineError) as error:
            self._terminal.say(f"look: {error}")
