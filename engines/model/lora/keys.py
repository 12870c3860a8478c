"""LoRA keys: which layer and which factor a tensor of a LoRA file is, in every trainer's spelling.

Layer names are compared with underscores for dots, as kohya's trainer writes them, so that one
spelling serves all. Names only; needs no torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

UNET, TEXT_ENCODER, TEXT_ENCODER_2 = "unet", "text_encoder", "text_encoder_2"

# kohya: X.lora_down.weight, X.alpha; peft: X.lora_A.weight, X.lora_A.ADAPTER.weight; diffusers:
# X.lora.down.weight, X_lora.down.weight (X without its last index), X.lora_linear_layer.down.weight
_FACTOR = re.compile(
    r"(?P<layer>.+?)(?:\.alpha|(?:\.lora_|[._]lora\.|\.lora_linear_layer\.)"
    r"(?P<factor>down|up|mid|A|B)(?:\.(?!bias)\w+)?\.weight)"
)
_FACTORS = {None: "alpha", "A": "down", "B": "up"}
_NETWORKS = (
    ("lora_unet_", UNET),
    ("lora_te1_", TEXT_ENCODER),
    ("lora_te2_", TEXT_ENCODER_2),
    ("lora_te_", TEXT_ENCODER),
    ("unet.", UNET),
    ("text_encoder_2.", TEXT_ENCODER_2),
    ("text_encoder.", TEXT_ENCODER),
    ("text_model.", TEXT_ENCODER),
    ("diffusion_model.", UNET),
)
# A text encoder by itself: transformers 5 has no more "text_model." in front of its layers.
_OF_TEXT_ENCODERS = ("encoder_layers_", "embeddings_", "final_layer_norm")
_PEFT = "base_model.model."

# The original Stable Diffusion code's names, which LoRAs for SDXL have.
_OUTER = {
    "input_blocks_0_0": "conv_in",
    "out_2": "conv_out",
    "time_embed_0": "time_embedding_linear_1",
    "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1",
    "label_emb_0_2": "add_embedding_linear_2",
}
_MIDDLE = ("resnets_0", "attentions_0", "resnets_1")
_RESNET = {
    "in_layers_2": "conv1",
    "out_layers_3": "conv2",
    "emb_layers_1": "time_emb_proj",
    "skip_connection": "conv_shortcut",
}
_ORIGINAL = re.compile(
    r"(?P<side>input_blocks|middle_block|output_blocks)_(?P<block>\d+)_(?P<rest>.+)"
)


@dataclass(frozen=True, slots=True)
class Key:
    """Where a tensor belongs: "down", "up", "mid" or "alpha" of a layer of a network."""

    network: str
    layer: str
    factor: str


def parse_key(name: str) -> Key | None:
    """What the tensor `name` is; None if it is no part of a LoRA."""
    match = _FACTOR.fullmatch(name)
    if match is None:
        return None
    network, layer = _network(match["layer"].removeprefix(_PEFT))
    return Key(network, layer, _FACTORS.get(match["factor"], match["factor"]))


def _network(layer: str) -> tuple[str, str]:
    """The network of a layer, and its name within it."""
    named = None
    for prefix, network in _NETWORKS:
        if layer.startswith(prefix):
            named, layer = network, layer.removeprefix(prefix).removeprefix(_PEFT)
            break
    layer = layer.replace(".processor.", ".").replace(".", "_")
    if named is None:
        named = TEXT_ENCODER if layer.startswith(_OF_TEXT_ENCODERS) else UNET
    return named, layer


def is_written_by_peft(name: str) -> bool:
    """Whether `name` is peft's own, whose alpha is in an adapter_config.json beside the file."""
    return _PEFT in name


def spellings(key: Key, layers_per_block: int) -> tuple[str, ...]:
    """Names a layer may have in the model, with underscores for dots, likeliest first.

    layers_per_block  of the UNet's configuration; the original code numbers its blocks by it
    """
    name = key.layer
    if key.network == UNET:
        return (name, f"{name}_0", _from_original(name, layers_per_block))
    name = name.removeprefix("text_model_")
    for old, clip in (("to_q", "q_proj"), ("to_k", "k_proj"), ("to_v", "v_proj")):
        name = name.replace(f"self_attn_{old}", f"self_attn_{clip}")
    name = name.replace("self_attn_to_out", "self_attn_out_proj")
    return (name, f"text_model_{name}")


def _from_original(name: str, layers_per_block: int) -> str:
    """The diffusers name of a layer that the original code calls `name`; else `name`."""
    match = _ORIGINAL.fullmatch(name)
    if match is None or name in _OUTER:
        return _OUTER.get(name, name)
    number, rest = int(match["block"]), match["rest"]
    if match["side"] == "middle_block":
        part = _MIDDLE[number] if number < len(_MIDDLE) else ""
        return f"mid_block_{part}_{_RESNET.get(rest, rest)}"
    down = match["side"] == "input_blocks"
    block, layer = divmod(number - down, layers_per_block + 1)
    side = "down_blocks" if down else "up_blocks"
    inner, _, rest = rest.partition("_")
    if rest in ("op", "conv"):
        return f"{side}_{block}_{'down' if down else 'up'}samplers_0_conv"
    if inner == "0":
        return f"{side}_{block}_resnets_{layer}_{_RESNET.get(rest, rest)}"
    return f"{side}_{block}_attentions_{layer}_{rest}"
