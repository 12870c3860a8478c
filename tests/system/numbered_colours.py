"""Pictures that carry six colours and their number, readable after any chroma subsampling."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, FPS = 640, 480, 20
COLOURS = (
    (200, 30, 30),
    (30, 200, 30),
    (30, 30, 200),
    (200, 200, 30),
    (128, 128, 128),
    (240, 120, 60),
)
BITS = 16
_DARK, _LIGHT = 16, 235


def picture(number: int) -> np.ndarray:
    """(480, 640, 3) RGB: the colours as columns, and below them the number's bits."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for index, colour in enumerate(COLOURS):
        pixels[: HEIGHT // 2, _column(index, len(COLOURS))] = colour
    for bit in range(BITS):
        pixels[HEIGHT // 2 :, _column(bit, BITS)] = _LIGHT if number >> bit & 1 else _DARK
    return pixels


def number_in(pixels: np.ndarray) -> int:
    row = pixels[HEIGHT * 3 // 4].mean(1)
    middles = [_middle(_column(bit, BITS)) for bit in range(BITS)]
    return sum(1 << bit for bit, x in enumerate(middles) if row[x] > (_DARK + _LIGHT) / 2)


def colour_error(pixels: np.ndarray) -> int:
    """The largest difference of a colour, in its middle, to what it should be: 0 … 255."""
    middles = [_middle(_column(index, len(COLOURS))) for index in range(len(COLOURS))]
    return int(np.abs(pixels[HEIGHT // 4, middles].astype(int) - COLOURS).max())


def write(path: Path, numbers: Iterable[int]) -> None:
    """A film of these pictures, in which the colours keep their values."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264rgb", FPS, options={"qp": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "rgb24"
        for number in numbers:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), "rgb24")))
        film.mux(stream.encode(None))


def _column(index: int, count: int) -> slice:
    return slice(index * WIDTH // count, (index + 1) * WIDTH // count)


def _middle(column: slice) -> int:
    return (column.start + column.stop) // 2
