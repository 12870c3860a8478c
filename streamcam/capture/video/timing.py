"""Timing: the times of pictures as one line that only rises, and what can be known from them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_ROUNDED = Fraction(1, 1_000_000)  # of a rate
_FINE = Fraction(1, 500)  # seconds; times in ticks up to this long may be rounded


class Timeline:
    """Turns the times of decoded pictures into one that starts at 0 and only rises.

    A time that is not after the one before (a stream's clock wraps or starts again) and one more
    than `gap` seconds after it are no times that pass: the picture follows where the one before
    it ends.

    shift  seconds that were added to the time of the picture that was placed last
    jumps  how often its times did not pass
    """

    def __init__(self, period: float, gap: float) -> None:
        """`period`: seconds that a picture lasts of which nothing else is known."""
        self._period = period
        self._gap = gap
        self._last: float | None = None
        self._end = 0.0  # of the picture before
        self.shift = 0.0
        self.jumps = 0
        self._fresh = False

    def restart(self) -> None:
        """The film begins again: the next picture follows the last one, whatever its time."""
        self._fresh = True

    def place(self, time: float | None, lasts: float | None = None) -> float:
        """Seconds on the timeline of the next picture.

        time   its own time in seconds, if it has one
        lasts  seconds for which it is shown, if that is known
        """
        if self._last is None:
            placed = 0.0
        elif time is None or self._fresh:
            placed = self._end
        else:
            placed = time + self.shift
            if not self._last < placed <= self._last + self._gap:
                placed = self._end
                self.jumps += 1
        self._fresh = False
        if time is not None:
            self.shift = placed - time
        self._last = placed
        self._end = placed + (lasts or self._period)
        return placed


def time_of(picture: VideoFrame) -> float | None:
    """Its own time in seconds, which not every container gives it, whatever PyAV's stubs say."""
    return picture.time


def stated_rate(stream: VideoStream, packets: Iterable[Packet[VideoStream]]) -> Fraction | None:
    """The exact rate of a film whose `packets` are its first: one of those that its container and
    its codec state, if all of them keep it, and their number too, where the container counts."""
    average, frames = stream.average_rate, stream.frames
    for stated in (stream.guessed_rate, average, stream.codec_context.framerate):
        if not stated or stated < 0:
            continue
        rate = _usual(stated)
        if _keep(packets, rate) and (
            not (frames and average) or abs(frames / average - frames / rate) <= 1 / rate
        ):
            return rate
    return None


def _usual(rate: Fraction) -> Fraction:
    """A rate of television from what Matroska's nanoseconds make of it: 19001/317 is 60000/1001."""
    for unit in (Fraction(1), Fraction(1000, 1001)):
        usual = round(rate / unit) * unit
        if abs(usual - rate) <= rate * _ROUNDED:
            return usual
    return rate


def _keep(packets: Iterable[Packet[VideoStream]], rate: Fraction) -> bool:
    """Whether pictures, in any order, follow each other at `rate` and last as long.

    Times are rounded to the ticks of their container, so they may be one tick off; but where
    ticks are coarse (those of a GIF are a hundredth of a second) a time means what it says.
    """
    shown = [one for one in packets if one.size and not one.is_discard]
    stamps = sorted(one.pts for one in shown if one.pts is not None)
    if not stamps:
        return True  # nothing says otherwise, and so they are played
    tick = shown[0].time_base
    allowed = tick if tick <= _FINE else Fraction(0)
    lengths = {one.duration for one in shown if one.duration}
    return all(abs(length * tick - 1 / rate) <= allowed for length in lengths) and all(
        abs((stamp - stamps[0]) * tick - number / rate) <= allowed
        for number, stamp in enumerate(stamps)
    )
