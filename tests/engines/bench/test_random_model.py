"""Random models: our own loading code takes them for what they stand for, and runs them."""

from dataclasses import replace

import numpy as np
import pytest

from engines.api import EngineSpec, Params
from engines.bench.random_model import SD_TURBO, SDXS, random_model
from engines.build import build
from engines.families import open_model


def shrunk(architecture):
    """The same kind of model in a few channels."""
    levels = len(architecture.unet["block_out_channels"])
    narrow = {"block_out_channels": (8,) * levels, "norm_num_groups": 4, "layers_per_block": 1}
    heads = {"attention_head_dim": (2,) * levels}
    text = {"num_hidden_layers": 1, "intermediate_size": 16, "vocab_size": 1594}
    return replace(
        architecture,
        unet={**architecture.unet, **narrow, **heads},
        text_encoder={**architecture.text_encoder, **text},
    )


@pytest.mark.parametrize(
    ("name", "architecture"), [("sd_turbo", SD_TURBO), ("sdxs", SDXS)], ids=["sd_turbo", "sdxs"]
)
def test_a_random_model_is_of_its_family_and_runs(tmp_path, name, architecture):
    folder = random_model(name, shrunk(architecture), tmp_path, lambda _line: None)
    spec = EngineSpec(model=str(folder), width=128, height=128, backend="torch", device="cpu")
    assert open_model(spec).family == name
    engine = build(spec)
    frame = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    picture = engine.run(frame, Params(prompt=engine.encode("anime"), negative=engine.encode("")))
    assert picture.std() > 0
    engine.close()
