"""What NVIDIA card there is, and whether TensorRT is worth trying on it."""

from __future__ import annotations

from dataclasses import dataclass

from engines.backends._tensorrt_flavour import (
    CLASSIC,
    RTX,
    Flavour,
    installed_flavours,
    open_flavour,
)
from engines.errors import BackendUnavailable, quoted

Capability = tuple[int, int]

_AMPERE: Capability = (8, 0)


@dataclass(frozen=True, slots=True)
class Card:
    """An NVIDIA GPU. `capability`: CUDA's compute capability, such as (8, 9)."""

    name: str
    capability: Capability

    @property
    def architecture(self) -> str:
        """As engines are built for it: "sm89"."""
        return f"sm{self.capability[0]}{self.capability[1]}"


def find_card(device: str) -> Card | None:
    """The card that torch means by `device` ("auto": the first), or None. Loads torch."""
    import torch

    if device not in ("auto", "cuda") and not device.startswith("cuda:"):
        return None
    if not torch.cuda.is_available() or torch.version.hip is not None:
        return None
    index = torch.device("cuda" if device == "auto" else device).index or 0
    if index >= torch.cuda.device_count():
        return None
    return Card(torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index))


def card_for(device: str) -> Card:
    """`find_card`. Raises `BackendUnavailable` where there is none."""
    card = find_card(device)
    if card is None:
        raise BackendUnavailable(
            f"device {quoted(device)}: TensorRT runs on NVIDIA cards alone, and torch finds none "
            "here. Use --backend auto. `streamcam build` prepares engines for another machine."
        )
    return card


def flavour_for(card: Card) -> Flavour:
    """The TensorRT for a card. Raises `BackendUnavailable`: why torch is that card's best.

    TensorRT-RTX where it knows the architecture, from Ampere on: on Turing its bfloat16 and
    float32 products are missing. The other TensorRT on everything else, where it is installed.
    """
    installed = installed_flavours()
    if not installed:
        raise BackendUnavailable(
            "TensorRT is not installed. Install it: pip install 'streamcam[nvidia]'."
        )
    reason = ""
    if RTX in installed:
        flavour = open_flavour(RTX)
        if card.capability >= _AMPERE and card.architecture in flavour.architectures:
            return flavour
        reason = (
            f"{flavour.label} is not for cards of compute capability "
            f"{card.capability[0]}.{card.capability[1]}, such as this {card.name}"
        )
    if CLASSIC in installed:
        return open_flavour(CLASSIC)
    raise BackendUnavailable(f"{reason}.")
