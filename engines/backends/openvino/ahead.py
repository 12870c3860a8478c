"""Ahead: kept graphs that are read while a program loads its code, and knows of no engine yet.

To read them takes OpenVINO as long as Python takes to load everything else, on another core. Which
ones will be wanted is a guess of the caller's, from an earlier start. Whoever builds an engine
takes them by the key of all that shapes them, so a wrong guess costs time and can never show.

Light: OpenVINO is loaded once something is guessed, on the thread that guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.api import EngineSpec
    from engines.backends.openvino.graphs import ov

TEXT_ENCODER = "text encoder"

_guessed: dict[str, Future[ov.CompiledModel | None]] = {}  # by the name of its folder
_used: dict[object, str] = {}  # names, by what they are for
_postponed: ContextVar[list[tuple[object, Callable[[], None]]] | None] = ContextVar(
    "postponed", default=None
)


def guess(names: Iterable[str]) -> None:
    """These will be read by `read`, on another thread; who asks for one then waits for it. Raises
    what hinders OpenVINO from being loaded.

    It is loaded here, since two threads that load code take turns at every file, some milliseconds
    each: where the other one did it, it began to read a second later.
    """
    import engines.backends.openvino.kept  # noqa: F401

    _guessed.update((name, Future()) for name in names)


def read() -> None:
    """What was guessed; takes some tenths of a second. Whatever goes wrong is for those to say who
    want one of them."""
    for name, future in list(_guessed.items()):
        try:
            from engines.backends.openvino.kept import read_kept

            found = read_kept(name)
        except Exception:  # noqa: BLE001  # see above
            found = None
        future.set_result(found)


def take(name: str) -> ov.CompiledModel | None:
    """One that was guessed; None if it was not, or could not be read. From any thread."""
    future = _guessed.pop(name, None)
    return None if future is None else future.result()


def use(purpose: object, name: str) -> None:
    """This one serves now; the newest of a purpose counts."""
    _used[purpose] = name


def used(spec: EngineSpec) -> list[str]:
    """The names of those that serve an engine of `spec`, to be guessed at another start."""
    return [_used[one] for one in (frame_step(spec), TEXT_ENCODER) if one in _used]


def frame_step(spec: EngineSpec) -> object:
    """What one is for; of a model, since a process rarely has two."""
    return (spec.width, spec.height, spec.steps, spec.batching, spec.guidance_mode)


@contextmanager
def keeping_later() -> Iterator[Callable[[EngineSpec], None]]:
    """What this thread compiles meanwhile is kept once the function that this gives is called, and
    only what an engine of that spec uses: to write a graph takes a third of a second, and a start
    compiles several to choose one."""
    postponed: list[tuple[object, Callable[[], None]]] = []

    def keep(spec: EngineSpec) -> None:
        for purpose, write in postponed:
            if purpose in (frame_step(spec), TEXT_ENCODER):
                write()
        postponed.clear()

    token = _postponed.set(postponed)
    try:
        yield keep
    finally:
        _postponed.reset(token)


def keep(purpose: object, write: Callable[[], None]) -> None:
    """`write` what was compiled for a purpose: now, or later."""
    postponed = _postponed.get()
    if postponed is None:
        write()
    else:
        postponed.append((purpose, write))


def forget() -> None:
    """Nobody will want what is left."""
    _guessed.clear()
