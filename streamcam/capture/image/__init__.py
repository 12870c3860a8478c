"""Source `image`: a still picture."""

from __future__ import annotations

from pathlib import Path

from streamcam.capture import FilmInfo, Wanted
from streamcam.capture.image.reading import read_picture
from streamcam.clock.pace import SYSTEM_CLOCK, Clock, Pace
from streamcam.errors import UsageError
from streamcam.frames import Frame, Pixels


def open_source(argument: str, wanted: Wanted) -> ImageSource:
    """Open a picture file. Raises `UsageError` if it is not there or no picture."""
    if not argument:
        raise UsageError("--source image needs a file: --source image:FILE.")
    path = Path(argument).expanduser()
    return ImageSource(path.name, read_picture(path), wanted)


class ImageSource:
    """Delivers one picture. See `streamcam.capture.Source` for the promises.

    In real time a picture has no end: it comes `wanted.fps` times a second until it is closed.
    Otherwise (a picture rendered to a file) it comes once and is over, or with `wanted.loop`
    without end as fast as it is read. All frames share their pixels.
    """

    film: FilmInfo | None = None
    notice = ""

    def __init__(
        self, name: str, pixels: Pixels, wanted: Wanted, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.height, self.width = pixels.shape[:2]
        self.fps = wanted.fps
        self.label = f"picture {name}, {self.width}x{self.height}"
        self._pixels = pixels
        self._once = not wanted.realtime and not wanted.loop
        self._pace = Pace(wanted.fps, clock) if wanted.realtime else None
        self._clock = clock
        self._seq = 0

    def read(self) -> Frame | None:
        """The picture again, waiting for its time at most half a second; None: not yet."""
        if self._once and self._seq:
            raise EOFError(f"{self.label}: shown once")
        if self._pace is not None and not self._pace.due():
            return None
        frame = Frame(self._pixels, self._seq, self._clock.now(), self._seq / self.fps)
        self._seq += 1
        return frame

    def close(self) -> None:
        """Nothing is held."""
