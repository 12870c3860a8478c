"""Filling: what is shown where a frame shows something that the pair does not.

Behind a hand that has moved on, and at the edge that a camera turns to, nothing of the pair fits.
What was found around it is spread over it, from as far as it takes (Gortler et al. 1996, "The
Lumigraph": pull and push): the guide draws the frame's luma over that, and no ghost remains.
Along an edge that was followed badly it is a mean of the edge instead (`Resolver`).
"""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.resolve.luma import half_of

_Colours = NDArray[np.float32]  # (height, width, 4)
_Share = NDArray[np.float32]  # (height, width), 0 … 1: how much of a pixel was found

_SMALLEST = 3  # pixels, of the shorter side of the coarsest level
_NONE = 1e-3  # share of what counts as nothing


def filled(pair: Pixels, lost: Pixels) -> Pixels:
    """`pair` (height, width, 4), of `guide.planes_of`, at half its size, with what was found alone.

    lost  (height, width): 255 where a pixel was not found, else 0
    """
    found = cv2.bitwise_not(lost)
    whole = cv2.copyTo(pair, found, np.zeros_like(pair))
    size = half_of((pair.shape[1], pair.shape[0]))
    colours = np.asarray(_shrunk(whole, size), np.float32)
    share = np.asarray(_shrunk(found, size), np.float32) * np.float32(1 / 255)
    return np.asarray(_pulled(colours, share) + np.float32(0.5), np.uint8)


def _pulled(colours: _Colours, share: _Share) -> _Colours:
    """`colours` are those of what was found, times its share."""
    height, width = share.shape
    if min(height, width) <= _SMALLEST:
        total = max(float(share.sum()), _NONE)
        mean = colours.sum((0, 1)) / np.float32(total)
        return np.broadcast_to(mean, colours.shape)
    less = half_of((width, height))
    coarser = _pulled(
        np.asarray(_shrunk(colours, less), np.float32),
        np.asarray(_shrunk(share, less), np.float32),
    )
    rest = np.asarray(cv2.resize(coarser, (width, height)), np.float32)
    rest *= (np.float32(1.0) - share)[:, :, None]
    rest += colours
    return rest


def _shrunk(plane: MatLike, size: tuple[int, int]) -> MatLike:
    return cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
