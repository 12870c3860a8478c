"""Pipeline: a run from opening to end. The only place that starts and joins the frame threads."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from streamcam.errors import SinkFailed, StreamcamError, raise_all, told
from streamcam.flow.main_thread import MainThread
from streamcam.flow.stages import Farewell, Stages
from streamcam.looks.curtains import OPEN
from streamcam.options import Options
from streamcam.pipeline.controlled import Controlled
from streamcam.pipeline.first_engine import FirstEngine
from streamcam.pipeline.sources import ChosenSource
from streamcam.stage import call_all
from streamcam.stats import Stats

if TYPE_CHECKING:
    from concurrent.futures import Future

    from streamcam.capture import Opened
    from streamcam.pipeline.live import Live
    from streamcam.pipeline.opening import Opening

_POLL_SECONDS = 0.25  # seconds after which a wait looks around: Windows wakes it for no Ctrl-C


class Pipeline(Controlled):
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
        self._opening: Opening | None = None
        self._unowned: list[Callable[[], None]] = []  # close what belongs to no thread yet
        self._first: FirstEngine | None = None
        self._live: Live | None = None
        self._source = ChosenSource(options.source, self._follow)
        self._given_up: list[str] = []
        self._closing_errors: list[BaseException] = []

    def start(self) -> None:
        """Open everything and begin. Raises what hinders it, with everything closed again.

        The engine is begun before the code of all other parts is loaded, which takes as long.
        """
        stop = self._stages.stopping
        first = self._first = FirstEngine(self._options, self._unowned.append, stop, self._say)
        self._stages.add_queues(first)
        try:
            self._stages.start("build", first.work, [], place=None)
            self._live = self._open().run(first)
        except BaseException:
            self.stop()
            raise
        # A full garbage collection stops every thread while it looks at every object: 45 ms for the
        # 60,000 that are there now, more than a tick. `gc.freeze` exempts them from later ones.
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
        self._remember(running)
        self._closing_errors += [
            StreamcamError(f"what was opened could not be closed again: {told(error)}")
            for error in call_all(reversed(self._unowned))
        ]
        self._unowned.clear()
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

    def _follow(self, choice: str) -> Future[Opened]:
        return self._opened.select_source(choice)

    def _open(self) -> Opening:
        import cv2

        from streamcam.pipeline.opening import Opening

        cv2.setNumThreads(1)  # its pool spins while it waits, on cores that the engine needs
        self._opening = Opening(
            self._options, self.stats, self._stages, self._main, self._unowned, self._say
        )
        curtain = self._opening.curtain
        self.stats.ask("curtain", lambda: "" if curtain.name == OPEN else curtain.name)
        return self._opening

    def _remember(self, running: list[str]) -> None:
        """Once, when the thread "build" has ended: what the size of the engine came to."""
        first, self._first = self._first, None
        adjustable = self._live.adjustable() if self._live else None
        if first is not None and adjustable is not None and "build" not in running:
            first.settle(adjustable.spec)

    def _attend(self, seconds: float) -> None:
        """Let time pass: until a stage ends, or working for a sink that needs this thread."""
        if self._main.needed:
            self._main.serve(seconds)
        else:
            self._stages.wait(seconds)
