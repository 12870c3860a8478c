"""Tones: what the colours of a drawing turn into. Per pixel, on BCHW in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Tone = Callable[[Tensor], Tensor]
Colour = tuple[float, float, float]


def mono(picture_BCHW: Tensor) -> Tensor:
    """Greys."""
    return _tinted(picture_BCHW, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def sepia(picture_BCHW: Tensor) -> Tensor:
    """An old print."""
    return _tinted(picture_BCHW, (1.08, 0.88, 0.64), (0.06, 0.03, 0.0))


def warm(picture_BCHW: Tensor) -> Tensor:
    """Evening sun."""
    return _scaled(picture_BCHW, (1.15, 1.0, 0.72), (0.05, 0.01, -0.02))


def cool(picture_BCHW: Tensor) -> Tensor:
    """Moonlight."""
    return _scaled(picture_BCHW, (0.70, 0.95, 1.18), (-0.01, 0.01, 0.05))


def dark(picture_BCHW: Tensor) -> Tensor:
    """Night."""
    return _scaled(picture_BCHW**1.5, (0.52, 0.55, 0.70), (0.0, 0.0, 0.0))


def pastel(picture_BCHW: Tensor) -> Tensor:
    """Pale and soft."""
    return 0.36 + 0.64 * _saturated(picture_BCHW, 0.8)


def vivid(picture_BCHW: Tensor) -> Tensor:
    """Loud colours, more contrast."""
    return (_saturated(picture_BCHW, 1.8) - 0.5) * 1.15 + 0.5


def green(picture_BCHW: Tensor) -> Tensor:
    """A green screen."""
    return _tinted(picture_BCHW, (0.28, 1.08, 0.42), (0.0, 0.03, 0.01))


def red(picture_BCHW: Tensor) -> Tensor:
    """A darkroom."""
    return _tinted(picture_BCHW, (1.15, 0.30, 0.25), (0.06, 0.0, 0.0))


def purple(picture_BCHW: Tensor) -> Tensor:
    """Violet light."""
    tinted = _tinted(picture_BCHW, (0.85, 0.42, 1.15), (0.08, 0.0, 0.10))
    return tinted + 0.35 * (picture_BCHW - _grey(picture_BCHW))


TONES: dict[str, Tone] = {
    tone.__name__: tone
    for tone in (mono, sepia, warm, cool, dark, pastel, vivid, green, red, purple)
}


def toned(name: str, picture_BCHW: Tensor) -> Tensor:
    """Pictures in the tone `name`."""
    return TONES[name](picture_BCHW).clamp(0.0, 1.0)


def _tinted(picture_BCHW: Tensor, factor: Colour, offset: Colour) -> Tensor:
    return _scaled(_grey(picture_BCHW), factor, offset)


def _scaled(picture_BCHW: Tensor, factor: Colour, offset: Colour) -> Tensor:
    return picture_BCHW * _colour(factor, picture_BCHW) + _colour(offset, picture_BCHW)


def _saturated(picture_BCHW: Tensor, factor: float) -> Tensor:
    return torch.lerp(_grey(picture_BCHW), picture_BCHW, factor)


def _grey(picture_BCHW: Tensor) -> Tensor:
    """Luminance, Rec. 601, in all three channels."""
    weight = _colour((0.299, 0.587, 0.114), picture_BCHW)
    return (picture_BCHW * weight).sum(1, keepdim=True).expand_as(picture_BCHW)


def _colour(colour: Colour, like: Tensor) -> Tensor:
    return torch.tensor(colour, device=like.device)[:, None, None]
