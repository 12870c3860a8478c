"""The original Stable Diffusion checkpoint's names, written from a model's diffusers modules."""

import re

import torch

_OUTER = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_BLOCK = re.compile(
    r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.+)"
)
_MID = re.compile(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)")


def unet_name(layer, unet):
    """The original name of a UNet's layer, without ".weight"."""
    if layer in _OUTER:
        return _OUTER[layer]
    if match := _MID.fullmatch(layer):
        place = 1 if match[1] == "attentions" else 2 * int(match[2])
        return f"middle_block.{place}.{_RESNET.get(match[3], match[3])}"
    side, block, kind, number, rest = _BLOCK.fullmatch(layer).groups()
    block, number, per_block = int(block), int(number), unet.config.layers_per_block + 1
    attends = "CrossAttn" in getattr(unet.config, f"{side}_block_types")[block]
    if kind == "downsamplers":
        return f"input_blocks.{(block + 1) * per_block}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{(block + 1) * per_block - 1}.{1 + attends}.conv"
    place = f"input_blocks.{1 + block * per_block + number}"
    if side == "up":
        place = f"output_blocks.{block * per_block + number}"
    if kind == "resnets":
        return f"{place}.0.{_RESNET.get(rest, rest)}"
    return f"{place}.1.{rest}"


def unet_tensors(unet):
    tensors = {}
    for name, tensor in unet.state_dict().items():
        layer, _, end = name.rpartition(".")
        tensors[f"model.diffusion_model.{unet_name(layer, unet)}.{end}"] = tensor
    return tensors


def vae_tensors(vae):
    """Of an AutoencoderKL."""
    last = len(vae.config.block_out_channels) - 1
    tensors = {}
    for name, tensor in vae.state_dict().items():
        for pattern, original in (
            (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
            (r"mid_block\.attentions\.0\.to_([qkv])", r"mid.attn_1.\1"),
            (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
            (r"mid_block\.resnets\.0", "mid.block_1"),
            (r"mid_block\.resnets\.1", "mid.block_2"),
            (r"down_blocks\.(\d)\.resnets", r"down.\1.block"),
            (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
            (r"up_blocks\.(\d)\.resnets", lambda found: f"up.{last - int(found[1])}.block"),
            (
                r"up_blocks\.(\d)\.upsamplers\.0",
                lambda found: f"up.{last - int(found[1])}.upsample",
            ),
            ("conv_norm_out", "norm_out"),
            ("conv_shortcut", "nin_shortcut"),
        ):
            name = re.sub(pattern, original, name)
        convolution = "attn_1" in name and "norm" not in name and name.endswith("weight")
        tensors[f"first_stage_model.{name}"] = tensor[..., None, None] if convolution else tensor
    return tensors


def clip_tensors(encoder, prefix):
    """Of a CLIPTextModel, in transformers' own layout below `prefix`."""
    return {
        f"{prefix}.text_model.{name.removeprefix('text_model.')}": tensor
        for name, tensor in encoder.state_dict().items()
    }


def open_clip_tensors(encoder, prefix):
    """Of a CLIP text model, in OpenCLIP's layout below `prefix`."""
    tensors, width = {}, encoder.config.hidden_size
    plain = {name.removeprefix("text_model."): t for name, t in encoder.state_dict().items()}
    for name, tensor in plain.items():
        for pattern, original in (
            (r"encoder\.layers\.", "transformer.resblocks."),
            ("layer_norm", "ln_"),
            (r"mlp\.fc1", "mlp.c_fc"),
            (r"mlp\.fc2", "mlp.c_proj"),
            (r"self_attn\.out_proj", "attn.out_proj"),
            ("final_layer_norm", "ln_final"),
            ("final_ln_", "ln_final"),
            (r"embeddings\.token_embedding", "token_embedding"),
            (r"embeddings\.position_embedding\.weight", "positional_embedding"),
        ):
            name = re.sub(pattern, original, name)
        if "self_attn" not in name and "text_projection" not in name:
            tensors[f"{prefix}.{name}"] = tensor
    for layer in range(encoder.config.num_hidden_layers):
        parts = [f"encoder.layers.{layer}.self_attn.{part}_proj" for part in "qkv"]
        for end in ("weight", "bias"):
            joined = torch.cat([plain[f"{part}.{end}"] for part in parts])
            tensors[f"{prefix}.transformer.resblocks.{layer}.attn.in_proj_{end}"] = joined
    projection = plain.get("text_projection.weight", torch.zeros(width, width))
    tensors[f"{prefix}.text_projection"] = projection.T.contiguous()
    return tensors
