"""Charts that show where a picture is cut, squeezed, turned or barred, and what is right.

Independent of the program: positions are computed with real numbers, pixel by pixel.
"""

import cv2
import numpy as np

# By rows; the cells are thirds of the picture.
COLOURS = np.array(
    [
        [(255, 0, 0), (128, 128, 128), (0, 255, 0)],
        [(128, 128, 128), (128, 128, 128), (128, 128, 128)],
        [(0, 0, 255), (128, 128, 128), (255, 255, 0)],
    ],
    np.uint8,
)
BLACK = np.zeros(3, np.uint8)


def chart(width: int, height: int) -> np.ndarray:
    """RGB: red, green, blue and yellow in the corners, grey between."""
    across = np.minimum(np.arange(width) * 3 // width, 2)
    down = np.minimum(np.arange(height) * 3 // height, 2)
    return np.ascontiguousarray(COLOURS[down[:, None], across[None, :]])


def expected(
    source: tuple[int, int], size: tuple[int, int], fit: str, *, mirror: bool = False
) -> np.ndarray:
    """The chart of a `source` as an output of `size` must show it."""
    choose = max if fit == "crop" else min
    scale = choose(size[0] / source[0], size[1] / source[1])
    # Where the middle of each output pixel lies in the source, as a share of its width and height.
    across, down = (
        ((np.arange(length) + 0.5 - length / 2) / scale + whole / 2) / whole
        for length, whole in zip(size, source, strict=True)
    )
    if mirror:
        across = across[::-1]
    inside = [(part >= 0) & (part < 1) for part in (across, down)]
    cells = [np.clip((part * 3).astype(int), 0, 2) for part in (across, down)]
    picture = COLOURS[cells[1][:, None], cells[0][None, :]].copy()
    picture[~(inside[1][:, None] & inside[0][None, :])] = BLACK
    return picture


def check(shown: np.ndarray, ideal: np.ndarray, blur: float, levels: int = 12) -> None:
    """`shown` is `ideal` everywhere but within `blur` pixels of where colours meet."""
    assert shown.shape == ideal.shape
    edge = np.zeros(ideal.shape[:2], np.uint8)
    edge[1:] |= (np.diff(ideal.astype(int), axis=0) != 0).any(axis=2)
    edge[:, 1:] |= (np.diff(ideal.astype(int), axis=1) != 0).any(axis=2)
    reach = 2 * int(np.ceil(blur)) + 1
    clear = cv2.dilate(edge, np.ones((reach, reach), np.uint8)) == 0
    assert clear.mean() > 0.2, "the chart is too fine to tell anything"
    wrong = (np.abs(shown.astype(int) - ideal).max(axis=2) > levels) & clear
    assert not wrong.any(), f"{wrong.sum()} pixels are of another colour"
