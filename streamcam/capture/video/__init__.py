"""Source `video`: a file or URL that FFmpeg can read, at the pace of its timestamps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from av.video.frame import VideoFrame

from streamcam.capture import FilmInfo, Wanted
from streamcam.capture.video.address import parse_address
from streamcam.capture.video.decoder import Decoder
from streamcam.capture.video.faults import reason
from streamcam.capture.video.film import Film, Shot
from streamcam.capture.video.thinning import Shots, Thinned
from streamcam.capture.video.waiting import ReadAhead, opened_aside
from streamcam.clock.pace import SYSTEM_CLOCK, Clock, FrameSchedule
from streamcam.errors import SourceLost, UsageError
from streamcam.files.excerpt import WHOLE, Excerpt, cut
from streamcam.files.kind import needs_pillow
from streamcam.frames import Frame, Pixels
from streamcam.frames.sound import Sound
from streamcam.pixels import Conversion

if TYPE_CHECKING:
    from streamcam.capture.video.animation import Animation

_UNSHOWN = 100  # pictures in a row that cannot be shown: some seconds, so it is more than damage


def open_source(argument: str, wanted: Wanted) -> VideoSource:
    """Open a file or URL. Raises `UsageError` if it cannot be read or has no video."""
    if not argument:
        raise UsageError("--source video needs a file or URL: --source FILE or --source URL.")
    name, excerpt = cut(argument)
    address = parse_address(name)
    if address.remote or address.pipe:
        return opened_aside(
            lambda: VideoSource(
                Decoder(name, wanted.stop, sound=wanted.sound), wanted, excerpt=excerpt
            ),
            wanted.stop,
        )
    if needs_pillow(Path(address.target)):
        from streamcam.capture.video.animation import Animation

        return VideoSource(Animation(name), wanted, excerpt=excerpt)
    return VideoSource(Decoder(name, sound=wanted.sound), wanted, excerpt=excerpt)


class VideoSource:
    """Plays a video. See `streamcam.capture.Source` for the promises.

    In real time, pictures come when their timestamps say; those that are late because decoding
    is slow are left out (see `FrameSchedule`). Live streams come as they arrive. Otherwise every
    picture comes, as fast as it is read. `media_time` starts at 0 and rises over loops.

    Every picture comes in its own shape: `width` and `height` are those of the last one.
    """

    notice = ""

    def __init__(
        self,
        decoder: Decoder | Animation,
        wanted: Wanted,
        clock: Clock = SYSTEM_CLOCK,
        *,
        excerpt: Excerpt = WHOLE,
    ) -> None:
        self._clock = clock
        self.fps = decoder.fps
        self._film = Film(decoder, clock, loop=wanted.loop, excerpt=excerpt)
        self._conversion = Conversion(decoder.pixel_aspect)
        self._unshown = 0  # pictures in a row
        first = self._film.first
        shown = self._shown(first)
        self.height, self.width = (first.height, first.width) if shown is None else shown.shape[:2]
        name = decoder.name if decoder.waits else Path(decoder.name).name
        part = "" if excerpt == WHOLE else f", {excerpt}"
        self.label = f"{name}, {self.width}x{self.height} at {self.fps:g} fps{part}"
        self._realtime = wanted.realtime
        self._schedule = FrameSchedule(1 / self.fps, clock)
        # Last, as from here on the film may be read on a thread of its own.
        self._shots: Shots = ReadAhead(self._film, clock) if decoder.waits else self._film
        rate, most = decoder.rate, wanted.most
        if most and most < self.fps and not wanted.realtime:
            self._shots = thinned = Thinned(self._shots, most, rate)
            rate, self.fps = thinned.rate, most
        tracks = decoder.hearing.tracks
        self.film = FilmInfo(
            rate, decoder.tick, self._film.seconds, decoder.sound, tracks, decoder.subtitles
        )
        self._unheard: tuple[Sound, ...] = ()  # of pictures that cannot be shown
        self._ready: tuple[Pixels, Shot] | None = None  # decoded ahead of its time
        self._seq = 0

    def read(self) -> Frame | None:
        """The next picture, waiting for its time at most half a second; None: not yet."""
        if self._ready is None:
            self._ready = self._prepare()
            if self._ready is None:
                return None
        pixels, shot = self._ready
        if self._paced and not self._schedule.reached(shot.time):
            return None
        self._ready = None
        now = self._clock.now()
        sound, self._unheard = self._unheard + shot.sound, ()
        frame = Frame(pixels, self._seq, now, shot.time, duration=shot.duration, sound=sound)
        self.width, self.height = frame.size
        self._seq += 1
        return frame

    def close(self) -> None:
        """Release the file or connection. May be called twice."""
        self._shots.close()

    @property
    def _paced(self) -> bool:
        return self._realtime and self._film.paced

    def _prepare(self) -> tuple[Pixels, Shot] | None:
        """Decode up to the next picture worth showing; None: it has not arrived."""
        while True:
            shot = self._shots.next()
            if shot is None:
                return None
            if self._paced:
                shown = self._schedule.wants(shot.time)
                self._film.decoder.hurry(skip=self._schedule.behind)
                if not shown:
                    continue
            pixels = self._shown(shot.picture)
            if pixels is not None:
                return pixels, shot
            self._unheard += shot.sound

    def _shown(self, picture: VideoFrame) -> Pixels | None:
        """Its pixels; None for a picture so damaged that there is no way to show it."""
        try:
            pixels = self._conversion.pixels(picture)
        except Exception as error:  # whatever FFmpeg makes of it
            self._unshown += 1
            if self._unshown == _UNSHOWN:
                name = self._film.decoder.name
                raise SourceLost(f"{name}: no way to show it, {reason(error)}") from error
            return None
        self._unshown = 0
        return pixels
