"""Foreground: the colours of the person alone at soft edges, freed of what stood behind.

A soft pixel is a mix of the person and the old background. The means of either around it, and how
well their mix explains the pixel, give the person's part (Forte 2021, "Approximate Fast Foreground
Colour Estimation").
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size
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
    mask, cells = cut.small, cut.soft
    size = (mask.shape[1] // 2, mask.shape[0] // 2)
    colours = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    person: _Means = np.asarray(cv2.resize(mask, size), np.float32)
    around: _Means = np.asarray(cv2.boxFilter(colours, cv2.CV_32F, _WINDOW), np.float32)
    around *= _NONE  # where there is none of it, the mean of all
    first, second = (
        _larger(_mean_where(colours, share, around), mask.shape[1::-1])[cells][:, None, :]
        for share in (person, np.float32(1.0) - person)
    )
    return first, second


def _mean_where(colours: _Means, share: _Means, around: _Means) -> _Means:
    weights = cv2.merge((share, share, share))
    sums = np.asarray(cv2.boxFilter(colours * weights, cv2.CV_32F, _WINDOW), np.float32)
    sums += around
    total: _Means = np.asarray(cv2.boxFilter(weights, cv2.CV_32F, _WINDOW), np.float32)
    total += _NONE
    sums /= total
    return sums


def _larger(plane: _Means, size: Size) -> _Means:
    return np.asarray(cv2.resize(plane, size), np.float32)
