"""LoRAs: small files that change a model's style, fused into its weights before it runs.

A LoRA holds two thin matrices a layer. Fusing adds their product to the layer's own weights,
W ← W + scale·(alpha/rank)·up·down (arXiv 2106.09685), so it costs nothing per frame. `live.py`
leaves the two beside the layer instead, with a weight that may change from frame to frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engines.errors import InvalidSpec, ModelUnavailable, quoted
from engines.hub import fetch_file, looks_like_hub_id
from engines.model.lora.file import Change, read_lora
from engines.model.lora.keys import TEXT_ENCODER, TEXT_ENCODER_2, UNET, spellings

if TYPE_CHECKING:
    from torch import Tensor, nn

# Width of the text that a UNet's cross-attention reads: what tells the families apart.
_FAMILIES = {768: "Stable Diffusion 1.x", 1024: "Stable Diffusion 2.x", 2048: "Stable Diffusion XL"}


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA and how strongly it acts.

    source  a .safetensors file on this machine, "OWNER/NAME/FILE.safetensors" on the hub, or
            "OWNER/NAME" of a repository with one such file
    scale   1.0 as it was trained, 0.0 not at all; any finite number
    """

    source: str
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Raises `InvalidSpec`."""
        if not math.isfinite(self.scale):
            raise InvalidSpec(
                f"LoRA {quoted(self.source)}: scale {self.scale} must be a finite number."
            )


def resolve(lora: Lora) -> Path:
    """The file of a LoRA; one from the hub is downloaded on first use, which blocks.

    Raises `ModelUnavailable`, or `BackendUnavailable` where huggingface_hub is not installed.
    """
    file = Path(lora.source).expanduser()
    if file.is_file():
        if file.suffix != ".safetensors":
            raise ModelUnavailable(
                f"LoRA {file} is no .safetensors file, and others can run code when they are "
                "loaded. Take it as .safetensors."
            )
        return file
    repo_id, name = "/".join(lora.source.split("/")[:2]), "/".join(lora.source.split("/")[2:])
    if looks_like_hub_id(repo_id) and (not name or name.endswith(".safetensors")):
        return fetch_file(repo_id, name or None)
    raise ModelUnavailable(
        f"LoRA {quoted(lora.source)} is no file on this machine. Give the path of a .safetensors "
        "file, or one on the Hugging Face hub: OWNER/NAME or OWNER/NAME/FILE.safetensors."
    )


def fuse(
    unet: nn.Module, text_encoders: Sequence[nn.Module], loras: Sequence[tuple[Path, float]]
) -> None:
    """Add LoRAs, each a file with its scale, to the weights of these modules, in place.

    unet           a diffusers UNet2DConditionModel
    text_encoders  its transformers CLIP text models in the model's order; a LoRA may change them

    All of it is checked before a weight is touched. Sums are made in float32 (float64 for float64
    weights) and rounded once, so the order of `loras` does not matter. Raises `ModelUnavailable`
    for a file that is damaged, of an unknown kind, or made for another family of models.
    """
    found: dict[nn.Module, list[tuple[Change, float]]] = {}
    for path, scale in sorted(loras, key=lambda pair: (str(pair[0]), pair[1])):
        for change, place in placed_changes(path, unet, text_encoders):
            if scale != 0.0:
                found.setdefault(place, []).append((change, scale))
    for module, parts in found.items():
        _add(cast("Tensor", module.weight), parts)


def placed_changes(
    path: Path, unet: nn.Module, text_encoders: Sequence[nn.Module]
) -> list[tuple[Change, nn.Module]]:
    """What a LoRA changes, each with the layer that it is for. Raises `ModelUnavailable`."""
    networks = dict(zip((TEXT_ENCODER, TEXT_ENCODER_2), text_encoders, strict=False))
    layers = {name: _layers(network) for name, network in {UNET: unet, **networks}.items()}
    per_block = getattr(getattr(unet, "config", None), "layers_per_block", 2)
    changes = read_lora(path)
    places = [_place(change, layers, per_block) for change in changes]
    if None in places:
        raise _misfit(path, changes, places, unet)
    return list(zip(changes, cast("list[nn.Module]", places), strict=True))


def _layers(network: nn.Module) -> dict[str, nn.Module]:
    """The layers a LoRA can change, linear and convolution, by name with underscores for dots."""
    return {
        name.replace(".", "_"): module
        for name, module in network.named_modules()
        if getattr(module, "weight", None) is not None and cast("Tensor", module.weight).ndim >= 2
    }


def _place(
    change: Change, layers: dict[str, dict[str, nn.Module]], layers_per_block: object
) -> nn.Module | None:
    """The layer that `change` is for; None if the model has none of its name and shape."""
    per_block = layers_per_block if isinstance(layers_per_block, int) else 2
    known = layers.get(change.key.network, {})
    for name in spellings(change.key, per_block):
        if name in known:
            shape = cast("Tensor", known[name].weight).shape
            return known[name] if change.fits(shape) else None
    return None


def _add(weight: Tensor, parts: Iterable[tuple[Change, float]]) -> None:
    """Add the sum of some changes, each times its scale, to a weight."""
    import torch

    wide = torch.promote_types(weight.dtype, torch.float32)
    with torch.no_grad():
        total = weight.to(wide)
        for change, scale in parts:
            total = total + scale * change.delta(total)
        weight.copy_(total)


def _misfit(
    path: Path, changes: Sequence[Change], places: Sequence[nn.Module | None], unet: nn.Module
) -> ModelUnavailable:
    homeless = [change for change, place in zip(changes, places, strict=True) if place is None]
    widths = [change.width for change in changes if "attn2_to_k" in change.key.layer]
    made_for = _FAMILIES.get(widths[0] if widths else 0, "another kind of model")
    text = [layer for name, layer in _layers(unet).items() if name.endswith("attn2_to_k")]
    width = cast("Tensor", text[0].weight).shape[1] if text else 0
    model = _FAMILIES.get(width, "of another kind")
    return ModelUnavailable(
        f"LoRA {path} was made for {made_for} and this model is {model}: {len(homeless)} of its "
        f"{len(changes)} layers fit nowhere, {homeless[0].key.layer} for one. Take a LoRA that "
        f"was made for {'this model' if width not in _FAMILIES else model}."
    )
