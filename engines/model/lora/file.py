"""A LoRA file: what it changes, read from safetensors in any trainer's format (needs torch)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engines.errors import ModelUnavailable, quoted
from engines.model.lora.keys import UNET, Key, is_written_by_peft, parse_key

if TYPE_CHECKING:
    from torch import Tensor

_DIFFUSERS_CONFIG = "lora_adapter_metadata"
_PEFT_CONFIG = "adapter_config.json"


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What a LoRA adds to one layer: strength·up·down, strength being alpha over rank.

    down  (rank, inputs) or (rank, inputs, h, w); up (outputs, rank) or (outputs, rank, 1, 1)
    mid   (rank, rank, h, w) between them, of convolutions whose down is 1×1; else None
    """

    key: Key
    down: Tensor
    up: Tensor
    mid: Tensor | None
    strength: float

    @property
    def width(self) -> int:
        """Inputs of the layer."""
        return int(self.down.shape[1])

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a weight of `shape` has room for it; a 1×1 convolution is a linear layer."""
        kernel = (self.down if self.mid is None else self.mid).shape[2:]
        mine = (self.up.shape[0], self.width, *kernel)
        square = mine + (1,) * (4 - len(mine))
        return self.up.shape[1] == self.down.shape[0] and square == (*shape, 1, 1)[:4]

    def factors(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """(rank, inputs[, h, w]) and (outputs, rank[, 1, 1]) whose product is `delta`, of the dtype
        and device of `weight`; two axes for a linear layer, four for a convolution."""
        down, up = self.down.to(weight), self.up.to(weight).flatten(1) * self.strength
        if self.mid is not None:
            # (ranks, ranks·h·w) by (rank, inputs): down acts before mid, on its second rank
            mid = self.mid.to(weight)
            down = (mid.movedim(1, -1) @ down.flatten(1)).movedim(-1, 1)
        ones = (1,) * (weight.dim() - 2)
        return down.reshape(len(down), *weight.shape[1:]), up.reshape(*up.shape, *ones)

    def delta(self, weight: Tensor) -> Tensor:
        """What to add to `weight` at scale 1, of its shape, dtype and device."""
        down, up = self.factors(weight)
        return (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)


def read_lora(path: Path) -> list[Change]:
    """Every change in a file. Raises `ModelUnavailable` naming what is damaged or unknown."""
    tensors, metadata = _read(path)
    grouped: dict[tuple[str, str], dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        key = parse_key(name)
        if key is None:
            raise ModelUnavailable(
                f"LoRA {path} holds {quoted(name)}, which is no plain LoRA layer (LoHa, LoKr, "
                "DoRA and trained embeddings are not supported). Take another LoRA."
            )
        grouped.setdefault((key.network, key.layer), {})[key.factor] = tensor
    if not grouped:
        raise ModelUnavailable(f"LoRA {path} is empty. Download it again, or take another LoRA.")
    config = _peft_config(path) if any(map(is_written_by_peft, tensors)) else metadata
    return [
        _change(path, Key(network, layer, ""), factors, config)
        for (network, layer), factors in grouped.items()
    ]


def changes_text(path: Path) -> bool:
    """Whether a LoRA changes a text encoder, by the names in its header alone. Raises
    `ModelUnavailable` for a file that is none."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            names = json.loads(file.read(length if length < path.stat().st_size else 0))
        keys = [parse_key(name) for name in names if name != "__metadata__"]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise _damaged(path) from error
    return any(key is not None and key.network != UNET for key in keys)


def _damaged(path: Path) -> ModelUnavailable:
    return ModelUnavailable(
        f"LoRA {path} cannot be read: damaged, or no safetensors file. Download it again."
    )


def _read(path: Path) -> tuple[dict[str, Tensor], Mapping[str, object]]:
    """The tensors of a file, and the configuration that diffusers keeps in its header."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            packed = json.loads((file.metadata() or {}).get(_DIFFUSERS_CONFIG, "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise _damaged(path) from error
    return tensors, cast("Mapping[str, object]", packed)


def _peft_config(path: Path) -> Mapping[str, object]:
    """peft's configuration, without which the strength of its files is unknown."""
    file = path.with_name(_PEFT_CONFIG)
    try:
        return cast("Mapping[str, object]", json.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"LoRA {path} was written by peft, and {_PEFT_CONFIG}, which holds its alpha, cannot "
            "be read beside it. Download both into one folder and give the path of the LoRA."
        ) from error


def _change(
    path: Path, key: Key, factors: Mapping[str, Tensor], config: Mapping[str, object]
) -> Change:
    missing = {"down", "up"} - factors.keys()
    if missing:
        raise ModelUnavailable(
            f"LoRA {path}: its layer {key.layer} lacks {' and '.join(sorted(missing))}. "
            "Download it again, or take another LoRA."
        )
    rank = int(factors["down"].shape[0])
    if "alpha" in factors:
        strength = float(factors["alpha"]) / rank
    else:
        strength = _configured_strength(path, key, rank, config)
    return Change(key, factors["down"], factors["up"], factors.get("mid"), strength)


def _configured_strength(path: Path, key: Key, rank: int, config: Mapping[str, object]) -> float:
    """alpha/rank as peft configures it; 1 where nothing is said, as the first trainers had it."""

    def option(name: str, default: object) -> object:
        return config.get(f"{key.network}.{name}", config.get(name, default))

    if option("use_dora", default=False):
        raise ModelUnavailable(f"LoRA {path} is a DoRA, which is not supported. Take another LoRA.")
    alpha = cast(float, option("lora_alpha", rank))
    patterns = cast("Mapping[str, float]", option("alpha_pattern", {}))
    for pattern, value in patterns.items():
        if re.fullmatch(rf"(.*_)?({pattern.replace('.', '_')})", key.layer):
            alpha = value
            break
    return alpha / (math.sqrt(rank) if option("use_rslora", default=False) else rank)
