"""Image filters that the looks are drawn with: numpy and OpenCV, deterministic, local.

Pictures are float32 (H, W, 3) RGB in [0, 1]; single channels (H, W) likewise. Local means that a
pixel depends on its neighbourhood alone, so a moving camera moves the drawing with the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

_TINY = 1e-4


def blurred(picture: Picture, sigma: float) -> Picture:
    """Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def luminance(picture: Picture) -> Picture:
    """(H, W), Rec. 601."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def simplified(picture: Picture, times: int, strength: float) -> Picture:
    """Flat areas with their edges kept: bilateral filters over a median."""
    flat = np.asarray(cv2.medianBlur(picture, 3), np.float32)
    for _ in range(times):
        flat = np.asarray(cv2.bilateralFilter(flat, 7, strength, 5), np.float32)
    return flat


def ink(light: Picture, sigma: float, threshold: float, gain: float) -> Picture:
    """Lines on the dark side of edges, 1 = paper and 0 = ink: a difference of Gaussians, measured
    against the light around it, so that faces in dim rooms get their lines too."""
    edge = blurred(light, sigma) - blurred(light, sigma * 1.8)
    edge = 0.9 * edge / (0.35 + blurred(light, 12.0))
    return np.asarray(
        np.clip(1.0 - gain * np.maximum(-edge - threshold, 0.0), 0.0, 1.0), np.float32
    )


def steps(light: Picture, count: int, sharpness: float) -> Picture:
    """`count` tones with soft edges between them, which do not flicker as hard ones would."""
    scaled = light * count
    whole = np.floor(scaled)
    rest = np.tanh(sharpness * (scaled - whole - 0.5)) / np.tanh(sharpness * 0.5)
    return np.asarray((whole + 0.5 + 0.5 * rest) / count, np.float32)


def dabs(picture: Picture, radius: int) -> Picture:
    """Kuwahara's filter, weighted: each pixel takes the mean of the calmest patch around it."""
    light = luminance(picture)
    size = (radius + 1, radius + 1)
    mean = np.asarray(cv2.boxFilter(picture, -1, size), np.float32)
    mean_light = cv2.boxFilter(light, -1, size)
    variance = np.asarray(
        cv2.boxFilter(light * light, -1, size) - mean_light * mean_light, np.float32
    )
    total = np.zeros_like(light)
    found = np.zeros_like(picture)
    half = (radius + 1) // 2
    for down in (-half, half):
        for right in (-half, half):
            calm = 1.0 / (_TINY + np.maximum(_shifted(variance, down, right), 0.0)) ** 2
            total += calm
            found += _shifted(mean, down, right) * calm[..., None]
    return np.asarray(found / total[..., None], np.float32)


def saturated(picture: Picture, factor: float) -> Picture:
    """Colours further from grey, or nearer below 1; lightness stays."""
    lab = _to_lab(picture)
    lab[..., 1:] *= np.float32(factor)
    return _from_lab(lab)


def relit(picture: Picture, light: Picture) -> Picture:
    """The same colours at another lightness, 0 … 1."""
    lab = _to_lab(picture)
    lab[..., 0] = np.clip(light, 0.0, 1.0) * 100.0
    return _from_lab(lab)


def slope(light: Picture) -> tuple[Picture, Picture]:
    """Change to the right and downwards, per pixel."""
    right = cv2.Sobel(light, cv2.CV_32F, 1, 0, ksize=3) / 4.0
    down = cv2.Sobel(light, cv2.CV_32F, 0, 1, ksize=3) / 4.0
    return np.asarray(right, np.float32), np.asarray(down, np.float32)


def mixed(one: Picture, other: Picture, share: Picture | float) -> Picture:
    """`one` where `share` is 0, `other` where it is 1; a share of (H, W) is for all channels."""
    weight = share[..., None] if isinstance(share, np.ndarray) and share.ndim == 2 else share
    return np.asarray(one + (other - one) * weight, np.float32)


def colour(red: float, green: float, blue: float) -> Picture:
    """A colour to mix with, (3,)."""
    return np.array([red, green, blue], np.float32)


def ramp(value: Picture, stops: list[Picture]) -> Picture:
    """(H, W) in [0, 1] → colours along evenly spaced `stops`."""
    place = np.clip(value, 0.0, 1.0) * (len(stops) - 1)
    first = np.minimum(place.astype(np.int64), len(stops) - 2)
    table = np.stack(stops)
    return mixed(table[first], table[first + 1], np.asarray(place - first, np.float32))


def _shifted(array: Picture, down: int, right: int) -> Picture:
    return np.asarray(np.roll(array, (down, right), (0, 1)), np.float32)


def _to_lab(picture: Picture) -> Picture:
    inside = np.asarray(np.clip(picture, 0.0, 1.0), np.float32)
    return np.asarray(cv2.cvtColor(inside, cv2.COLOR_RGB2LAB), np.float32)


def _from_lab(lab: Picture) -> Picture:
    return np.asarray(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0.0, 1.0), np.float32)
