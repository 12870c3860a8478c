"""Rebuild: another engine is built beside the running one. The thread "rebuild"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engines.api import Engine, EngineSpec
from engines.errors import EngineError
from streamcam.frames import Ring

# What a build can end with that leaves the running engine unharmed: a named error, or what
# compilers and drivers raise when memory, a file or the device lets them down.
_FAILURES = (EngineError, RuntimeError, MemoryError, OSError)


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """An engine that is wanted.

    ready   takes the engine over; called on the thread "rebuild". May raise `EngineError`,
            the engine is then closed and the wish has failed
    failed  told why there will be none, likewise
    """

    spec: EngineSpec
    ready: Callable[[Engine], None]
    failed: Callable[[Exception], None]


class Rebuild:
    """Serves wishes one by one; only the newest counts. `work` on its thread, the rest on any."""

    def __init__(self, build: Callable[[EngineSpec], Engine]) -> None:
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
        """End `work`, at once or after the build that is under way, whose engine is closed."""
        self._newest = None
        self._wishes.close()

    def _serve(self, wish: Wish) -> None:
        try:
            engine = self._build(wish.spec)
        except _FAILURES as error:
            if wish is self._newest:
                wish.failed(error)
            return
        if wish is not self._newest:
            engine.close()
            return
        try:
            wish.ready(engine)
        except EngineError as error:
            engine.close()
            wish.failed(error)
