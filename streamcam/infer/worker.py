"""InferWorker: newest frame + newest Params → engine → picture. The thread "infer"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

from engines.api import Engine
from streamcam.frames import Frame, Queue, RingClosed
from streamcam.infer.params import ParamsBox
from streamcam.infer.restyler import Gate, Restyler
from streamcam.stats import Stats

OpenGate = Callable[[int], Gate]  # from an engine's `delay` to a gate for it


class InferWorker:
    """Restyles what comes in. `work` and `close` on its thread; the rest from any thread.

    Owns the engine it was given, and every engine it is swapped to. Live it keeps up with
    the newest frame; for a file (not `realtime`) it restyles every frame, in order.
    """

    def __init__(
        self,
        queues: tuple[Queue[Frame], Queue[Frame]],
        restyled_with: tuple[Engine, ParamsBox],
        open_gate: OpenGate,
        stats: Stats,
        *,
        realtime: bool = True,
    ) -> None:
        """`queues`: where frames come from and where pictures go."""
        self._inbox, self._outbox = queues
        self._stats = stats
        self._realtime = realtime
        self._restyler = self._restyler_for(restyled_with, open_gate)
        self._lock = Lock()
        # Protected by _lock; _changed is also read without it, as a hint:
        self._changed = False
        self._closed = False
        self._open_gate = open_gate
        self._next: tuple[Engine, ParamsBox] | None = None

    def swap(self, engine: Engine, params: ParamsBox) -> None:
        """Continue with another engine from the next frame on; the picture stays until then. One
        of the same model and shape takes over the frames in flight."""
        with self._lock:
            unused = (engine, params) if self._closed else self._next
            if not self._closed:
                self._next, self._changed = (engine, params), True
        if unused is not None:
            unused[0].close()

    def use_gate(self, open_gate: OpenGate) -> None:
        """Continue with another gate from the next frame on, and for later engines."""
        with self._lock:
            self._open_gate, self._changed = open_gate, True

    def work(self) -> None:
        """Until the queue of frames is closed and empty."""
        while True:
            try:
                frame = self._inbox.get(0.0 if self._restyler.busy else None)
            except RingClosed:
                self._drain()
                raise
            if frame is None:
                self._put_all(self._restyler.flush())
                continue
            if self._changed:
                self._apply_changes()
            picture = self._restyler.restyle(frame)
            if picture is not None:
                self._outbox.put(picture)

    def close(self) -> None:
        """Close the engine, and one that waits to be swapped in. May be called twice."""
        with self._lock:
            self._closed = True
            unused, self._next = self._next, None
        if unused is not None:
            unused[0].close()
        self._restyler.engine.close()

    def _drain(self) -> None:
        self._put_all(self._restyler.drain())

    def _put_all(self, pictures: Iterable[Frame]) -> None:
        for picture in pictures:
            self._outbox.put(picture)

    def _apply_changes(self) -> None:
        with self._lock:
            following, self._next = self._next, None
            open_gate = self._open_gate
            self._changed = False
        spent = self._restyler.engine
        if following is not None and not self._restyler.continue_with(*following):
            self._drain()
            self._restyler = self._restyler_for(following, open_gate)
        elif open_gate is not self._gate_opener:
            self._restyler.gate = self._opened(open_gate, spent.delay)
        if following is not None:
            spent.close()

    def _restyler_for(
        self, restyled_with: tuple[Engine, ParamsBox], open_gate: OpenGate
    ) -> Restyler:
        engine, params = restyled_with
        gate = self._opened(open_gate, engine.delay)
        return Restyler(engine, params, gate, self._stats, realtime=self._realtime)

    def _opened(self, open_gate: OpenGate, delay: int) -> Gate:
        self._gate_opener = open_gate
        return open_gate(delay)
