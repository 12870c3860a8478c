"""Measures: how good a live picture is, in figures. For `streamcam bench` and for tests.

Pictures are (height, width, 3) uint8 RGB; all that are compared have one size.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import cv2
import numpy as np
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.resolve.reprojection import Flow, places_in

_PEAK = 255.0
_FOUND = 12  # levels of luma by which a pixel that was found may differ
_ALIKE = 0.01  # levels²: pictures that differ by less count as differing by so much


def fidelity_db(shown: Sequence[Pixels], ideal: Sequence[Pixels]) -> float:
    """Live fidelity, dB: the mean of each picture's 10 · log10(255² / mean squared difference).

    `ideal` is what an engine without delay and of twice the size would have shown at that tick.
    68 dB for pictures that are the same.
    """
    return float(np.mean([_psnr(one, other) for one, other in zip(shown, ideal, strict=True)]))


def sharpness(shown: Sequence[Pixels], ideal: Sequence[Pixels]) -> float:
    """Standard deviation of the Laplacian of luma, over that of the ideal: 1 is as sharp."""
    return sum(map(_edges, shown)) / max(sum(map(_edges, ideal)), 1e-9)


def warp_error(before: Pixels, now: Pixels, flow: Flow, found: NDArray[np.bool_]) -> float:
    """Temporal consistency, levels: the mean of |now − before moved along|, where `found`.

    flow   (height, width, 2) pixels from each place of `now` to where it was in `before`, from the
           camera's frames
    found  (height, width): where that flow holds
    0.0 where it holds nowhere.
    """
    apart = np.asarray(cv2.absdiff(now, _moved(before, flow)))[found]
    return float(apart.mean()) if apart.size else 0.0


def static_flicker(pictures: Sequence[Pixels]) -> float:
    """Of pictures of a still scene, levels: the standard deviation over time, mean of pixels."""
    total = np.zeros(pictures[0].shape, np.float64)
    squares = np.zeros_like(total)
    for picture in pictures:
        levels = picture.astype(np.float64)
        total += levels
        squares += levels * levels
    count = len(pictures)
    variance = squares / count - (total / count) ** 2
    return float(np.sqrt(np.maximum(variance, 0.0)).mean())


def _psnr(one: Pixels, other: Pixels) -> float:
    squared = float(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2))
    return 10.0 * log10(_PEAK * _PEAK / max(squared, _ALIKE))


def _edges(picture: Pixels) -> float:
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(luma, cv2.CV_32F).std())


def camera_flow(before: Pixels, now: Pixels) -> tuple[Flow, NDArray[np.bool_]]:
    """Where each pixel of `now`, a frame of the camera, was in `before`, and whether it was found
    there: both for `warp_error`. Slow and exact: DIS flow at its medium preset."""
    earlier, newest = (
        np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in (before, now)
    )
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = np.asarray(dis.calc(newest, earlier, None), np.float32)  # type: ignore[call-overload]
    return flow, np.asarray(cv2.absdiff(newest, _moved(earlier, flow))) <= _FOUND


def _moved(before: Pixels, flow: Flow) -> Pixels:
    """`before`, sampled where each pixel was. In float32, not in the 32nds of `sampled`."""
    height, width = flow.shape[:2]
    x, y = (
        at + plane for at, plane in zip(places_in((width, height)), cv2.split(flow), strict=True)
    )
    moved = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
