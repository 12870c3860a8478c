"""Rebuild: another engine is built beside the running one. The thread "rebuild"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from time import perf_counter

from engines.api import Engine, Watch
from engines.errors import EngineError
from engines.recipe import Recipe
from streamcam.frames import Ring
from streamcam.stage import Abandoned

# What a build can end with that leaves the running engine unharmed: a named error, or what
# compilers and drivers raise when memory, a file or the device lets them down.
_FAILURES = (EngineError, RuntimeError, MemoryError, OSError)
_CALM_SECONDS = 10.0  # without a wish, after which work that improves the running engine may begin


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """An engine that is wanted. All functions are called on the thread "rebuild".

    order   what to build, one after another: the first is there soon, a later one is better;
            may take seconds to say. May raise `EngineError`
    ready   takes an engine over; `last` says whether a better one follows. May raise
            `EngineError`, the engine is then closed and the wish has failed
    failed  told why there will be no engine, or no better one
    tell    told what is being built, while it takes long
    make_room  closes the running engine, since the next one does not fit beside it; see `Watch`
    """

    order: Callable[[], Sequence[Recipe]]
    ready: Callable[[Engine, bool], None]
    failed: Callable[[Exception], None]
    tell: Callable[[str], None]
    make_room: Callable[[], bool] = lambda: False


class Rebuild:
    """Serves wishes one by one; only the newest counts. `work` on its thread, the rest on any.

    A build that does not return can be left with its thread: `abandon`, then `work` on another.
    """

    def __init__(self, in_calm: Callable[[Watch], None] = lambda _watch: None) -> None:
        """`in_calm`: called on the thread when there was no wish for ten seconds, and again after
        ten more. Raises nothing, and ends early where its watch says so, for a wish."""
        self._in_calm = in_calm
        self._wishes: Ring[Wish] = Ring()
        self._newest: Wish | None = None
        self._closed = False
        self._lock = Lock()
        # Protected by _lock; `silent` reads the second without it:
        self._shift: object = None  # of the thread that works; another one ends
        self._heard: float | None = None  # when what is being built last gave a sign of life

    def ask(self, wish: Wish) -> None:
        """Build this next. A wish that waits or is being built is forgotten, without a call."""
        self._newest = wish
        self._wishes.put(wish)

    def forget(self) -> None:
        """No engine is wanted any more: the one that is being built is closed when it is ready."""
        self._newest = None

    def silent(self) -> float:
        """Seconds since what is being built gave a sign of life; 0.0 if nothing is. A device that
        hangs says nothing, but neither do long reading and compiling."""
        heard = self._heard
        return 0.0 if heard is None else perf_counter() - heard

    def abandon(self) -> bool:
        """Leave what is being built to its thread, which ends, and closes it, once that returns.

        False, and nothing done, if nothing is being built. Then call `work` on another thread, and
        `ask` again for what is still wanted.
        """
        with self._lock:
            if self._heard is None:
                return False
            self._newest, self._shift, self._heard = None, None, None
            return True

    def work(self) -> None:
        """Until closed. Raises `Abandoned` if what it built was."""
        shift = object()
        with self._lock:
            self._shift = shift
        while True:
            wish = self._wishes.get(_CALM_SECONDS)
            if wish is not None and wish is not self._newest:
                continue
            self._heard = perf_counter()
            if wish is None:
                self._in_calm(Watch(wanted=partial(self._is_calm, self._newest)))
            else:
                self._serve(wish)
            with self._lock:
                if shift is not self._shift:
                    raise Abandoned
                self._heard = None

    def close(self) -> None:
        """End `work`, at once or after the build that is under way, whose engine is closed. One
        that takes minutes ends at once: its watch says that it is not wanted."""
        self._newest, self._closed = None, True
        self._wishes.close()

    def _serve(self, wish: Wish) -> None:
        watch = Watch(
            lambda stage: self._tell(wish, stage),
            lambda: self._is_wanted(wish),
            lambda: self._is_wanted(wish) and wish.make_room(),
        )
        try:
            order = list(wish.order())
            for number, recipe in enumerate(order, 1):
                if not self._is_wanted(wish):
                    return
                self._hand_over(wish, recipe.build(watch), last=number == len(order))
        except _FAILURES as error:
            if wish is self._newest:
                wish.failed(error)

    def _tell(self, wish: Wish, stage: str) -> None:
        if self._is_wanted(wish):
            wish.tell(stage)

    def _is_wanted(self, wish: Wish) -> bool:
        """Called by the build, which gives a sign of life by it."""
        if wish is not self._newest:
            return False
        self._heard = perf_counter()
        return True

    def _is_calm(self, before: Wish | None) -> bool:
        """Nothing else is wanted than `before`. Whoever asks is alive."""
        self._heard = perf_counter()
        return self._newest is before and not self._closed

    def _hand_over(self, wish: Wish, engine: Engine, *, last: bool) -> None:
        if wish is not self._newest:
            engine.close()
            return
        try:
            wish.ready(engine, last)
        except EngineError:
            engine.close()
            raise
