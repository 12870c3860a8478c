"""The statistics of a UNet's group normalisations: kept of a whole frame, given to a part of it.

A normalisation over a part alone would see other means than over the frame, which changes the
whole look (tests/benchmarks/README.md). Networks are copied for that without their weights.
"""

from __future__ import annotations

import copy
from itertools import chain

import torch
from torch import Tensor, nn

from engines.step.frame_step import Networks


def keeping_statistics(networks: Networks) -> Networks:
    """The same networks, on the same weights, whose group normalisations keep what they saw."""
    return _with_norms(networks, nn.GroupNorm, KeepingNorm)


def given_statistics(keeping: Networks) -> Networks:
    """The same networks, on the same weights, that normalise by what `keeping` saw last."""
    return _with_norms(keeping, KeepingNorm, GivenNorm)


class KeepingNorm(nn.Module):
    """A group normalisation that keeps the mean and the inverse deviation, (rows, groups).

    They are the tensors that it computes: in a CUDA graph, which writes to the same ones at every
    replay, these stay.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.norm = norm
        self.mean: Tensor | None = None
        self.inverse: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        norm, (rows, channels) = self.norm, x.shape[:2]
        x = x.contiguous(memory_format=_layout(x))
        normed, self.mean, self.inverse = torch.native_group_norm(
            x, norm.weight, norm.bias, rows, channels, x[0, 0].numel(), norm.num_groups, norm.eps
        )
        return normed


class GivenNorm(nn.Module):
    """A group normalisation by what another one saw last; the same before that."""

    def __init__(self, keeping: KeepingNorm) -> None:
        super().__init__()
        self.norm = keeping.norm
        self._kept = [keeping]  # in a list: not a part of this one

    def forward(self, x: Tensor) -> Tensor:
        norm, (kept,) = self.norm, self._kept
        if kept.mean is None or kept.inverse is None:
            normed: Tensor = norm(x)
            return normed
        across = norm.num_channels // norm.num_groups
        inverse = kept.inverse.float().repeat_interleave(across, 1)
        mean = kept.mean.float().repeat_interleave(across, 1)
        scale = inverse * norm.weight.float()
        shift = norm.bias.float() - mean * scale
        ends = (..., *(None,) * (x.dim() - 2))
        return torch.addcmul(shift[ends], x.float(), scale[ends]).to(x.dtype)


def _with_norms(networks: Networks, found: type[nn.Module], other: type[nn.Module]) -> Networks:
    """A copy, on the same weights, with each normalisation of a class replaced by another's."""
    shared = {id(tensor): tensor for tensor in chain(networks.parameters(), networks.buffers())}
    norms = {module: other(module) for module in networks.modules() if isinstance(module, found)}
    # A normalisation that is met while copying becomes its other, which is not copied.
    memo = {**shared, **{id(norm): replaced for norm, replaced in norms.items()}}
    return copy.deepcopy(networks, memo)


def _layout(x: Tensor) -> torch.memory_format:
    """As torch's own group normalisation takes it: on a CPU in either, else with channels first."""
    last = x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if x.dim() == 4 and last else torch.contiguous_format
