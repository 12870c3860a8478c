#!/usr/bin/env bash
# diffusers 0.42.1, peft 0.21.2, transformers 5.23.0, torch 2.13.0 (CPU), numpy 2.3.5.
#
# A slider for the strength of a LoRA: unfuse_lora(), then fuse_lora(lora_scale=new). The pair is
# documented as there and back, so each position of the slider is expected to be absolute. It multiplies. fuse_lora
# scales the adapter itself, and unfuse_lora takes the weights back but leaves the scale: 0.5 and then 1.0
# gives 0.5, 0.5 and again 0.5 gives 0.25, and unfused, too, the adapter acts at half its strength. Nothing raises or
# warns, and no later fuse_lora can undo it, as 0 would stay 0 for good.
# Cure: set_adapters(names, strength) sets, and does not multiply; then fuse_lora() with scale 1.
#
# Seen: strength of the LoRA in the fused weight, as a part of the full one: as asserted below.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile diffusers==0.42.1 peft==0.21.2 transformers==5.23.0 torch==2.13.0 numpy==2.3.5
HF_HUB_OFFLINE=1 "$work/venv/bin/python" - <<'PYTHON' 2>/dev/null
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig

SIZES = {"block_out_channels": (16, 32), "layers_per_block": 1, "cross_attention_dim": 16, "attention_head_dim": 8, "norm_num_groups": 8}
BLOCKS = {"down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D")}


def model():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(sample_size=8, **SIZES, **BLOCKS)
    unet.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=["to_q"], init_lora_weights=False), "style")
    return unet


def weight(unet):
    return unet.down_blocks[1].attentions[0].transformer_blocks[0].attn1.to_q.base_layer.weight.detach().clone()


plain = weight(model())
full = model()
full.fuse_lora()
full = (weight(full) - plain).norm()


def strength(*positions, by_adapters=False):
    """Of the LoRA in the weights after the slider was at these positions."""
    unet = model()
    for number, position in enumerate(positions):
        if number:
            unet.unfuse_lora()
        if by_adapters:
            unet.set_adapters(["style"], [position])
            unet.fuse_lora()
        else:
            unet.fuse_lora(lora_scale=position)
    return round(float((weight(unet) - plain).norm() / full), 3)


for positions, reached in {(1.0,): 1.0, (0.5,): 0.5, (0.5, 1.0): 0.5, (0.5, 0.5): 0.25, (0.8, 0.5, 1.0): 0.4}.items():
    by_fuse, by_adapters = strength(*positions), strength(*positions, by_adapters=True)
    print(f"slider at {', '.join(map(str, positions)):14}: {by_fuse} by fuse_lora(lora_scale), {by_adapters} by set_adapters")
    assert by_fuse == reached, "fuse_lora sets the scale now"
    assert by_adapters == positions[-1]
PYTHON
