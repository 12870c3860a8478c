"""What a cheap camera does to a picture before the model sees it.

On the device that trains, with torch's random numbers. Pictures are BCHW in [0, 1].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# JPEG's tables of annex K (ITU-T T.81) for a quality of 50, and its colours (JFIF).
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)
_BLOCK = 8
_REACH = 3  # pixels on either side that a soft lens mixes in


def filmed(picture_BCHW: Tensor) -> Tensor:
    """Each picture for itself: now and then soft, grainy (more in the dark) and compressed."""
    seen_BCHW = _softened(picture_BCHW, _sometimes(picture_BCHW, 0.3, 0.4, 1.1))
    seen_BCHW = _grainy(seen_BCHW, _sometimes(picture_BCHW, 0.55, 0.004, 0.045)).clamp(0.0, 1.0)
    quality_B111 = _sometimes(picture_BCHW, 0.35, 30.0, 92.0)
    coded_BCHW = compressed(seen_BCHW, quality_B111.clamp(min=1.0))
    return torch.where(quality_B111 > 0.0, coded_BCHW, seen_BCHW)


def compressed(picture_BCHW: Tensor, quality_B111: Tensor) -> Tensor:
    """Through JPEG and back, colour at half the resolution; sides are multiples of 16."""
    scale = torch.where(quality_B111 < 50.0, 50.0 / quality_B111, 2.0 - quality_B111 / 50.0)
    matrix = torch.tensor(_YCC, device=picture_BCHW.device)
    ycc_BCHW = torch.einsum("dc,bchw->bdhw", matrix, picture_BCHW * 255.0)
    luma = _quantised(ycc_BCHW[:, :1] - 128.0, _LUMA, scale) + 128.0
    chroma = _quantised(F.avg_pool2d(ycc_BCHW[:, 1:], 2), _CHROMA, scale)
    whole = F.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)
    back = torch.linalg.inv(matrix)
    coded = torch.einsum("cd,bdhw->bchw", back, torch.cat([luma, whole], 1)) / 255.0
    return coded.clamp(0.0, 1.0)


def _sometimes(like: Tensor, chance: float, low: float, high: float) -> Tensor:
    """(B, 1, 1, 1): a number of that range, or 0 for the pictures that are spared."""
    dice = torch.rand(3, len(like), 1, 1, 1, device=like.device)
    return torch.where(dice[0] < chance, low + (high - low) * dice[1], 0.0)


def _softened(picture_BCHW: Tensor, sigma_B111: Tensor) -> Tensor:
    """Gaussian blur."""
    height, width = picture_BCHW.shape[-2:]
    place = torch.arange(-_REACH, _REACH + 1, device=picture_BCHW.device)
    weight = torch.exp(-0.5 * (place / sigma_B111.clamp(min=0.05)) ** 2)
    weight = weight / weight.sum(-1, keepdim=True)
    padded = F.pad(picture_BCHW, (_REACH,) * 4, mode="reflect")
    across = sum(weight[..., i : i + 1] * padded[..., i : i + width] for i in range(len(place)))
    assert isinstance(across, Tensor)
    both = sum(weight[..., i : i + 1] * across[..., i : i + height, :] for i in range(len(place)))
    assert isinstance(both, Tensor)
    return both


def _grainy(picture_BCHW: Tensor, strength_B111: Tensor) -> Tensor:
    """A sensor's noise, fine as it comes or coarse as a camera's own filter leaves it."""
    fine = torch.randn_like(picture_BCHW)
    coarse = 3.0 * F.avg_pool2d(fine, 3, stride=1, padding=1)
    share = torch.rand_like(strength_B111)
    grain = torch.lerp(fine, coarse, share) / (share**2 + (1.0 - share) ** 2).sqrt()
    return picture_BCHW + strength_B111 * grain * (1.3 - 0.6 * picture_BCHW)


def _quantised(
    plane_BCHW: Tensor, table: tuple[tuple[int, ...], ...], scale_B111: Tensor
) -> Tensor:
    """Each 8×8 block as rounded cosines."""
    size = plane_BCHW.shape
    device = plane_BCHW.device
    cosine = _cosines(device)
    steps = torch.tensor(table, dtype=torch.float32, device=device)[:, None, :]
    steps = (steps * scale_B111[..., None, None]).round().clamp(1.0, 255.0)
    blocks = plane_BCHW.reshape(*size[:2], size[2] // _BLOCK, _BLOCK, size[3] // _BLOCK, _BLOCK)
    found = torch.einsum("ui,bcyixj,vj->bcyuxv", cosine, blocks, cosine)
    found = (found / steps).round() * steps
    return torch.einsum("ui,bcyuxv,vj->bcyixj", cosine, found, cosine).reshape(size)


def _cosines(device: torch.device) -> Tensor:
    """The orthonormal DCT-II of eight values."""
    place = torch.arange(_BLOCK, device=device)
    angle = (2.0 * place + 1.0) * place[:, None] * (math.pi / (2 * _BLOCK))
    weight = torch.full((_BLOCK, 1), math.sqrt(2.0 / _BLOCK), device=device)
    weight[0] = math.sqrt(1.0 / _BLOCK)
    return weight * torch.cos(angle)
