"""Weights: a model's networks on a device, one set of them for all engines of the process."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from engines.backends.torch.placement import Placement
from engines.families import family
from engines.model import Model
from engines.model.shared import Shared, weights_key
from engines.step.frame_step import Networks


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Weights:
    """Read by engines on any thread, written by none.

    networks      in the placement's arithmetic and layout
    text_encoder  in the type that `text_type` names
    """

    networks: Networks
    text_encoder: nn.Module


_shared: Shared[Weights] = Shared()


def load_weights(model: Model, placement: Placement) -> Weights:
    """A model's weights on a device: those of an engine that runs, or read from its files.

    Size, steps and guidance shape no weight, so another engine of the model costs neither the
    seconds that reading takes nor a second copy. They stay for as long as a caller holds them.

    Raises what torch raises, `ModelUnavailable`.
    """
    return _shared.take(_key(model, placement), lambda: _load(model, placement))


def are_loaded(model: Model, placement: Placement) -> bool:
    """Whether an engine of this process holds them."""
    return _shared.holds(_key(model, placement))


def text_type(placement: Placement) -> torch.dtype:
    """Of the text encoder: float16 on a GPU halves what a large one takes of its memory."""
    return placement.dtype if placement.device.type == "cuda" else torch.float32


def _key(model: Model, placement: Placement) -> tuple[object, ...]:
    return (weights_key(model), placement.precision, str(placement.device))


def _load(model: Model, placement: Placement) -> Weights:
    networks, text_encoder = family(model.family).load(model)
    networks.to(placement.device, placement.dtype)
    networks.to(memory_format=placement.layout)  # type: ignore[call-overload]  # stub lacks it
    return Weights(networks, text_encoder.to(placement.device, text_type(placement)))
