"""What live LoRAs cost a frame against fused ones: multiply-adds, and time by turns.

    python tests/benchmarks/live_loras.py                     SD-Turbo's UNet, counted alone
    python tests/benchmarks/live_loras.py --time openvino     and timed: a quarter of its channels
    python tests/benchmarks/live_loras.py --time torch --rank 64 --side 512 --rounds 9

Multiply-adds are those of linear layers and convolutions, without attention's own products, from
the shapes that a UNet without weights passes on. Timed is a whole frame of a model of that
architecture with random weights, at a quarter of the channels, for which this writes graphs; its
one engine has a LoRA of the rank in every layer of the UNet, the other has it fused. Time is the
processor's, of all threads.
"""

import argparse
from dataclasses import replace
from math import prod
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn

from engines.api import EngineSpec, Params
from engines.bench.random_model import SD_TURBO, Architecture, write
from engines.build import build
from engines.families import family, open_model
from engines.model.stable_diffusion_networks import StableDiffusionNetworks

RANKS = (4, 16, 64, 128)
TEXT = 77


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="of the square frame, in pixels")
    parser.add_argument("--time", choices=["openvino", "torch"])
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    count(options.side)
    if options.time:
        with TemporaryDirectory() as folder:
            timed(Path(folder), options)


def layers_of(network, only=""):
    return {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and only in name
    }


def count(side):
    """Of one row of the UNet's batch; a second row doubles both."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(**SD_TURBO.unet).eval()
        seen = {}
        for name, layer in layers_of(unet).items():
            layer.register_forward_hook(
                lambda layer, _, out, name=name: seen.update({name: (layer, out.shape)})
            )
        latent = torch.zeros(1, 4, side // 8, side // 8)
        unet(latent, torch.zeros(1), torch.zeros(1, TEXT, SD_TURBO.unet["cross_attention_dim"]))
    whole = sum(products(layer, shape) for layer, shape in seen.values())
    print(f"SD-Turbo's UNet at {side}x{side}: {whole / 1e9:.1f} thousand million multiply-adds")
    for what, only in (("attention", ".attn"), ("every layer", "")):
        shares = [
            sum(beside(layer, shape, rank) for name, (layer, shape) in seen.items() if only in name)
            / whole
            for rank in RANKS
        ]
        listed = ", ".join(
            f"rank {rank} {share:+.1%}" for rank, share in zip(RANKS, shares, strict=True)
        )
        print(f"  a live LoRA on {what}: {listed}")


def products(layer, shape):
    return prod(shape) * prod(layer.weight.shape[1:])


def beside(layer, shape, rank):
    """x·A has the layer's inputs and kernel, ·B neither."""
    outputs = layer.weight.shape[0]
    places = prod(shape) // outputs
    return places * rank * (prod(layer.weight.shape[1:]) + outputs)


def timed(folder, options):
    quarter = {"block_out_channels": (80, 160, 320, 320), "norm_num_groups": 16}
    text = {**SD_TURBO.text_encoder, "num_hidden_layers": 2}
    write(Architecture({**SD_TURBO.unet, **quarter}, {}, text), folder / "model")
    plain = EngineSpec(
        model=str(folder / "model"),
        width=options.side,
        height=options.side,
        precision="float32",
        backend=options.time,
    )
    lora = str(write_lora(plain, folder / "lora.safetensors", options.rank))
    fused = build(replace(plain, loras=((lora, 0.5),)))
    live = build(replace(plain, live_loras=(lora,)))
    frame = np.random.default_rng(0).integers(0, 256, (options.side, options.side, 3), np.uint8)
    looks = [
        Params(prompt=one.encode("a"), negative=one.encode(""), loras=weights)
        for one, weights in ((fused, ()), (live, (0.5,)))
    ]
    apart = np.abs(fused.run(frame, looks[0]).astype(int) - live.run(frame, looks[1]))
    rounds = [
        [milliseconds(one, frame, look) for one, look in zip((fused, live), looks, strict=True)]
        for _ in range(options.rounds)
    ]
    ratio = median(ours / theirs for theirs, ours in rounds)
    theirs, ours = (median(column) for column in zip(*rounds, strict=True))
    print(
        f"{options.time}, {options.side}x{options.side}, rank {options.rank} on every layer: "
        f"fused {theirs:.0f} ms, live {ours:.0f} ms, by turns {ratio:.3f}; "
        f"pictures differ by {apart.max()}"
    )


def write_lora(spec, file, rank):
    networks, _ = family("sd_turbo").load(open_model(spec))
    assert isinstance(networks, StableDiffusionNetworks)
    tensors = {}
    for name, layer in layers_of(networks.unet).items():
        outputs, inputs, *kernel = layer.weight.shape
        down = torch.randn(rank, inputs, *kernel)
        tensors[f"unet.{name}.lora_A.weight"] = down / down[0].numel() ** 0.5
        tensors[f"unet.{name}.lora_B.weight"] = (
            torch.randn(outputs, rank, *[1] * len(kernel)) * 0.01
        )
    save_file(tensors, file)
    return file


def milliseconds(engine, frame, look):
    began = process_time()
    for _ in range(3):
        engine.run(frame, look)
    return (process_time() - began) * 1e3 / 3


if __name__ == "__main__":
    main()
