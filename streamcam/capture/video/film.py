"""Film: the pictures of a decoder in order, each with its place in time, round after round."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from av.video.frame import VideoFrame

from streamcam.capture.video.decoder import Decoder
from streamcam.capture.video.deinterlacing import Deinterlacer
from streamcam.capture.video.hearing import Moment
from streamcam.capture.video.length import Length
from streamcam.capture.video.part import Part
from streamcam.capture.video.timing import Timeline, time_of
from streamcam.clock.pace import Clock
from streamcam.errors import SourceLost, UsageError
from streamcam.files.excerpt import WHOLE, Excerpt
from streamcam.frames.sound import Sound

if TYPE_CHECKING:
    from streamcam.capture.video.animation import Animation

# Live streams begin with what their server has kept: a group of pictures, some seconds at most.
_BURST_SECONDS = 10.0  # seconds ahead of the clock at which a stream turns out to be a film
_SHORTEST_FILM_SECONDS = 1.0  # a longer stream that came in half its time was a film
_STILL_SECONDS = 0.5  # seconds between two looks at a single picture on the network


@dataclass(frozen=True, slots=True)
class Shot:
    """A decoded picture.

    time      seconds on a timeline that starts at 0 and rises over rounds
    duration  seconds until the next picture, or until the film is over; None: not known
    sound     what is heard from it on, up to the next one
    """

    picture: VideoFrame
    time: float
    duration: float | None
    sound: tuple[Sound, ...] = ()


class Film:
    """Plays a decoder. Used by one thread at a time. Closes the decoder.

    first    the first picture, which `next` gives as well
    seconds  how long it is, about, if that is known
    paced    pictures are to be shown when their time has come, not as they arrive
    """

    def __init__(
        self,
        decoder: Decoder | Animation,
        clock: Clock,
        *,
        loop: bool,
        excerpt: Excerpt = WHOLE,
    ) -> None:
        """`loop`: begin again at the end. Raises `UsageError` if there is no picture in it."""
        self.decoder = decoder
        self._source = Part(Deinterlacer(decoder), excerpt, 1 / decoder.fps)
        self.seconds = self._source.seconds(decoder.seconds)
        self.paced = not decoder.live
        self._loop = loop
        self._clock = clock
        self._begun = False
        self._timeline = Timeline(1 / decoder.fps, decoder.gap)
        try:
            self.first = self._source.next()
        except (EOFError, SourceLost) as error:
            decoder.close()
            which = "that can be read" if excerpt == WHOLE else f"that can be read {excerpt}"
            raise UsageError(
                f"{decoder.name} holds no picture {which}. {decoder.remedy}"
            ) from error
        # The first pictures were made, or sent, while FFmpeg probed the stream.
        self._began_at = clock.now() - decoder.took
        self._shots = self._play()

    def next(self) -> Shot:
        """The next picture. `EOFError` at the end, `SourceLost` if the connection broke."""
        shot = next(self._shots, None)
        if shot is None:
            raise EOFError(f"{self.decoder.name}: the end")
        return shot

    def close(self) -> None:
        """Release what is decoded. May be called twice."""
        self._shots.close()
        self.decoder.close()

    def _play(self) -> Generator[Shot]:
        while True:
            last = None
            for last in self._round():
                yield last
            if not self._loop or self.decoder.ends:
                return
            self._check_end(last)
            self._source.rewind()
            self._timeline.restart()

    def _round(self) -> Iterator[Shot]:
        """One round of the film. A paced picture is kept until the time of the one after it is
        known."""
        held: VideoFrame | None = None
        count, begin = 0, None
        for picture in self._pictures():
            if count == 0:
                begin = time_of(picture)
            count += 1
            if not self.paced:
                yield self._arrived(picture)
                continue
            if held is not None:
                yield self._placed(held, self._until(held, picture), picture)
            held = picture
        if held is not None:
            lasts = self._last_one(held, begin)
            if count == 1 and self.decoder.remote:
                lasts = max(lasts or 0.0, _STILL_SECONDS)
            yield self._placed(held, lasts)

    def _pictures(self) -> Iterator[VideoFrame]:
        """From the first picture of the film to its last."""
        if not self._begun:
            self._begun = True
            yield self.first
        while True:
            try:
                picture = self._source.next()
            except EOFError:
                return
            yield picture

    def _arrived(self, picture: VideoFrame) -> Shot:
        """Live: when the next one comes is not known. Too much at once is no live stream."""
        shot = self._placed(picture, None)
        if self.decoder.length is Length.UNKNOWN:
            self.paced = shot.time - (self._clock.now() - self._began_at) > _BURST_SECONDS
        return shot

    def _placed(
        self, picture: VideoFrame, lasts: float | None, following: VideoFrame | None = None
    ) -> Shot:
        """`following`: None for the last one, and live."""
        timeline, at = self._timeline, time_of(picture)
        placed = timeline.place(at, lasts)
        at = placed - timeline.shift if at is None else at
        until = self._source.cut
        if following is not None:
            until = at + (lasts or 1 / self.decoder.fps)
        moment = Moment(at, until, timeline.shift, timeline.jumps)
        return Shot(picture, placed, lasts, self.decoder.hearing.along_with(moment))

    def _until(self, picture: VideoFrame, following: VideoFrame) -> float | None:
        begin, end = time_of(picture), time_of(following)
        if begin is not None and end is not None and 0 < end - begin <= self.decoder.gap:
            return end - begin
        return self._own_duration(picture)

    def _own_duration(self, picture: VideoFrame) -> float | None:
        """What the container says of it."""
        if not picture.duration or picture.time_base is None:
            return None
        stated = float(picture.duration * picture.time_base)
        return stated if 0 < stated <= self.decoder.gap else None

    def _last_one(self, picture: VideoFrame, begin: float | None) -> float | None:
        """How long the last picture of a film is shown that begins at `begin`."""
        stated, lasts, time = self._own_duration(picture), self.decoder.lasts, time_of(picture)
        if self._source.cut is not None and time is not None:
            return self._source.cut - time
        if lasts is None or begin is None or time is None:
            return stated
        rest = begin + lasts - time
        return max(stated or 0.0, rest) if 0 < rest <= self.decoder.gap else stated

    def _check_end(self, last: Shot | None) -> None:
        """Raise `SourceLost` for an end that is a loss: that of a live stream or a pipe."""
        decoder = self.decoder
        if last is None:
            raise SourceLost(f"{decoder.name} cannot be read any more")
        if decoder.pipe:
            raise SourceLost(f"{decoder.name}: who wrote into it has ended")
        if decoder.length is Length.UNKNOWN and not self.paced:
            took = self._clock.now() - self._began_at
            self.paced = last.time >= _SHORTEST_FILM_SECONDS and last.time > 2 * took
        if decoder.length is Length.ENDLESS or not self.paced:
            raise SourceLost(f"{decoder.name}: the stream ended")
