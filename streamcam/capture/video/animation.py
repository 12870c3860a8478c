"""Animation: animated WebP and AVIF, which FFmpeg reads in part or not at all, through Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from streamcam.capture.video.hearing import Hearing
from streamcam.capture.video.length import Length
from streamcam.errors import UsageError
from streamcam.files.heif import layout as heif
from streamcam.pixels import orientation
from streamcam.pixels.profile import image_to_screen

_MILLISECOND = Fraction(1, 1000)
_SHORTEST, _USUAL = 10, 100  # ms: browsers show a shorter picture for the usual time
_SLOWEST, _FASTEST = 1.0, 100.0  # pictures a second that are said
_EXIF_ORIENTATION = 274
_REMEDY = "Give another video or picture file."


class Animation:
    """The pictures of an animated WebP or AVIF. Promises what `Decoder` does. For one thread."""

    remedy = _REMEDY
    remote = pipe = live = ends = waits = False
    sound = subtitles = 0
    length = Length.FINITE
    gap = float("inf")
    took = 0.0
    rate: Fraction | None = None  # their pictures may all last equally long, but no file says so
    lasts: float | None = None  # they say so themselves
    seconds: float | None = None
    tick: Fraction | None = _MILLISECOND
    hearing = Hearing()
    pixel_aspect: Fraction | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            data = Path(name).expanduser().read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"cannot open {name}: {reason}. {_REMEDY}") from error
        try:
            self._image = Image.open(BytesIO(data), formats=("WEBP", "AVIF"))
            self._count = int(getattr(self._image, "n_frames", 1))
            self._lies = orientation.of_exif(self._image.getexif().get(_EXIF_ORIENTATION, 1))
            self._labels = _labels(data) if self._image.format == "AVIF" else None
            rate = _rate_of_avif(data) if self._image.format == "AVIF" else _rate_of_webp(data)
        except Exception as error:
            raise UsageError(f"cannot open {name}: it is damaged. {_REMEDY}") from error
        self.fps = min(max(rate, _SLOWEST), _FASTEST)
        self._next = 0
        self._time = 0

    def next(self) -> VideoFrame:
        """The next picture. `EOFError` at the end, or where the file is damaged."""
        if self._next >= self._count:
            raise EOFError(f"{self.name}: end of file")
        try:
            self._image.seek(self._next)
            self._image.load()
            picture = self._picture()
        except Exception as error:
            raise EOFError(f"{self.name}: damaged") from error
        self._next += 1
        picture.pts, picture.time_base = self._time, _MILLISECOND
        picture.duration = _shown(self._image.info.get("duration", 0))
        self._time += picture.duration
        return picture

    def hurry(self, *, skip: bool) -> None:
        """Nothing: each picture needs the one before."""

    def rewind(self) -> None:
        """Go back to the beginning."""
        self._next = self._time = 0

    def seek(self, time: float) -> None:
        """Go back to the beginning: each picture needs the one before."""
        self.rewind()

    def give_up(self) -> None:
        """Does nothing: reading a file waits for no other program."""

    def close(self) -> None:
        """Release the pictures. May be called twice."""
        self._image.close()

    def _picture(self) -> VideoFrame:
        image, profile = self._image, self._image.info.get("icc_profile")
        form = "rgba" if image.has_transparency_data else "rgb24"
        pixels = np.asarray(image.convert("RGBA" if form == "rgba" else "RGB"), np.uint8)
        if profile:
            colour = np.asarray(image_to_screen(image.convert("RGB"), profile), np.uint8)
            pixels = np.concatenate([colour, pixels[..., 3:]], -1)
        picture = VideoFrame.from_ndarray(orientation.apply(pixels, self._lies), form)
        if self._labels is not None and not profile:
            picture.color_trc = self._labels.transfer
            picture.color_primaries = self._labels.primaries
        return picture


def _shown(milliseconds: int) -> int:
    return milliseconds if milliseconds > _SHORTEST else _USUAL


def _labels(data: bytes) -> heif.Labels | None:
    layout = heif.layout(data)
    return None if layout is None else layout.labels


def _rate_of_avif(data: bytes) -> float:
    with av.open(BytesIO(data), "r") as container:
        film = max(container.streams.video, key=lambda stream: stream.frames)
        return float(film.average_rate or _SLOWEST)


def _rate_of_webp(data: bytes) -> float:
    """Pictures a second, from how long each is shown."""
    lengths = [_shown(int.from_bytes(data[at + 20 : at + 23], "little")) for at in _frames(data)]
    return len(lengths) * 1000 / max(sum(lengths), 1)


def _frames(data: bytes) -> Iterator[int]:
    """Where the chunks ANMF begin."""
    at = 12
    while at + 8 <= len(data):
        if data[at : at + 4] == b"ANMF":
            yield at
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
