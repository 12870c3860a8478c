"""Measures of a mask against the alpha of a drawing, which is exact."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from drawn_people import SIZE, Imitated, alpha, scene

from streamcam.mask.edges import CELL, Edges
from streamcam.mask.steadiness import Steady

_FRAMES, _SETTLED = 20, 6


@dataclass(frozen=True)
class Figures:
    """Means over pixels and frames.

    error     |alpha − exact|
    gradient  likewise of their gradients' lengths
    flicker   |change of alpha − change of the exact one|, from frame to frame
    hair      alpha over the exact one, where only strands of hair are
    """

    error: float
    gradient: float
    flicker: float
    hair: float


def of_size(cut, size):
    """A cut as one plane of the outputs' size."""
    plane = (cut.inside > 0).astype(np.float32)
    height, width = size[1] // CELL, size[0] // CELL
    line = plane.strides[0]
    cells = np.lib.stride_tricks.as_strided(
        plane, (height, CELL, width, CELL), (CELL * line, line, 4 * CELL, 4)
    )
    rows, columns = cut.soft
    cells[rows, :, columns] = cut.shares.reshape(-1, CELL, CELL)
    return plane


@cache
def judged(sway, step, noise=2.0):
    """Figures of "raw", the network's mask resized, of "threshold" and of "refined"."""
    source, steady, edges = Imitated(), Steady(), Edges(SIZE)
    masks, exact = {"raw": [], "threshold": [], "refined": []}, []
    for number in range(_FRAMES):
        picture, truth = scene(number if sway else 0, step=step, sway=sway)
        grain = np.random.default_rng(number).normal(0.0, noise, picture.shape)
        picture = np.clip(picture + grain + 0.5, 0, 255).astype(np.uint8)
        source.truth = truth
        raw = source.look_at(picture)
        resized = cv2.resize(raw, SIZE)
        half = cv2.resize(picture, (SIZE[0] // 2, SIZE[1] // 2), interpolation=cv2.INTER_AREA)
        luma = cv2.cvtColor(cv2.resize(half, edges.small), cv2.COLOR_RGB2GRAY)
        mask = cv2.resize(steady.blend(raw), edges.small)
        cut = edges.cut(mask, picture, luma.astype(np.float32) / 255, source)
        masks["raw"].append(resized)
        masks["threshold"].append((resized > 0.5).astype(np.float32))
        masks["refined"].append(of_size(cut, SIZE))
        exact.append(truth)
    exact = np.array(exact[_SETTLED:])
    strands = alpha() - alpha(hair=False) > 0.3
    return {name: _figures(np.array(one[_SETTLED:]), exact, strands) for name, one in masks.items()}


def _figures(masks, exact, strands):
    lengths = np.mean(
        [np.abs(_lengths(one) - _lengths(other)) for one, other in zip(masks, exact, strict=True)]
    )
    hair = masks[0][strands].sum() / exact[0][strands].sum()
    return Figures(
        error=float(np.abs(masks - exact).mean()),
        gradient=float(lengths),
        flicker=float(np.abs(np.diff(masks, axis=0) - np.diff(exact, axis=0)).mean()),
        hair=float(hair),
    )


def _lengths(plane):
    across, down = (cv2.Sobel(plane, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    return np.hypot(across, down) / 8


if __name__ == "__main__":
    for sway, step in ((0.0, 0.0), (0.5, 1.0), (1.5, 2.0)):
        for name, one in judged(sway, step).items():
            print(
                f"sway {sway:.1f} {name:9} error {one.error:.4f} gradient {one.gradient:.4f} "
                f"flicker {one.flicker:.4f} hair {one.hair:.2f}"
            )
