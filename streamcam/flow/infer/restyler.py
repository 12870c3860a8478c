"""Restyler: one engine with its gate and its frames in flight, from its first frame to its last."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import perf_counter
from typing import NamedTuple

from engines.api import IN_FLIGHT, Area, Params
from streamcam.flow.infer.behind import Behind
from streamcam.flow.infer.blank import BlankCheck
from streamcam.flow.infer.engine_input import EngineInput
from streamcam.flow.infer.previews import Previews
from streamcam.flow.infer.styling import Styling
from streamcam.frames import Frame, FramePool, MadeOf, Pixels
from streamcam.frames.geometry import Placement, Size, View
from streamcam.frames.sound import Sound
from streamcam.gate import Gate
from streamcam.stats import Stats


class Stamp(NamedTuple):
    """Which input a picture shows: what `Frame` says of it beside its pixels."""

    seq: int
    captured_at: float
    media_time: float | None
    duration: float | None
    sound: tuple[Sound, ...]


class Shown(NamedTuple):
    """Where a picture shows its input, and what that was."""

    placement: Placement
    made_of: MadeOf


class Restyler:
    """Frames in, pictures out; used by one thread.

    A picture carries the stamp of the input it shows, `Engine.delay` frames back, says where it
    shows it (`Frame.placement`) and what the engine was given (`Frame.made_of`). Frames may be of
    any size; another one than before wakes the gate, which compares no shapes. Live (`realtime`),
    a frame that the gate spares goes out as the last picture again; such a frame equals the inputs
    in flight, so they take over its stamp and time never runs backwards. For a file every input
    gives exactly one output, in order: what the engine shows before its pipeline is full is
    dropped, and `drain` follows the last frame; the gate must be "always". For a file, a frame that
    waits is started before the one before it is done, so that a GPU never rests. Live, a picture
    goes out as soon as it is there; a blank one is not shown, and the one before it stays.

    crossing  the last frame was restyled with other parameters than the one before it
    """

    def __init__(
        self,
        styling: Styling,
        gate: Gate,
        stats: Stats,
        view: View,
        behind: Behind | None = None,
        *,
        realtime: bool,
    ) -> None:
        self.engine, self._params = styling.engine, styling.params
        self.gate = gate
        self.crossing = False
        self._stats = stats
        self._behind = behind or Behind(stats)
        self._realtime = realtime
        self._size = (self.engine.spec.width, self.engine.spec.height)
        self._fit = EngineInput(self._size, view)
        self._pool = FramePool(*self._size)
        self._blank = BlankCheck()
        self._runs = 0
        self._started = 0  # frames that the engine has not finished
        self._blocked = 0.0  # seconds in `Engine.start` since the last picture
        # Inputs whose pictures are still to come:
        self._flight: deque[tuple[Stamp, Shown]] = deque()
        self._source: Size | None = None  # of the last frame
        self._input: Pixels | None = None
        self._picture: tuple[Pixels, Shown] | None = None
        self._shown: Params | None = None
        self._room: Params | None = None  # of what is behind the person, if that is another look
        self._scene = 0  # another number for another input
        self._began = self._captured_at = self._interval = 0.0  # of the last frame
        self._spared = False

    def use_view(self, view: View) -> None:
        """Place frames for another one from the next on. What is in flight stays as it is."""
        self._fit = EngineInput(self._size, view)
        self.gate.wake()

    def restyle(self, frame: Frame) -> Frame | None:
        """The picture that is due now; None while a file's next is on its way, and live for one
        that should not be shown. Raises what the engine raises, and `EngineFailed` for the third
        blank picture in a row.
        """
        stamp = Stamp(frame.seq, frame.captured_at, frame.media_time, frame.duration, frame.sound)
        self._began = perf_counter()
        self._interval = frame.captured_at - self._captured_at
        self._captured_at = frame.captured_at
        now = self._time_of(frame)
        params = self._params.read(now)
        # What was started for one look is finished for one.
        room = None if self._started else self._behind.params(self.engine, now)
        self.crossing = params is not self._shown or room is not self._room
        if self.crossing:
            self._shown, self._room = params, room
            self.gate.wake()
        size = frame.size
        if size != self._source:
            if self._source is not None:
                self.gate.wake()
            self._source = size
        passes = self.gate.passes(frame.pixels)
        self._spared = not passes
        if self._picture is not None and not passes:
            self._stats.count("skipped")
            self._flight = deque((stamp, shown) for _, shown in self._flight)
            return _stamped(*self._picture, stamp, repeat=True)
        self._input, placement = self._fit(frame.pixels)
        self._scene += 1
        made_of = MadeOf(self._input, params, frame.pixels)
        self._flight.append((stamp, Shown(placement, made_of)))
        changed = None if self.gate.changed is None else self._fit.area(self.gate.changed)
        return self._run(self._input, params, changed)

    def preview(self, previews: Previews) -> None:
        """Make one that is due, of the last input: the engine runs once, and what is shown stays.

        Not while looks cross over, and not with frames in flight, which a picture of another look
        would get among. Call it once the last frame's picture has gone out. Raises what the engine
        raises.
        """
        if self.engine.delay or self._started or self.crossing or self._picture is None:
            return
        began = perf_counter()
        due = previews.next(self._params, self._scene, began)
        if due is None or self._input is None:
            return
        name, params = due
        self.engine.start(self._input, params, self._pool.take())
        picture = self.engine.finish()
        placed = self._picture[1].placement.placed
        previews.put(name, placed.of(picture), params, self._scene)
        now = perf_counter()
        idle = self._spared or 2 * (began - self._began) < self._interval  # one fits in between
        previews.rest(now - began, now, idle=idle)

    def continue_with(self, following: Styling) -> bool:
        """Run another engine on the frames in flight, live, if it can take them over."""
        if not self._realtime:
            return False
        try:
            taken = following.engine.take_over(self.engine)
        except Exception:  # noqa: BLE001  # the other one broke: this one starts with the next frame
            return False
        if not taken:
            return False
        self.engine, self._params = following.engine, following.params
        return True

    def drain(self) -> Iterator[Frame]:
        """A file's inputs in flight, by showing the engine its last input again."""
        if self._realtime or self._input is None or self._shown is None:
            return
        for _ in range(self.engine.delay):
            frame = self._run(self._input, self._shown)
            if frame is not None:
                yield frame
        yield from self.flush()

    @property
    def busy(self) -> bool:
        """A picture is on its way that `flush` would bring."""
        return self._started > 0

    def flush(self) -> Iterator[Frame]:
        """What is on its way, since no further frame waits."""
        while self._started:
            frame = self._finish()
            if frame is not None:
                yield frame

    def _run(self, pixels: Pixels, params: Params, changed: Area | None = None) -> Frame | None:
        began, both = perf_counter(), self._room is not None
        self.engine.start(pixels, params, self._pool.take(), None if both else changed)
        self._blocked += perf_counter() - began
        self._started += 1
        if self._started == (1 if self._realtime or both else IN_FLIGHT):
            return self._finish()
        return None

    def _finish(self) -> Frame | None:
        began = perf_counter()
        picture, room = self.engine.finish(), None
        if self._room is not None and self._input is not None:
            room = self._behind.run(self.engine, self._input, self._room, self._pool.take())
        # What holds the rate and what is hung is judged by whole frames: any may be one.
        took = "patch" if self.engine.patched else "engine"
        self._stats.took(took, self._blocked + perf_counter() - began)
        self._stats.count("engine")
        if self.engine.patched:
            self._stats.count("patched")
        self._blocked = 0.0
        self._started -= 1
        self._runs += 1
        if self._runs > self.engine.delay:
            stamp, shown = self._flight.popleft()
        elif self._realtime:
            stamp, shown = self._flight[0]  # a cold engine holds the first input in every slot
        else:
            return None
        if self._realtime and self._input is not None and self._blank.refuses(picture, self._input):
            return None
        if room is not None and self._input is not None:
            picture = self._behind.put(room, picture, self._input, shown.placement)
        self._picture = picture, shown
        return _stamped(picture, shown, stamp)

    def _time_of(self, frame: Frame) -> float:
        """Crossfades run by the clock, or by the file's own time."""
        if self._realtime or frame.media_time is None:
            return perf_counter()
        return frame.media_time


def _stamped(pixels: Pixels, shown: Shown, stamp: Stamp, *, repeat: bool = False) -> Frame:
    """The input's stamp on the picture that shows it."""
    return Frame(
        pixels,
        stamp.seq,
        stamp.captured_at,
        stamp.media_time,
        repeat=repeat,
        duration=stamp.duration,
        placement=shown.placement,
        made_of=shown.made_of,
        sound=stamp.sound,
    )
