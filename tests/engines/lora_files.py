"""LoRA files with random factors, in the formats of several trainers, and what they compute."""

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from engines.model.lora.live import with_weights

RANK, ALPHA = 3, 2.0


def changeable(network, *, only=""):
    """{name: layer} of the linear and convolution layers whose name holds `only`."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and only in name
    }


def random_factors(layers, seed=5):
    """{name: (down, up)} as trainers shape them: a convolution's down has its kernel."""
    generator = torch.Generator().manual_seed(seed)
    factors = {}
    for name, layer in layers.items():
        outputs, inputs, *kernel = layer.weight.shape
        down = torch.randn(RANK, inputs, *kernel, generator=generator, dtype=torch.float64)
        up = torch.randn(
            outputs, RANK, *[1] * len(kernel), generator=generator, dtype=torch.float64
        )
        factors[name] = (down / down[0].numel() ** 0.5, up / 10)
    return factors


def beside(layers, factors, strength):
    """Run the LoRA's own layers beside the model's: an independent way to the same output."""
    for name, (down, up) in factors.items():

        def hook(layer, inputs, output, down=down, up=up):
            x, dtype = inputs[0], inputs[0].dtype
            if isinstance(layer, nn.Linear):
                added = functional.linear(functional.linear(x, down.to(dtype)), up.to(dtype))
            else:
                added = functional.conv2d(x, down.to(dtype), None, layer.stride, layer.padding)
                added = functional.conv2d(added, up.to(dtype))
            return output + strength * added

        layers[name].register_forward_hook(hook)


def kohya(factors, prefix="lora_unet_", rename=lambda name: name):
    tensors = {}
    for name, (down, up) in factors.items():
        layer = prefix + rename(name).replace(".", "_")
        tensors |= {f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up}
        tensors[f"{layer}.alpha"] = torch.tensor(ALPHA)
    return tensors


def diffusers_form(factors, prefix="unet."):
    tensors = {}
    for name, (down, up) in factors.items():
        tensors |= {f"{prefix}{name}.lora.down.weight": down, f"{prefix}{name}.lora.up.weight": up}
    return tensors


def peft_form(factors, prefix="unet.", adapter=""):
    tensors = {}
    for name, (down, up) in factors.items():
        tensors[f"{prefix}{name}.lora_A{adapter}.weight"] = down
        tensors[f"{prefix}{name}.lora_B{adapter}.weight"] = up
    return tensors


def attention_processors(factors, prefix=""):
    """The first format of diffusers, attention layers only."""
    tensors = {}
    for name, (down, up) in factors.items():
        block, layer = name.removesuffix(".0").rsplit(".", 1)
        for end, factor in (("down", down), ("up", up)):
            tensors[f"{prefix}{block}.processor.{layer}_lora.{end}.weight"] = factor
    return tensors


def written(tmp_path, tensors, name="style.safetensors", metadata=None):
    path = tmp_path / name
    save_file({key: tensor.contiguous().clone() for key, tensor in tensors.items()}, path, metadata)
    return path


class At:
    """A network at fixed weights, for `predict` and `read_text`."""

    def __init__(self, network, *weights):
        self._network, self._lora_RN = network, torch.tensor([weights], dtype=torch.float64)
        self.dtype, self.config = network.dtype, network.config

    def __call__(self, *inputs, **options):
        return with_weights(self._network, self._lora_RN, *inputs, **options)
