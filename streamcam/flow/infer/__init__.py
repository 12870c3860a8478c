"""InferWorker: newest frame + newest Params → engine → picture. The thread "infer"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Event, Lock
from time import perf_counter
from typing import TypeVar

from engines.api import Engine, Watch
from engines.errors import EngineFailed
from streamcam.errors import told
from streamcam.flow.infer.behind import Behind
from streamcam.flow.infer.changes import Changes, OpenGate
from streamcam.flow.infer.previews import Previews
from streamcam.flow.infer.restyler import Restyler
from streamcam.flow.infer.styling import Styling
from streamcam.frames import Frame, Queue, RingClosed
from streamcam.frames.geometry import Size, View
from streamcam.gate import Gate
from streamcam.stage import Abandoned, call_all
from streamcam.stats import Stats

_T = TypeVar("_T")
_AGE = 0.1  # weight of a new frame in the usual time


class InferWorker:
    """Restyles what comes in. `work` and `close` on its thread; the rest from any thread.

    Owns the engine it was given, and every engine it is swapped to. Live it keeps up with
    the newest frame; for a file (not `realtime`) it restyles every frame, in order.

    Live, an engine that fails is closed and `broke` told why; from then on frames are dropped,
    or passed on as they are with `passthrough`, until `swap` brings another engine. An engine
    that does not return can be left with its thread: `abandon`, then `work` on another thread.

    source    (width, height) of the newest frame; None before the first
    previews  of other looks, which are made live between two frames
    behind    what the room is in, where that is another look than the person's
    """

    def __init__(
        self,
        queues: tuple[Queue[Frame], Queue[Frame]],
        styling: Styling,
        open_gate: OpenGate,
        stats: Stats,
        view: View,
        *,
        broke: Callable[[Exception], None] | None = None,
    ) -> None:
        """`queues`: where frames come from and where pictures go. `broke`: None for a file, whose
        engine's failure is raised; called on the thread of `work`."""
        self.passthrough = False
        self.source: Size | None = None  # replaced as a whole
        self.previews = Previews()
        self.behind = Behind(stats)
        self._inbox, self._outbox = queues
        self._stats = stats
        self._broke = broke
        self._view = view
        self._changes = Changes(open_gate)
        self._restyler = self._restyler_for(styling, open_gate)
        self._lock = Lock()
        # Protected by _lock:
        self._shift: object = None  # of the thread that works; another one ends
        self._busy_since: float | None = None  # a frame is being restyled
        # Of the thread that works:
        self._broken = False
        self._left = False  # there is no engine, and that is no failure
        self._usual: float | None = None  # seconds that a frame takes

    def swap(self, following: Styling) -> None:
        """Go on with another engine, and the frames in flight if model and shape are the same."""
        self._changes.swap(following)

    def use_gate(self, open_gate: OpenGate) -> None:
        """Continue with another gate from the next frame on, and for later engines."""
        self._changes.use_gate(open_gate)

    def use_view(self, view: View) -> None:
        """Place frames for another view from the next one on, and for later engines."""
        self._changes.use_view(view)

    @property
    def crossing(self) -> bool:
        """Whether one look is turning into another."""
        return self._restyler.crossing

    def let_go(self) -> bool:
        """Close the engine before the next frame: the last picture stays until `swap` brings
        another one. Waits; False, and nothing done, if no frame comes or ends."""
        return self._changes.let_go()

    def prepare_patches(self, watch: Watch) -> None:
        """Let the engine make ready what frames with little motion need; frames go on meanwhile."""
        if not self._broken:
            self._restyler.engine.prepare_patches(watch)

    def busy(self) -> tuple[float, float | None]:
        """Seconds that the current frame has taken, and that one usually takes: None at first."""
        since, usual = self._busy_since, self._usual
        return (0.0 if since is None else perf_counter() - since), usual

    def abandon(self) -> bool:
        """Leave the engine that is at work to its thread, which ends once that returns.

        False, and nothing done, if it has just returned. Then call `work` on another thread.
        """
        with self._lock:
            if self._busy_since is None:
                return False
            self._shift, self._busy_since = None, None
            self._broken = True
            return True

    def work(self) -> None:
        """Until the queue of frames is closed and empty. Raises `Abandoned` if the engine was."""
        shift = self._shift = object()
        while True:
            try:
                busy = self._restyler.busy and not self._broken
                frame = self._inbox.get(0.0 if busy else None)
            except RingClosed:
                self._drain()
                raise
            if frame is None:
                self._put_all(self._restyler.flush())
                continue
            self.source = frame.size
            if self._changes.waiting:
                self._apply_changes(shift)
            picture = self._picture_of(frame, shift)
            if picture is not None:
                self._outbox.put(picture)
            if self._broke is not None and not self._broken:
                self._guarded(lambda: self._restyler.preview(self.previews), shift)

    def close(self) -> None:
        """Close the engine, and one that waits to be swapped in. May be called twice. Raises
        `EngineFailed`, whatever the engine raises."""
        engines = self._changes.close()
        if not self._broken:  # else it was closed, or its thread will
            engines.append(self._restyler.engine)
        errors = call_all([engine.close for engine in engines])
        if errors:
            reasons = "; ".join(told(error, EngineFailed) for error in errors)
            raise EngineFailed(f"the engine could not be closed: {reasons}") from errors[0]

    def _picture_of(self, frame: Frame, shift: object) -> Frame | None:
        if self._broken:
            return frame if self.passthrough and not self._left else None
        restyler, began = self._restyler, perf_counter()
        picture = self._guarded(lambda: restyler.restyle(frame), shift)
        if not self._broken:
            took = perf_counter() - began
            self._usual = took if self._usual is None else self._usual + _AGE * (took - self._usual)
        return picture

    def _guarded(self, work: Callable[[], _T], shift: object) -> _T | None:
        """What `work` gives, which lets the engine run; None once that has failed."""
        restyler = self._restyler
        self._busy_since = perf_counter()
        try:
            found = work()
        except Exception as error:
            self._returned(restyler, shift)
            if self._broke is None:
                raise
            # Viewers go on seeing the last picture while another engine is built.
            self._broken = True
            self._broke(error)
            self._busy_since = perf_counter()  # closing an engine may hang as well
            _close(restyler.engine)
            self._returned(restyler, shift)
            return None
        self._returned(restyler, shift)
        return found

    def _returned(self, restyler: Restyler, shift: object) -> None:
        """The engine has returned. Raises `Abandoned` if the watchdog has left it meanwhile."""
        with self._lock:
            if shift is self._shift:
                self._busy_since = None
                return
        _close(restyler.engine)
        raise Abandoned

    def _drain(self) -> None:
        if not self._broken:
            self._put_all(self._restyler.drain())

    def _put_all(self, pictures: Iterable[Frame]) -> None:
        for picture in pictures:
            self._outbox.put(picture)

    def _apply_changes(self, shift: object) -> None:
        """Raises `Abandoned` if the engine that ran so far does not let go."""
        due = self._changes.take()
        if due.view is not None:
            self._view = due.view
            self._restyler.use_view(due.view)
        if due.following is not None:
            self._change_engine(due.following, due.open_gate, shift)
        elif due.open_gate is not self._gate_opener:
            self._restyler.gate = self._opened(due.open_gate, self._restyler.engine.delay)
        if due.leaving is not None:
            self._leave(due.leaving, shift)

    def _leave(self, left: Event, shift: object) -> None:
        restyler = self._restyler
        if not self._broken:
            self._busy_since = perf_counter()
            _close(restyler.engine)
            self._returned(restyler, shift)
            self._broken = self._left = True
        left.set()

    def _change_engine(self, following: Styling, open_gate: OpenGate, shift: object) -> None:
        restyler, spent, gone = self._restyler, self._restyler.engine, self._broken
        self._busy_since = perf_counter()  # both engines are at work on their devices
        taken_over = not gone and restyler.continue_with(following)
        self._returned(restyler, shift)
        if not taken_over:
            self._drain()
            restyler = self._restyler = self._restyler_for(following, open_gate)
            self._broken, self._left, self._usual = False, False, None
        elif open_gate is not self._gate_opener:
            restyler.gate = self._opened(open_gate, following.engine.delay)
        if not gone:
            self._busy_since = perf_counter()
            _close(spent)
            self._returned(restyler, shift)

    def _restyler_for(self, styling: Styling, open_gate: OpenGate) -> Restyler:
        gate = self._opened(open_gate, styling.engine.delay)
        live = self._broke is not None
        return Restyler(styling, gate, self._stats, self._view, self.behind, realtime=live)

    def _opened(self, open_gate: OpenGate, delay: int) -> Gate:
        self._gate_opener = open_gate
        return open_gate(delay)


def _close(engine: Engine) -> None:
    """Free what a broken engine holds, as far as it lets go of it."""
    with suppress(Exception):
        engine.close()
