"""Tones: what the colours of a drawing turn into. Per pixel, on float32 (H, W, 3) RGB in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines.nano.training.filters import Picture, colour, luminance, mixed

Tone = Callable[[Picture], Picture]


def mono(picture: Picture) -> Picture:
    """Greys."""
    return _tinted(picture, colour(1, 1, 1), colour(0, 0, 0))


def sepia(picture: Picture) -> Picture:
    """An old print."""
    return _tinted(picture, colour(1.08, 0.88, 0.64), colour(0.06, 0.03, 0.0))


def warm(picture: Picture) -> Picture:
    """Evening sun."""
    return _scaled(picture, colour(1.15, 1.0, 0.72), colour(0.05, 0.01, -0.02))


def cool(picture: Picture) -> Picture:
    """Moonlight."""
    return _scaled(picture, colour(0.70, 0.95, 1.18), colour(-0.01, 0.01, 0.05))


def dark(picture: Picture) -> Picture:
    """Night."""
    return _scaled(np.asarray(picture**1.5, np.float32), colour(0.52, 0.55, 0.70), colour(0, 0, 0))


def pastel(picture: Picture) -> Picture:
    """Pale and soft."""
    return np.asarray(0.36 + 0.64 * _saturation(picture, 0.8), np.float32)


def vivid(picture: Picture) -> Picture:
    """Loud colours, more contrast."""
    return np.asarray((_saturation(picture, 1.8) - 0.5) * 1.15 + 0.5, np.float32)


def green(picture: Picture) -> Picture:
    """A green screen."""
    return _tinted(picture, colour(0.28, 1.08, 0.42), colour(0.0, 0.03, 0.01))


def red(picture: Picture) -> Picture:
    """A darkroom."""
    return _tinted(picture, colour(1.15, 0.30, 0.25), colour(0.06, 0.0, 0.0))


def purple(picture: Picture) -> Picture:
    """Violet light."""
    tinted = _tinted(picture, colour(0.85, 0.42, 1.15), colour(0.08, 0.0, 0.10))
    return np.asarray(tinted + 0.35 * (picture - luminance(picture)[..., None]), np.float32)


TONES: dict[str, Tone] = {
    tone.__name__: tone
    for tone in (mono, sepia, warm, cool, dark, pastel, vivid, green, red, purple)
}


def toned(name: str, picture: Picture) -> Picture:
    """A picture in the tone `name`."""
    return np.asarray(np.clip(TONES[name](picture), 0.0, 1.0), np.float32)


def _tinted(picture: Picture, factor: Picture, offset: Picture) -> Picture:
    return _scaled(np.repeat(luminance(picture)[..., None], 3, -1), factor, offset)


def _scaled(picture: Picture, factor: Picture, offset: Picture) -> Picture:
    return np.asarray(picture * factor + offset, np.float32)


def _saturation(picture: Picture, factor: float) -> Picture:
    grey = np.repeat(luminance(picture)[..., None], 3, -1)
    return mixed(grey, picture, factor)
