"""Foreground: the colours of the person alone at soft edges, freed of what stood behind.

A soft pixel is a mix of the person and the old background. The means of either around it, and how
well their mix explains the pixel, give the person's part (Forte 2021, "Approximate Fast Foreground
Colour Estimation").
"""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.mask.edges import CELL, Cut

_Means = NDArray[np.float32]

_WINDOW = (11, 11)  # at half the size of the small mask
_NONE = np.float32(1e-3)  # share that counts as nothing


def freed(colours: Pixels, cut: Cut, picture: Pixels) -> Pixels:
    """The person's colours in the soft cells of a cut, (count, pixels, 3) uint8, where `picture`
    (height, width, 3) has `colours`.

    person = share · colour + (1 − share) · expected, where what is expected is the person's mean,
    as far from the background's as the share says. It is the same for all pixels of a cell.
    """
    person, behind = _means(picture, cut)
    share = cut.small[cut.soft][:, None]
    expected = person + share * (person - behind)
    colours_of = np.clip(expected, 0.0, 255.0).astype(np.uint8)[:, None, :]
    size = (CELL * CELL, len(colours_of))
    return cut.mixed(
        colours, np.asarray(cv2.resize(colours_of, size, interpolation=cv2.INTER_NEAREST))
    )


def _means(picture: Pixels, cut: Cut) -> tuple[_Means, _Means]:
    """(count, 3): the person's colours around each soft cell, and the background's."""
    mask = cut.small
    size = (mask.shape[1] // 2, mask.shape[0] // 2)
    colours = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    share = np.asarray(cv2.resize(mask, size), np.float32)
    rows, columns = cut.soft
    at = np.minimum(rows // 2, size[1] - 1) * size[0] + np.minimum(columns // 2, size[0] - 1)
    whole = _mean(colours).reshape(-1, 3).take(at, 0)
    person = _mean(colours * share[:, :, None]).reshape(-1, 3).take(at, 0)
    total = _mean(share).reshape(-1).take(at)[:, None]
    behind = whole - person
    whole *= _NONE  # where there is none of one of them, the mean of all
    person += whole
    person /= total + _NONE
    behind += whole
    behind /= np.float32(1.0) + _NONE - total
    return person, behind


def _mean(plane: MatLike) -> _Means:
    return np.asarray(cv2.boxFilter(plane, cv2.CV_32F, _WINDOW), np.float32)
