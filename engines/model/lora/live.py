"""Live LoRAs: layers with their LoRAs beside them, whose weights are an input of the networks.

W·x becomes W·x + Σ wᵢ·Bᵢ·(Aᵢ·x), rank by rank, so that another weight wᵢ changes no matrix and
builds nothing. Weight 1 is what `fuse` makes at scale 1, weight 0 the model without the LoRA.

Names: R rows of a batch, N live LoRAs, r ranks of all that change a layer. Needs torch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.errors import ModelUnavailable
from engines.model.lora import placed_changes
from engines.model.lora.file import Change

Network = TypeVar("Network", bound=nn.Module)


class LiveWeights:
    """lora_RN for the layers of one network, set before it computes. Of one thread at a time: who
    shares modules with others takes an `own_copy`, which has weights of its own."""

    rows_RN: Tensor | None = None

    def __deepcopy__(self, memo: dict[int, object]) -> LiveWeights:
        return LiveWeights()


class LiveLayer(nn.Module):
    """A layer and what its live LoRAs add to it.

    adapter_r  which LoRA each rank is of
    """

    def __init__(
        self,
        layer: nn.Linear | nn.Conv2d,
        parts: Sequence[tuple[int, Change]],
        weights: LiveWeights,
    ) -> None:
        super().__init__()
        self.layer = layer
        factors = [_balanced(*change.factors(layer.weight)) for _, change in parts]
        self.down = nn.Parameter(torch.cat([down for down, _ in factors]), requires_grad=False)
        self.up = nn.Parameter(torch.cat([up for _, up in factors], dim=1), requires_grad=False)
        ranks = [adapter for (adapter, _), (down, _) in zip(parts, factors, strict=True)
                 for _ in range(len(down))]  # fmt: skip
        self.adapter_r: Tensor
        self.register_buffer("adapter_r", torch.tensor(ranks), persistent=False)
        self._weights = weights

    def forward(self, x: Tensor) -> Tensor:
        rows_RN = self._weights.rows_RN
        assert rows_RN is not None
        weight_Rr = rows_RN[:, self.adapter_r]
        layer = self.layer
        if isinstance(layer, nn.Conv2d):
            narrow = functional.conv2d(
                x, self.down, None, layer.stride, layer.padding, layer.dilation
            )
            wide = functional.conv2d(narrow * weight_Rr[:, :, None, None], self.up)
        else:
            narrow = functional.linear(x, self.down)
            between = [1] * (x.dim() - 2)
            wide = functional.linear(narrow * weight_Rr.view(-1, *between, len(self.down)), self.up)
        return cast(Tensor, layer(x)) + wide


def make_live(
    unet: nn.Module, text_encoders: Sequence[nn.Module], files: Sequence[Path]
) -> tuple[LiveWeights, LiveWeights]:
    """Put LoRAs beside the layers that they change, in place; the weights of the UNet's and of the
    text encoders'. Arguments as `fuse` takes them; LoRA n of `files` is column n of the weights.

    All of it is checked before a module is touched. Raises `ModelUnavailable` as `fuse` does, and
    for a layer that no LoRA can be put beside.
    """
    found: dict[nn.Module, list[tuple[int, Change]]] = {}
    for number, path in enumerate(files):
        for change, place in placed_changes(path, unet, text_encoders):
            if not _can_be_live(place):
                raise ModelUnavailable(
                    f"LoRA {path} changes {change.key.layer}, a {type(place).__name__} beside "
                    "which no live LoRA fits; linear layers and plain convolutions do. Name it in "
                    "fused_loras."
                )
            found.setdefault(place, []).append((number, change))
    of_unet, of_text = LiveWeights(), LiveWeights()
    _replace([unet], found, of_unet)
    _replace(text_encoders, found, of_text)
    return of_unet, of_text


def own_copy(network: Network) -> Network:
    """The same network, on the same weights, with live weights of its own."""
    shared = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    return copy.deepcopy(network, cast("dict[int, object]", shared))


def _can_be_live(place: nn.Module) -> bool:
    if isinstance(place, nn.Conv2d):
        return place.groups == 1 and place.padding_mode == "zeros"
    return isinstance(place, nn.Linear)


def _replace(
    networks: Iterable[nn.Module],
    found: dict[nn.Module, list[tuple[int, Change]]],
    weights: LiveWeights,
) -> None:
    for network in networks:
        for name, layer in list(network.named_modules()):
            if layer in found:
                parent, _, child = name.rpartition(".")
                live = LiveLayer(cast("nn.Linear | nn.Conv2d", layer), found[layer], weights)
                setattr(network.get_submodule(parent), child, live)


def _balanced(down: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """Both with about the same largest number, by a power of two: float16 then holds what trainers
    made small by a small alpha, and float32 loses nothing."""
    largest = [float(factor.abs().max()) for factor in (down, up)]
    if not all(largest):
        return down, up
    power = 2.0 ** round(math.log2(largest[1] / largest[0]) / 2.0)
    return down * power, up / power
