"""FirstEngine: what a run begins with, made while outputs and source open. The thread "build"."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from threading import Event

from engines.api import Engine, EngineSpec, Watch
from engines.backends import open_backend
from engines.backends.openvino import ahead
from engines.choice import expected_backend
from engines.errors import BuildAbandoned
from engines.recipe import Recipe
from streamcam.capture import Opened
from streamcam.flow.main_thread import result_of
from streamcam.options import Options, view_for
from streamcam.priority import giving_way_afterwards
from streamcam.provision.build import Provided, open_engine
from streamcam.provision.earlier.ahead import note
from streamcam.provision.earlier.choice import Remembered
from streamcam.provision.prompts import encode_looks
from streamcam.provision.spec import same_but_size, spec_for

_HEAD_START_SECONDS = 0.15  # seconds for a source to be refused before an engine is built for it
_ON_PROCESSOR = "openvino"


class FirstEngine:
    """Built on a thread of its own, which gives way: an engine's pool of threads inherits that.

    One that was chosen at an earlier start is made at once, of what is kept. What takes long, to
    download, to compile and to measure, waits until outputs and source have been opened: what they
    refuse is told at once, and leaves nothing behind.

    opened  the engine, or what hindered it. The main thread waits for it
    """

    def __init__(
        self,
        options: Options,
        own: Callable[[Callable[[], None]], None],
        stop: Event,
        say: Callable[[str], None],
    ) -> None:
        """`own` is called with what closes the engine, as soon as there is one. `stop` is set when
        nobody wants it any more. `say` is called with lines for people, on "build"."""
        self.opened: Future[Provided] = Future()
        self._options = options
        self._own = own
        self._stop = stop
        self._say = say
        self._remembered: Remembered | None = None
        self._ends: Future[tuple[Options, Future[Opened]]] = Future()

    def begin(self, options: Options, source: Future[Opened]) -> None:
        """The outputs are open, and the source is being opened. Called once."""
        self._ends.set_result((options, source))

    def close(self) -> None:
        """`stop` is set. From any thread; may be called twice."""
        with suppress(Exception):  # it has begun
            self._ends.set_exception(BuildAbandoned("the run has ended."))

    def work(self) -> None:
        """Build it, once. What is kept for the next start is written when it runs already."""
        with ahead.keeping_later() as keep:
            giving_way_afterwards(self._make)()
        ahead.forget()
        if self.opened.exception() is not None:
            return
        provided = self.opened.result()
        keep(provided.engine.spec)
        if self._remembered is not None:
            self._remembered.keep(provided)
            note(self._options, provided.engine.spec)

    def settle(self, spec: EngineSpec) -> None:
        """The run has ended with this engine, and so has `work`. Where its size has followed the
        rate, the next start like this one begins with it."""
        if self._remembered is None or not self.opened.done() or self.opened.exception():
            return
        first = self.opened.result().engine.spec
        if spec != first and same_but_size(spec, first):
            self._remembered.settle(spec)
            note(self._options, spec)

    def _make(self) -> None:
        try:
            spec = spec_for(self._options.preset, self._options)
            name = expected_backend(spec)
            with suppress(Exception):  # who builds on it says what is missing
                open_backend(name)
            provided = None
            if name == _ON_PROCESSOR and self._options.realtime:  # nobody measures one for a file
                self._remembered = Remembered(self._options, spec, self._aspect(), self._say)
                provided = self._remembered.open(self._build)
            if provided is None:
                self._wait_for_ends()
                provided = open_engine(self._options, self._aspect, self._build)
            self._own(provided.engine.close)
            if self._stop.is_set():  # whoever closes what is owned may have done so
                provided.engine.close()
            encode_looks(self._options.preset, provided.engine.encode)
        except BaseException as error:  # noqa: BLE001  # the main thread raises it
            self.opened.set_exception(error)
        else:
            self.opened.set_result(provided)

    def _build(self, recipe: Recipe) -> Engine:
        """An engine; live, one on torch where TensorRT would take minutes. Raises what the source
        raised, before it builds one: a mistyped file name is reported at once, and an engine takes
        seconds."""
        if self._ends.done():
            source = self._ends.result()[1]
            if source.done():
                source.result()
        if self._options.realtime and recipe.spec.backend == "tensorrt":
            recipe = recipe.build_order()[0]
        return recipe.build(Watch(wanted=lambda: not self._stop.is_set()))

    def _aspect(self) -> float:
        """The shape to restyle in: that of the part of the source that will be seen."""
        view = view_for(self._options.preset, self._options)
        if view.fit == "crop":  # it is the outputs', whatever the source is
            return view.aspect(view.size)
        opened = result_of(self._wait_for_ends())
        return view.aspect((opened.width, opened.height))

    def _wait_for_ends(self) -> Future[Opened]:
        """The outputs are open, and the source has had a moment to be refused."""
        self._options, source = self._ends.result()
        wait_for([source], _HEAD_START_SECONDS)
        return source
