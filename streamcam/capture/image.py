"""Source `image`: a still picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from cv2.utils import logging

from streamcam.capture import IMAGE_SUFFIXES, Wanted
from streamcam.capture._pace import SYSTEM_CLOCK, Clock, Pace
from streamcam.errors import UsageError
from streamcam.frames import Frame, Pixels

# Longest side of what is delivered. No engine sees more, and scaling a 50-megapixel photograph
# down again for every frame would cost more than the engine.
_LONGEST_SIDE = 2048
_MAY_BE_TRANSPARENT = (b"\x89PNG", b"RIFF")  # how PNG and WebP files begin
_PAPER = 255  # what shows through transparent pixels: white, as under a cut-out


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

    rate: Fraction | None = None
    notice = ""
    sound = False

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


def read_picture(path: Path) -> Pixels:
    """(height, width, 3) RGB of a picture file: upright, on white where it is transparent,
    its longest side at most 2048 pixels. Raises `UsageError`.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}."
        ) from error
    pixels = _decode(data)
    if pixels is None:
        raise UsageError(f"{path} is no picture, or damaged: give {', '.join(_known())}.")
    return _limited(pixels)


def _decode(data: Pixels) -> Pixels | None:
    """RGB, or None if it cannot be read. The file's bytes, not its name, go to OpenCV: on
    Windows it opens no names beyond ASCII.
    """
    if data.size == 0:
        return None
    try:
        with _quiet():
            if data[:4].tobytes() in _MAY_BE_TRANSPARENT:
                raw = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
                if raw is not None and raw.ndim == 3 and raw.shape[2] == 4:
                    return _on_paper(raw)
            # This one turns photographs upright and takes any depth to 8 bits.
            colour = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:  # more pixels than OpenCV reads, or broken inside
        return None
    if colour is None:
        return None
    return np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2RGB), np.uint8)


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside, OpenCV writes nothing to stderr: what it says, the caller says better."""
    before = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(before)


def _on_paper(bgra: np.ndarray) -> Pixels:
    """RGB uint8 of a BGRA picture of 8 or 16 bits, its transparent parts white."""
    full = np.iinfo(bgra.dtype).max
    colour = cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB).astype(np.float32)
    alpha = bgra[..., 3:].astype(np.float32) / full
    blended = colour * (255 / full) * alpha + _PAPER * (1 - alpha)
    return np.asarray(blended + 0.5, np.uint8)


def _limited(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = _LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _known() -> list[str]:
    return sorted(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES)
