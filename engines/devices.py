"""Devices: which one a user means by a number, a name or a UUID.

nvidia-smi and torch count the same cards differently: it in the order of their slots, torch from
the fastest on, and only those that CUDA_VISIBLE_DEVICES leaves. Their UUIDs are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engines.backends.tensorrt.card import uuid_of
from engines.errors import BackendUnavailable, quoted
from engines.survey import NvidiaCard, nvidia_cards, nvidia_obstacle

_OWN_WORDS = re.compile(r"auto|cpu|mps|cuda:\d+|(gpu|npu)(\.\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TorchCard:
    """A card as torch counts them: "cuda:1" is number 1. `uuid` as nvidia-smi writes it."""

    number: int
    name: str
    uuid: str

    @property
    def device(self) -> str:
        """As `EngineSpec.device`."""
        return f"cuda:{self.number}"


def device_of(wanted: str) -> str:
    """As `EngineSpec.device`: what a user means by

    - a backend's own word: auto, CPU, GPU.1, cuda:1, mps
    - the number of an NVIDIA card as nvidia-smi and `streamcam doctor` count them
    - a part of its name: 4090
    - its UUID or the beginning of it: GPU-8f2c

    Loads torch where a card is meant. Raises `BackendUnavailable` that lists what there is.
    """
    if _OWN_WORDS.fullmatch(wanted):
        return wanted.lower() if wanted.lower().startswith(("cuda", "mps", "auto")) else wanted
    cards = _usable(wanted)
    numbered = _numbers(cards)
    found = [card for card in cards if _is(wanted, card, numbered.get(card.uuid))]
    if len(found) == 1:
        return found[0].device
    known = "; ".join(
        f"{numbered.get(card.uuid, card.number)}: {card.name}, {card.uuid}" for card in cards
    )
    which = "more than one" if found else "none"
    raise BackendUnavailable(
        f"device {quoted(wanted)} is {which} of the NVIDIA cards here. There are {known}. Give a "
        "number, a part of a name or of a UUID that only one has, or CPU."
    )


def card_of(device: str) -> NvidiaCard:
    """What the driver says of the card that torch means by "cuda:0". Loads torch and opens the
    card. Raises `BackendUnavailable`, and OSError if the driver does not answer."""
    uuid = next((card.uuid for card in _usable(device) if card.device == device), None)
    for card in nvidia_cards():
        if card.uuid == uuid:
            return card
    raise BackendUnavailable(f"device {quoted(device)}: the NVIDIA driver knows no such card.")


def torch_cards() -> list[TorchCard]:
    """In torch's order; none where it can use no NVIDIA card. Loads torch."""
    import torch

    if not torch.cuda.is_available() or torch.version.hip is not None:
        return []
    return [
        TorchCard(number, torch.cuda.get_device_name(number), uuid_of(number))
        for number in range(torch.cuda.device_count())
    ]


def _usable(wanted: str) -> list[TorchCard]:
    obstacle = nvidia_obstacle()
    cards = [] if obstacle else torch_cards()
    if cards:
        return cards
    raise BackendUnavailable(
        f"device {quoted(wanted)}: there is no NVIDIA card that torch can use"
        f"{f': {obstacle}' if obstacle else ''}. Use auto or CPU."
    )


def _numbers(cards: list[TorchCard]) -> dict[str, int]:
    """nvidia-smi's number of each card by its UUID; torch's own where it does not answer."""
    try:
        told = {card.uuid: card.number for card in nvidia_cards()}
    except OSError:
        told = {}
    return told or {card.uuid: card.number for card in cards}


def _is(wanted: str, card: TorchCard, number: int | None) -> bool:
    if wanted.isdecimal() and number is not None and int(wanted) == number:
        return True
    text = wanted.lower()
    uuid = card.uuid.lower()
    if uuid.startswith((text, f"gpu-{text}")) and len(text) >= 4:
        return True
    return not (wanted.isdecimal() and len(wanted) < 3) and text in card.name.lower()
