"""Which changes of a preset want another engine: those that change its spec."""

import pytest

from engines.errors import InvalidSpec
from streamcam.options import Options
from streamcam.presets import Preset
from streamcam.provision.spec import same_but_size, spec_for
from streamcam.remote.address import Address

PRESET = Preset(prompt="a")
LIVE = {"prompt": "b", "strength": 0.9, "guidance": 2.0, "delta": 0.5, "seed": 9}
ANOTHER = {
    "model": "other/model",
    "family": "sd15",
    "autoencoder": "own",
    "loras": {"owner/name": 0.5},
    "size": "128x256",
    "steps": 2,
    "guidance_mode": "self",
    "batching": "sequential",
    "precision": "float32",
    "backend": "null",
    "execution": "eager",
}


def spec(preset, **flags):
    return spec_for(preset, Options(preset=preset, source="demo", outputs=("null",), **flags))


def test_what_the_running_engine_can_show_needs_no_other():
    schedule = [{"look": "custom", "seconds": 1.0}]
    assert spec(Preset(**LIVE, schedule=schedule)) == spec(PRESET)


@pytest.mark.parametrize("key", ANOTHER)
def test_what_shapes_an_engine_needs_another(key):
    changed = spec(Preset(prompt="a", **{key: ANOTHER[key]}))
    assert changed != spec(PRESET)
    assert same_but_size(changed, spec(PRESET)) == (key == "size")


def test_flags_win_over_the_preset():
    given = spec(PRESET, size=(128, 256), model="other/model", backend="null")
    assert (given.width, given.height) == (128, 256)
    assert (given.model, given.backend) == ("other/model", "null")


def test_beside_an_engine_elsewhere_this_machine_has_the_embedded_model():
    chosen = ANOTHER | {"backend": "tensorrt", "batching": "stream"}
    heavy = Preset(prompt="a", **chosen, fused_loras=tuple(ANOTHER["loras"]))
    elsewhere = Address("ws://host:8738", "host", 8738, "token")
    own = spec(heavy, engine=elsewhere)
    assert (own.model, own.family, own.autoencoder, own.loras) == ("nano", "auto", "auto", ())
    assert (own.backend, own.precision, own.execution) == ("auto", "auto", "auto")
    assert own.batching == "sequential"  # a picture shows the frame that it was made of
    assert spec(heavy, engine=elsewhere, model="mine").model == "mine"
    assert spec(heavy, engine=elsewhere, backend="null").backend == "null"
    with pytest.raises(InvalidSpec, match=r"live LoRAs \('.*'\) cannot be played .* fused_loras"):
        spec(Preset(prompt="a", **chosen), engine=elsewhere)
