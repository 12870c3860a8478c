"""Weights of live LoRAs: of a look, played like any other number, saved where the look stands."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.api import Embedding
from streamcam.control.fitting import turned
from streamcam.control.places import loras_with, values_in, with_values
from streamcam.control.values import Takes, value_of
from streamcam.errors import UsageError
from streamcam.looks.params import SLEW, ParamsBox
from streamcam.looks.wave import wave_of
from streamcam.options import Options
from streamcam.presets import find, load_preset, save, save_preset
from streamcam.provision.spec import spec_for

TEXT = """\
prompt = "a photo"
model = "m.safetensors"
crossfade = 1
fused_loras = ["styles/base.safetensors"]

[loras]
lcm = 1  # few steps
"styles/ink.safetensors" = 0.5  # the pen
"styles/base.safetensors" = 0.7
"artist/oil" = 0

[looks]
oil = {prompt = "a photo", loras = {"artist/oil" = 1.0, "styles/ink.safetensors" = 0}}

[modulation.loras]
2 = "sine 0.25 4 seconds"
"""
INK, OIL = "styles/ink.safetensors", "artist/oil"


@pytest.fixture
def preset(tmp_path, monkeypatch):
    for module in (find, save):
        monkeypatch.setattr(module, "user_presets", lambda: tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(TEXT, "utf-8")
    return load_preset(path)


class Encoder:
    """As an engine whose text encoder is live, or is not."""

    def __init__(self, *, live=True):
        self.live, self.kept = live, {}

    def __call__(self, prompt, loras=()):
        key = (prompt, loras if self.live else ())
        value = np.array([[1.0, sum(key[1])]], np.float32)
        return self.kept.setdefault(key, Embedding(value))


def test_a_preset_says_which_are_live(preset):
    spec = spec_for(preset, Options(preset=preset, source="demo", outputs=("null",)))
    assert spec.loras == (("lcm", 1.0), ("styles/base.safetensors", 0.7))
    assert spec.live_loras == (INK, OIL)
    assert preset.look().loras == ((INK, 0.5), (OIL, 0.0))
    assert preset.look("oil").loras == ((INK, 0.0), (OIL, 1.0))
    assert preset.waves == {"loras.2": wave_of("sine 0.25 4 seconds")}


def test_a_weight_shapes_no_engine(preset):
    """Saved, it is read again by the watch over the file, which builds nothing."""
    options = Options(preset=preset, source="demo", outputs=("null",))
    playing = replace(preset.look(), loras=((INK, 1.25), (OIL, -0.5)))
    saved = save_preset(preset, playing, "mine")
    assert saved.loras == {**preset.loras, INK: 1.25, OIL: -0.5}
    assert spec_for(saved, options) == spec_for(preset, options)
    text = Path(saved.path).read_text("utf-8")
    assert f'"{INK}" = 1.25  # the pen' in text
    assert "lcm = 1  # few steps" in text


def test_a_look_keeps_what_it_said(preset):
    playing = replace(preset.look("oil"), loras=((INK, 0.25), (OIL, 1.0)))
    saved = save_preset(preset, playing, "mine")
    assert saved.looks["oil"].loras == {OIL: 1.0, INK: 0.25}
    assert saved.loras == preset.loras
    assert saved.look("oil").loras == playing.loras


def test_they_are_values(preset):
    value = value_of("loras.1")
    assert (value.takes, value.least, value.most, value.usual) == (Takes.FRAME, -2, 2, 2)
    assert value.step == 0.01
    assert [turned(value, share) for share in (0.0, 0.5, 1.0)] == pytest.approx(
        [-2, 0, 2], abs=0.05
    )
    found = values_in(preset, preset.look())
    assert (found["loras.1"], found["loras.2"]) == (0.5, 0.0)
    assert "loras.3" not in found
    assert found["modulation.loras.2"] == "sine 0.25 4 seconds"
    assert found["modulation.loras.1"] == "off"
    swung = with_values(preset, {"modulation.loras.1": "walk 1 2 s", "modulation.blend.2": "off"})
    assert swung.modulation.loras == {"1": "walk 1 2 s", "2": "sine 0.25 4 seconds"}
    assert swung.modulation.blend == {"2": "off"}
    with pytest.raises(
        UsageError, match=r"loras\.1 = 2\.5 is not allowed: must be a number from -2"
    ):
        value.checked(2.5)
    assert loras_with(preset.look(), {"loras.2": 1.0}) == ((INK, 0.5), (OIL, 1.0))
    with pytest.raises(UsageError, match=r"loras\.3 = 1 .*has 2 live LoRAs: 'styles/ink\.saf"):
        loras_with(preset.look(), {"loras.3": 1.0})


def test_a_fader_moves_at_the_pace_of_a_slew_and_a_look_crosses_over(preset):
    encode = Encoder(live=False)
    box = ParamsBox(encode, preset.look())
    start = box.read(0.0)
    assert start.loras == (0.5, 0.0)
    assert box.read(0.1) is start
    box.change({"loras": ((INK, 1.5), (OIL, 0.0))})
    assert box.read(0.15).loras == pytest.approx((0.5 + 0.05 / SLEW, 0.0))
    end = box.read(0.1 + 2 * SLEW)
    assert end.loras == (1.5, 0.0)
    assert end.prompt is start.prompt
    assert box.read(5.0) is end
    box.set(preset.look("oil"))
    box.read(6.0)
    assert box.read(6.5).loras == pytest.approx((0.75, 0.5))
    assert box.read(7.0).loras == (0.0, 1.0)


def test_words_are_read_anew_off_the_frame_path(preset):
    """Where a LoRA changes the text encoder its embedding goes along, on the thread that asks."""
    encode = Encoder()
    box = ParamsBox(encode, preset.look())
    assert box.read(0.0).prompt is encode("a photo", (0.5, 0.0))
    box.change({"loras": ((INK, 1.5), (OIL, 0.0))})
    known = set(encode.kept)
    between = box.read(SLEW / 2).prompt
    assert between is not encode("a photo", (1.5, 0.0))
    end = box.read(2.0)
    assert end.prompt is encode("a photo", (1.5, 0.0))
    assert set(encode.kept) == known, "no frame encodes"


def test_waves_stay_within_the_range(preset):
    box = ParamsBox(Encoder(live=False), preset.look())
    box.swing({"loras.1": wave_of("sine 20 4 seconds")})
    seen = [box.read(0.1 * step).loras[0] for step in range(80)]
    assert max(seen) == 4.0
    assert min(seen) == -4.0
