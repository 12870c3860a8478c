"""Pictures that say whether they arrived whole: colours, a number, and both where they belong.

They survive YUV 4:2:0, scaling and lossy coding.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 640, 480
# For runs that show them as they are: the preset and the flags.
FPS = 20
PRESET = f"""
prompt = "as it is"
[gate]
policy = "always"
[resolve]
mode = "off"
[output]
size = "{WIDTH}x{HEIGHT}"
fps = {FPS}
"""
AS_IT_IS = ("--backend", "null", "--size", f"{WIDTH}x{HEIGHT}")  # shows its input
CLOSE = 12  # of 255, what H.264 and JPEG do to a flat colour
_COLOURS = np.array(
    [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (128, 128, 128), (240, 120, 60)],
    np.uint8,
)
_BITS = 16
_DARK, _LIGHT = 16, 235


def card(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(height, width, 3) RGB: six colours above, below them the number in dark and light cells."""
    place = np.arange(width)
    colours = _COLOURS[place * len(_COLOURS) // width]
    bits = number >> place * _BITS // width & 1
    cells = np.where(bits, _LIGHT, _DARK).astype(np.uint8)[:, None].repeat(3, 1)
    return np.concatenate(
        [np.broadcast_to(row, (height // 2, width, 3)) for row in (colours, cells)]
    )


def read(picture: np.ndarray) -> tuple[int, float]:
    """The number, and how far the worst colour is off (0 … 255)."""
    height, width = picture.shape[:2]
    cells = picture[height * 5 // 8 : height * 7 // 8]
    number = sum(
        1 << bit
        for bit in range(_BITS)
        if _middle(cells, bit, _BITS, width).mean() > (_DARK + _LIGHT) / 2
    )
    patches = picture[height // 8 : height * 3 // 8]
    seen = [
        np.median(_middle(patches, index, len(_COLOURS), width), (0, 1))
        for index in range(len(_COLOURS))
    ]
    return number, float(np.abs(np.array(seen) - _COLOURS).max())


def write(path: Path, numbers: Iterable[int], size: tuple[int, int], fps: int) -> None:
    """A film of cards, in which the colours keep their values."""
    import av  # an emulated processor, which only reads cards, takes long to load it

    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264rgb", fps, options={"qp": "0", "preset": "ultrafast"})
        stream.width, stream.height = size
        stream.pix_fmt = "rgb24"
        for number in numbers:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(card(number, *size), "rgb24")))
        film.mux(stream.encode(None))


def _middle(band: np.ndarray, index: int, parts: int, width: int) -> np.ndarray:
    """The inner half of the part with this index, of `parts` side by side."""
    return band[:, round((index + 0.25) * width / parts) : round((index + 0.75) * width / parts)]
