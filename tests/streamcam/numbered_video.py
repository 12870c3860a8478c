"""Videos whose pictures carry their number, readable after scaling, encoding and restyling."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 256, 144
_BITS = 8  # numbers 0 … 127, and one bit that makes every number's blocks even
_MILLISECOND = Fraction(1, 1000)
_DARK, _LIGHT = 30, 225


def picture(number: int) -> np.ndarray:
    """Eight light or dark columns, the number in binary; the lower half is the opposite."""
    upper = np.array([number >> bit & 1 for bit in range(_BITS)], bool)
    rows = np.stack([upper, ~upper])
    greys = np.where(rows, _LIGHT, _DARK).astype(np.uint8)
    blocks = greys.repeat(HEIGHT // 2, 0).repeat(WIDTH // _BITS, 1)
    return np.repeat(blocks[:, :, None], 3, 2)


def number_in(pixels: np.ndarray) -> int:
    """What `picture` wrote: each column against the opposite below it, so no threshold."""
    height, width = pixels.shape[:2]
    grey = pixels.mean(2).reshape(2, height // 2, _BITS, width // _BITS).mean((1, 3))
    return sum(1 << bit for bit in range(_BITS) if grey[0, bit] > grey[1, bit])


def write(path: Path, times: Sequence[float]) -> None:
    """A film that shows number 0, 1, 2 … at these seconds."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", 30, options={"crf": "10", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = _MILLISECOND
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24")
            frame.pts, frame.time_base = round(time * 1000), _MILLISECOND
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def write_stream(path: Path, pictures: int, fps: int = 25) -> None:
    """A transport stream, which can be read from anywhere: every tenth picture is whole."""
    with av.open(str(path), "w", format="mpegts") as film:
        stream = film.add_stream("libx264", fps, options={"crf": "10", "bf": "0", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(pictures):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), "rgb24")))
        film.mux(stream.encode(None))


def read(path: Path) -> list[tuple[float, np.ndarray]]:
    """(seconds, RGB picture) of every picture in a film."""
    with av.open(str(path)) as film:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)]


def numbers(path: Path) -> list[int]:
    """The number in every picture of a film."""
    return [number_in(pixels) for _, pixels in read(path)]
