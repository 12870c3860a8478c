"""Pipeline: a run from opening to end. The only place that starts and joins the frame threads."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import cv2

from streamcam.clock.tempo import Tempo
from streamcam.errors import SinkFailed, StreamcamError, UnknownChoice, raise_all, told
from streamcam.flow.main_thread import MainThread
from streamcam.flow.stages import Farewell, Stages
from streamcam.looks.curtains import OPEN
from streamcam.options import Options
from streamcam.pipeline.live import Live
from streamcam.pipeline.look_previews import LookPreviews
from streamcam.pipeline.opening import Opening
from streamcam.pipeline.sources import ChosenSource, devices
from streamcam.presets import Preset, load_preset, preset_names
from streamcam.presets.arrangement import Place
from streamcam.sink import Format
from streamcam.sink.web import WebSink
from streamcam.stats import Stats

_POLL_SECONDS = 0.25  # seconds after which a wait looks around: Windows wakes it for no Ctrl-C


class Pipeline:
    """Source → gate and engine → post → sinks, and the controls of what runs.

    `start`, `wait` and `stop` belong to the main thread; everything else may be called from
    any. The threads are "capture", "build", "infer", "post", "rebuild", "watchdog" and
    "sink NAME" for each output.

    stats  what the stages count
    """

    def __init__(
        self,
        options: Options,
        say: Callable[[str], None],
        hurry: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        say    called with lines for people: what was opened, and later what changed
        hurry  whether the user has asked, since the last call, not to wait until files are finished
        """
        self.stats = Stats()
        self._options = options
        self._say = say
        self._hurry = hurry
        self._stages = Stages()
        self._main = MainThread()
        self._opening = Opening(options, self.stats, self._stages, self._main, say)
        self.stats.ask("curtain", lambda: "" if self.curtain == OPEN else self.curtain)
        self._live: Live | None = None
        self._source = ChosenSource(options.source, self._opening.select_source)
        self._given_up: list[str] = []
        self._closing_errors: list[BaseException] = []

    def start(self) -> None:
        """Open everything and begin. Raises what hinders it, with everything closed again.

        Outputs come first: what they refuse is known at once. Then the source opens on its
        thread while the engine is built on this one.
        """
        cv2.setNumThreads(1)  # its pool spins while it waits, on cores that the engine needs
        try:
            self._live = self._opening.run()
        except BaseException:
            self.stop()
            raise
        # A full garbage collection stops every thread while it looks at every object: 45 ms for the
        # 60,000 that are there now, more than a tick. `gc.freeze` exempts them from later
        # collections.
        gc.freeze()

    def wait(self, timeout: float | None = None) -> bool:
        """Until the run has ended: True, with everything closed. False after `timeout` seconds.

        Raises the error that ended it; several as an ExceptionGroup.
        """
        deadline = perf_counter() + (float("inf") if timeout is None else timeout)
        while not self._stages.over:
            left = deadline - perf_counter()
            if left <= 0:
                return False
            self._attend(min(left, _POLL_SECONDS))
        self.stop()
        raise_all(self.errors)
        return True

    def stop(self) -> None:
        """End all threads and close all devices, within two seconds. Only a file is finished
        however long that takes; after two seconds a line says so. May be called twice, and raises
        nothing: see `errors`."""
        farewell = Farewell(lambda: self._main.serve(0.0), self._say, self._hurry)
        farewell.given_up = self._given_up
        running = self._stages.stop(farewell)
        self._main.close()
        self._closing_errors += [
            StreamcamError(f"what was opened could not be closed again: {told(error)}")
            for error in self._opening.close()
        ]
        gc.unfreeze()
        self._closing_errors += [
            SinkFailed(f"nobody waited until {name} was finished: it can be played as it is")
            for name in farewell.given_up
            if name not in self._given_up
        ]
        self._given_up = farewell.given_up
        if running:
            self._say(f"still busy, left behind: {', '.join(running)}")

    @property
    def errors(self) -> list[BaseException]:
        """What ended parts of the run before their time, and what went wrong at the end."""
        return [*self._stages.errors, *self._closing_errors]

    @property
    def web_sink(self) -> WebSink | None:
        """Where the page gets its picture from; None if it shows none."""
        return self._opening.web_sink

    @property
    def outputs(self) -> list[str]:
        return self._opening.outputs

    @property
    def form(self) -> Format:
        return self._options.format

    @property
    def preset(self) -> Preset:
        """The one that runs; another one takes its place once its engine is built."""
        return self._live.preset if self._live else self._options.preset

    @property
    def preset_name(self) -> str:
        return self.preset.name

    def preset_names(self) -> list[str]:
        return preset_names()

    @property
    def look(self) -> str:
        return self._running.playing.box.look

    def look_names(self) -> list[str]:
        """The preset's own look, then those of its [looks]."""
        preset = self.preset
        return [preset.name, *preset.look_names]

    @property
    def scenes(self) -> dict[str, str]:
        return self.preset.obs.scenes

    @property
    def source(self) -> str:
        return self._source.choice

    def devices(self) -> dict[str, list[dict[str, str]]]:
        return devices()

    def select_source(self, choice: str) -> str:
        return self._source.select(choice)

    @property
    def previews(self) -> LookPreviews:
        return self._running.previews

    def select_look(self, name: str) -> None:
        self._running.select_look(name)

    @property
    def curtain(self) -> str:
        return self._opening.curtain.name

    def draw_curtain(self, name: str) -> None:
        self._opening.curtain.draw(name)

    def select_preset(self, name: str) -> None:
        """Takes names alone, no paths: a web page may ask."""
        if name not in preset_names():
            raise UnknownChoice("preset", name, preset_names())
        self.apply_preset(load_preset(name))

    def apply_preset(self, preset: Preset) -> None:
        """Change to `preset` without a missed tick; what needs another engine, once it is built.

        Raises `UsageError`; what runs then stays.
        """
        self._running.apply(preset)

    def values(self) -> dict[str, Any]:
        """Every value that can be changed, by key, as it is set now."""
        return self._running.playing.now()

    def change_values(self, wanted: Mapping[str, object]) -> None:
        """Change values by key, all or none, from the next frame on. Takes the time of encoding
        new words. Raises `UsageError` naming key, value and what is allowed."""
        self._running.playing.change(wanted)

    def prepare_values(self, wanted: Mapping[str, object]) -> None:
        """Check values and encode their words, so that changing them takes no time. Raises
        `UsageError`."""
        self._running.playing.prepare(wanted)

    @property
    def quantise(self) -> str:
        return self.preset.control.quantise

    @property
    def tempo(self) -> Tempo:
        return self._running.playing.box.tempo

    def keep_time(self, tempo: Tempo) -> None:
        self._running.playing.box.tempo = tempo

    def arrange_looks(self, places: Sequence[Place]) -> None:
        self._running.playing.arrange(places)

    def put_looks_back(self, before: Preset, look: str) -> None:
        self._running.playing.put_looks_back(before, look)

    def save(self, name: str) -> str:
        """Write a preset of the user's with what plays now; its path. Raises `UsageError`."""
        return str(self._running.playing.save(name))

    @property
    def _running(self) -> Live:
        if self._live is None:
            raise RuntimeError("the pipeline was not started")
        return self._live

    def _attend(self, seconds: float) -> None:
        """Let time pass: until a stage ends, or working for a sink that needs this thread."""
        if self._main.needed:
            self._main.serve(seconds)
        else:
            self._stages.wait(seconds)
