"""Part: the pictures of an excerpt of a film."""

from __future__ import annotations

from av.video.frame import VideoFrame

from streamcam.capture.video.deinterlacing import Deinterlacer
from streamcam.capture.video.timing import time_of
from streamcam.files.excerpt import Excerpt


class Part:
    """Hands on the pictures of a film that are in an excerpt. Used by one thread at a time.

    cut  where the excerpt ends, seconds on the film's own timeline, once the film was cut there
    """

    def __init__(self, film: Deinterlacer, excerpt: Excerpt, period: float) -> None:
        """`period`: usual seconds of a picture; one that begins half of that early is meant."""
        self.cut: float | None = None
        self._film = film
        self._excerpt = excerpt
        self._early = period / 2
        self._begin: float | None = None  # of the film
        self._sought = not excerpt.start

    def next(self) -> VideoFrame:
        """The next picture. See `Decoder.next`, whose exceptions it hands on."""
        if self._begin is None:
            first = self._film.next()
            self._begin = time_of(first) or 0.0
            if self._sought:
                return self._within(first)
            self._film.seek(self._begin + self._excerpt.start)
        picture = self._film.next()
        while not self._sought:
            start = self._begin + self._excerpt.start - self._early
            at = time_of(picture)
            self._sought = at is None or at >= start
            picture = picture if self._sought else self._film.next()
        return self._within(picture)

    def rewind(self) -> None:
        """Go back to the beginning of the excerpt. See `Decoder.rewind`."""
        if self._excerpt.start and self._begin is not None:
            self._sought = False
            self._film.seek(self._begin + self._excerpt.start)
        else:
            self._film.rewind()

    def seconds(self, film: float | None) -> float | None:
        """How long it is, of a film of so many seconds."""
        ends = [end for end in (film, self._excerpt.end) if end is not None]
        return max(0.0, min(ends) - self._excerpt.start) if ends else None

    def _within(self, picture: VideoFrame) -> VideoFrame:
        end, at = self._excerpt.end, time_of(picture)
        if end is not None and self._begin is not None and at is not None:
            cut = self._begin + end
            if at >= cut - self._early:
                self.cut = cut
                raise EOFError(f"the end of the part: {end:g} s")
        return picture
