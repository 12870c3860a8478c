"""Pictures that survive YUV 4:2:0: six colours, and a number as dark and light cells."""

import numpy as np

WIDTH, HEIGHT = 320, 240
COLOURS = (
    (200, 30, 30),
    (30, 200, 30),
    (30, 30, 200),
    (200, 200, 30),
    (128, 128, 128),
    (240, 120, 60),
)
_BITS = 10
_DARK, _LIGHT = 30, 225


def make(number: int) -> np.ndarray:
    """RGB: the colours above; below them the number in binary, and its opposite."""
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for column, colour in zip(_columns(len(COLOURS)), COLOURS, strict=True):
        picture[: HEIGHT // 2, column] = colour
    for bit, column in enumerate(_columns(_BITS)):
        is_set = number >> bit & 1
        picture[HEIGHT // 2 : HEIGHT * 3 // 4, column] = _LIGHT if is_set else _DARK
        picture[HEIGHT * 3 // 4 :, column] = _DARK if is_set else _LIGHT
    return picture


def number_in(picture: np.ndarray) -> int:
    """What `make` wrote: each cell against the opposite below it, so no threshold."""
    upper, lower = picture[HEIGHT // 2 : HEIGHT * 3 // 4], picture[HEIGHT * 3 // 4 :]
    columns = enumerate(_columns(_BITS))
    return sum(
        1 << bit for bit, column in columns if upper[:, column].mean() > lower[:, column].mean()
    )


def colour_error(picture: np.ndarray) -> int:
    """How far the worst of the six colours is off, 0 … 255, in the middles of their fields."""
    rows = slice(HEIGHT // 8, HEIGHT * 3 // 8)
    shown = [
        np.median(picture[rows, column.start + 10 : column.stop - 10], (0, 1))
        for column in _columns(len(COLOURS))
    ]
    return int(np.abs(np.array(shown) - COLOURS).max())


def _columns(count: int) -> list[slice]:
    return [slice(i * WIDTH // count, (i + 1) * WIDTH // count) for i in range(count)]
