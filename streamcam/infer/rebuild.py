"""Rebuild: another engine is built beside the running one. The thread "rebuild"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engines.api import Engine, EngineSpec, Watch
from engines.errors import EngineError
from streamcam.frames import Ring

# What a build can end with that leaves the running engine unharmed: a named error, or what
# compilers and drivers raise when memory, a file or the device lets them down.
_FAILURES = (EngineError, RuntimeError, MemoryError, OSError)


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """An engine that is wanted. All functions are called on the thread "rebuild".

    steps   what to build, one after another: the first is there soon, a later one is better.
            May raise `EngineError`
    ready   takes an engine over; `last` says whether a better one follows. May raise
            `EngineError`, the engine is then closed and the wish has failed
    failed  told why there will be none, or no better one
    tell    told what is being built, while it takes long
    """

    steps: Callable[[], Sequence[EngineSpec]]
    ready: Callable[[Engine, bool], None]
    failed: Callable[[Exception], None]
    tell: Callable[[str], None]


class Rebuild:
    """Serves wishes one by one; only the newest counts. `work` on its thread, the rest on any."""

    def __init__(self, build: Callable[[EngineSpec, Watch], Engine]) -> None:
        self._build = build
        self._wishes: Ring[Wish] = Ring()
        self._newest: Wish | None = None

    def ask(self, wish: Wish) -> None:
        """Build this next. A wish that waits or is being built is forgotten, without a call."""
        self._newest = wish
        self._wishes.put(wish)

    def forget(self) -> None:
        """Nothing is wanted any more: what is being built is closed when it is ready."""
        self._newest = None

    def work(self) -> None:
        """Until closed."""
        while True:
            wish = self._wishes.get()
            if wish is not None and wish is self._newest:
                self._serve(wish)

    def close(self) -> None:
        """End `work`, at once or after the build that is under way, whose engine is closed. One
        that takes minutes ends at once: its watch says that it is not wanted."""
        self._newest = None
        self._wishes.close()

    def _serve(self, wish: Wish) -> None:
        watch = Watch(wish.tell, lambda: wish is self._newest)
        try:
            steps = list(wish.steps())
            for number, spec in enumerate(steps, 1):
                self._hand_over(wish, self._build(spec, watch), last=number == len(steps))
                if wish is not self._newest:
                    return
        except _FAILURES as error:
            if wish is self._newest:
                wish.failed(error)

    def _hand_over(self, wish: Wish, engine: Engine, *, last: bool) -> None:
        if wish is not self._newest:
            engine.close()
            return
        try:
            wish.ready(engine, last)
        except EngineError:
            engine.close()
            raise
