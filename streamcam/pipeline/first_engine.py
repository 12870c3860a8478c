"""FirstEngine: what a run begins with, built while its source opens. The thread "build"."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for

from engines.api import Engine
from engines.recipe import Recipe
from streamcam.capture import Opened
from streamcam.flow.main_thread import result_of
from streamcam.options import Options, view_for
from streamcam.provision.build import Provided, open_engine
from streamcam.provision.prompts import encode_looks

_HEAD_START_SECONDS = 0.15  # seconds for a source to be refused before an engine is built for it


class FirstEngine:
    """Built on a thread of its own, which gives way: an engine's pool of threads inherits that.

    opened  the engine, or what hindered it. The main thread waits for it
    """

    def __init__(
        self,
        options: Options,
        source: Future[Opened],
        own: Callable[[Callable[[], None]], None],
    ) -> None:
        """`own` is called with what closes the engine, as soon as there is one."""
        self.opened: Future[Provided] = Future()
        self._options = options
        self._source = source
        self._own = own

    def work(self) -> None:
        """Build it, once."""
        try:
            wait_for([self._source], _HEAD_START_SECONDS)
            provided = open_engine(self._options, self._aspect, self._build)
            self._own(provided.engine.close)
            encode_looks(self._options.preset, provided.engine.encode)
        except BaseException as error:  # noqa: BLE001  # the main thread raises it
            self.opened.set_exception(error)
        else:
            self.opened.set_result(provided)

    def _build(self, recipe: Recipe) -> Engine:
        """An engine; live, one on torch where TensorRT would take minutes. Raises what the source
        raised, before it builds one: a mistyped file name is reported at once, and an engine takes
        seconds."""
        if self._source.done():
            self._source.result()
        if self._options.realtime and recipe.spec.backend == "tensorrt":
            recipe = recipe.build_order()[0]
        engine = recipe.build()
        if self._source.done() and self._source.exception() is not None:
            engine.close()
            self._source.result()
        return engine

    def _aspect(self) -> float:
        """The shape to restyle in: that of the part of the source that will be seen."""
        view = view_for(self._options.preset, self._options)
        if view.fit == "crop":  # it is the outputs', whatever the source is
            return view.aspect(view.size)
        opened = result_of(self._source)
        return view.aspect((opened.width, opened.height))
