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

_Means = NDArray[np.float32]  # (height, width, channels)

_WINDOW = (11, 11)  # at half the size of the small mask
_NONE = np.float32(1e-3)  # share that counts as nothing


def freed(colours: Pixels, cut: Cut, picture: Pixels) -> Pixels:
    """The person's colours in the soft cells of a cut, (count, pixels, 3) uint8, where `picture`
    (height, width, 3) has `colours`.

    person = share · colour + (1 − share) · expected, where what is expected is the person's mean,
    as far from the background's as the share says. It is the same for all pixels of a cell.
    """
    person, behind = _means(picture, cut)
    share = cut.small[cut.soft][:, None, None]
    expected = person + share * (person - behind)
    expected = np.clip(expected, 0.0, 255.0).astype(np.uint8)
    size = (CELL * CELL, len(expected))
    return cut.mixed(
        colours, np.asarray(cv2.resize(expected, size, interpolation=cv2.INTER_NEAREST))
    )


def _means(picture: Pixels, cut: Cut) -> tuple[_Means, _Means]:
    """(count, 1, 3): the person's colours around each soft cell, and the background's."""
    mask = cut.small
    size = (mask.shape[1] // 2, mask.shape[0] // 2)
    colours = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    share = np.asarray(cv2.resize(mask, size), np.float32)
    shares = cv2.merge((share, share, share))
    all_of_it = _mean(colours)
    person, total = _mean(colours * shares), _mean(shares)
    behind = all_of_it - person
    all_of_it *= _NONE  # where there is none of one of them, the mean of all
    person += all_of_it
    person /= total + _NONE
    behind += all_of_it
    behind /= np.float32(1.0) + _NONE - total
    rows, columns = cut.soft
    at = np.minimum(rows // 2, size[1] - 1), np.minimum(columns // 2, size[0] - 1)
    return person[at][:, None, :], behind[at][:, None, :]


def _mean(plane: MatLike) -> _Means:
    return np.asarray(cv2.boxFilter(plane, cv2.CV_32F, _WINDOW), np.float32)
