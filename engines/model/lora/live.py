"""Live LoRAs: layers with their LoRAs beside them, whose weights are an input of the networks.

W·x becomes W·x + Σ wᵢ·Bᵢ·(Aᵢ·x), rank by rank, so that another weight wᵢ changes no matrix and
builds nothing. Weight 1 is what `fuse` makes at scale 1, weight 0 the model without the LoRA.

Names: R rows of a batch, N live LoRAs, r ranks of all that change a layer. Needs torch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from engines.errors import ModelUnavailable
from engines.model.lora import placed_changes
from engines.model.lora.file import Change

Network = TypeVar("Network", bound=nn.Module)
_WEIGHTS = "live_lora_weights"  # of a network, beside its parts


class LiveWeights(nn.Module):
    """lora_RN for the layers of one network, itself a part of that; `with_weights` sets it for a
    call. Of one thread at a time: who shares a network with others takes an `own_copy`."""

    def __init__(self) -> None:
        super().__init__()
        self.lora_RN: Tensor
        self.register_buffer("lora_RN", torch.zeros(1, 1), persistent=False)


def with_weights(network: nn.Module, lora_RN: Tensor, *inputs: Tensor, **options: object) -> Any:  # noqa: ANN401  # whatever it gives
    """`network` with these weights of the LoRAs that `make_live` put into it.

    torch.func's way of setting it is the only one that torch allows in the body of a Scan.
    """
    given = {f"{_WEIGHTS}.lora_RN": lora_RN}
    return functional_call(network, given, inputs, options, tie_weights=False)


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
        self._weights = [weights]  # in a list: a part of the network, not of this layer

    def forward(self, x: Tensor) -> Tensor:
        (weights,) = self._weights
        weight_Rr = weights.lora_RN[:, self.adapter_r]
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


def make_live(unet: nn.Module, text_encoders: Sequence[nn.Module], files: Sequence[Path]) -> None:
    """Put LoRAs beside the layers that they change, in place: these networks then run
    `with_weights`. Arguments as `fuse` takes them; LoRA n of `files` is column n of lora_RN.

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
    for network in (unet, *text_encoders):
        weights = LiveWeights()
        _replace(network, found, weights)
        network.add_module(_WEIGHTS, weights)


def own_copy(network: Network) -> Network:
    """The same network, on the same tensors, for another thread to call."""
    shared = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    return copy.deepcopy(network, cast("dict[int, object]", shared))


def _can_be_live(place: nn.Module) -> bool:
    if isinstance(place, nn.Conv2d):
        return place.groups == 1 and place.padding_mode == "zeros"
    return isinstance(place, nn.Linear)


def _replace(
    network: nn.Module,
    found: dict[nn.Module, list[tuple[int, Change]]],
    weights: LiveWeights,
) -> None:
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
