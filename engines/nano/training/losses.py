"""What a drawing is judged by. Images are BCHW in [−1, 1]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# Lightness, red against green, yellow against blue: with plain RGB an autoencoder spends its first
# thousand steps in grey.
_OPPONENT = ((0.30, 0.59, 0.11), (0.75, -0.75, 0.0), (0.375, 0.375, -0.75))


def difference(drawn_BCHW: Tensor, wanted_BCHW: Tensor) -> Tensor:
    """Mean absolute difference of colours and, at two scales, of edges. One number, float32."""
    error = drawn_BCHW.float() - wanted_BCHW
    matrix = torch.tensor(_OPPONENT, device=error.device)[..., None, None]
    with torch.autocast(error.device.type, enabled=False):
        found = F.conv2d(error, matrix).abs().mean() * 3.0
    for scale in (1, 2):
        scaled = error if scale == 1 else F.avg_pool2d(error, scale)
        found = found + (scaled[..., 1:] - scaled[..., :-1]).abs().mean()
        found = found + (scaled[..., 1:, :] - scaled[..., :-1, :]).abs().mean()
    return found
