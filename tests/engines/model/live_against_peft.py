"""Live LoRAs against peft, with which most of them are trained and played. Run by hand.

It is none of the tests' own packages, since diffusers does other things where it finds it:

    pip install --target FOLDER --no-deps peft accelerate
    PYTHONPATH=FOLDER python -m pytest tests/engines/model/live_against_peft.py
"""

import copy

import peft
import torch

from engines.model.lora.live import make_live
from tests.engines.lora_files import At
from tests.engines.tiny_networks import predict, tiny_unet

ADAPTERS = {
    "first": (4, 6.0, ["to_q", "to_v", "proj_in", "conv1"]),
    "second": (3, 1.5, ["to_q", "ff.net.2", "conv_out"]),
}


class Wrapped:
    """peft's wrapper with what `predict` asks of a UNet."""

    def __init__(self, wrapper, config):
        self._wrapper, self.dtype, self.config = wrapper, torch.float64, config

    def __call__(self, *inputs, **options):
        return self._wrapper(*inputs, **options)


def test_two_adapters_at_their_weights(tmp_path):
    """Linear layers and convolutions, of other rank and alpha each: peft's own files, and weights
    as its `set_scale` plays them."""
    unet = tiny_unet().double()
    theirs, config = copy.deepcopy(unet), unet.config
    for name, (rank, alpha, targets) in ADAPTERS.items():
        adapter = peft.LoraConfig(
            r=rank, lora_alpha=alpha, target_modules=targets, init_lora_weights=False
        )
        if name == "first":
            theirs = peft.get_peft_model(theirs, adapter, name)
        else:
            theirs.add_adapter(name, adapter)
    theirs.double().save_pretrained(tmp_path)
    make_live(unet, (), [tmp_path / name / "adapter_model.safetensors" for name in ADAPTERS])
    theirs.base_model.set_adapter(list(ADAPTERS))
    for weights in ((1.0, 1.0), (0.0, 0.0), (0.35, -1.2)):
        played = dict(zip(ADAPTERS, weights, strict=True))
        for layer in theirs.modules():
            for name in getattr(layer, "scaling", {}):
                layer.set_scale(name, played[name])
        expected = predict(Wrapped(theirs, config))
        torch.testing.assert_close(predict(At(unet, *weights)), expected, rtol=0, atol=1e-9)
