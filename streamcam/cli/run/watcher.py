"""The preset file of the running preset, watched on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

from engines.errors import EngineError
from streamcam.errors import StreamcamError, told
from streamcam.presets import Preset, watch_preset
from streamcam.stage import Stage


class Watcher:
    """Applies a preset whenever its file is saved. Used by the main thread."""

    def __init__(
        self,
        running: Callable[[], Preset],
        apply: Callable[[Preset], None],
        say: Callable[[str], None],
        written: Callable[[], Preset | None] = lambda: None,
    ) -> None:
        """`running`: the preset that plays. `written`: what the program itself saved last."""
        self._running = running
        self._apply = apply
        self._say = say
        self._written = written
        self._path: Path | None = None
        self._stop = Event()
        self._stage: Stage | None = None

    def follow(self, running: Preset) -> None:
        """Watch the file of the preset that runs, and no other; call it often."""
        if self._stage is not None and self._stage.errors:
            broken = told(self._stage.errors[0])
            self._say(f"preset: saving it changes nothing any more: {broken}.")
            self._stage = None
        if running.path == self._path:
            return
        self.close()
        self._path = running.path
        if running.path is None:
            return
        stop = self._stop = Event()
        self._stage = Stage(
            "presets",
            lambda: watch_preset(running, self._changed, self._failed, stop, self._written),
            ends=(),
        )
        self._stage.start()

    def close(self) -> None:
        """Watch nothing. The thread ends by itself within a quarter of a second."""
        self._stop.set()
        self._stage = None

    def _changed(self, preset: Preset) -> None:
        running = self._running()
        if (preset, [*preset.looks]) == (running, [*running.looks]):
            return  # the program wrote the file, and plays on
        try:
            self._apply(preset)
        except (StreamcamError, EngineError) as error:
            self._failed(error)
        except Exception as bug:  # noqa: BLE001  # of ours or a library's, and the show goes on
            self._say(f"preset: {preset.name} failed: {told(bug)}. The running look stays.")
        else:
            self._say(f"preset: {preset.name} was saved")

    def _failed(self, error: StreamcamError | EngineError) -> None:
        self._say(f"preset: {error} The running look stays.")
