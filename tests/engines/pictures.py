"""Pictures for engine tests: a photo that moves."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

PHOTO = Path(__file__).parents[1] / "data" / "photo.jpg"


def photo(width: int, height: int) -> np.ndarray:
    """The test photo, RGB uint8, resized to width × height."""
    picture = cv2.cvtColor(cv2.imread(str(PHOTO)), cv2.COLOR_BGR2RGB)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def moving_picture(width: int, height: int) -> Iterator[np.ndarray]:
    """The photo, shifted by three pixels a frame."""
    picture = photo(width, height)
    number = 0
    while True:
        yield np.ascontiguousarray(np.roll(picture, 3 * number, axis=1))
        number += 1
