"""LoRAs: fused weights compute what the LoRA's own layers beside the model's would."""

import copy
import json

import pytest
import torch
from torch.nn import functional

from engines.errors import InvalidSpec, ModelUnavailable
from engines.model.lora import Lora, fuse, resolve
from tests.engines.lora_files import (
    ALPHA,
    RANK,
    attention_processors,
    beside,
    changeable,
    diffusers_form,
    kohya,
    peft_form,
    random_factors,
    written,
)
from tests.engines.model.ldm_layout import unet_name
from tests.engines.tiny_networks import (
    predict,
    read_text,
    tiny_text_encoder,
    tiny_unet,
    tiny_xl_unet,
)

FORMATS = {
    "kohya": (kohya, "", ALPHA / RANK),
    "diffusers": (diffusers_form, "", 1.0),
    "peft": (peft_form, "", 1.0),
    "peft with an adapter name": (lambda f: peft_form(f, adapter=".default"), "", 1.0),
    "attention processors": (attention_processors, ".attn", 1.0),
    "attention processors, prefixed": (lambda f: attention_processors(f, "unet."), ".attn", 1.0),
    "attention, without a prefix": (lambda f: peft_form(f, ""), ".attn2", 1.0),
}


@pytest.fixture(scope="module")
def networks():
    return {torch.float64: tiny_unet().double(), torch.float32: tiny_unet()}


def both(network, factors, strength):
    """A copy to fuse, and what it must then say."""
    reference = copy.deepcopy(network)
    beside(changeable(reference), factors, strength)
    return copy.deepcopy(network), predict(reference)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_fuses_to_what_its_layers_compute(tmp_path, networks, form):
    write, only, strength = FORMATS[form]
    unet = networks[torch.float64]
    factors = random_factors(changeable(unet, only=only))
    path = written(tmp_path, write(factors))
    fused, expected = both(unet, factors, 0.7 * strength)
    assert (expected - predict(unet)).abs().max() > 1e-2
    fuse(fused, (), [(path, 0.7)])
    torch.testing.assert_close(predict(fused), expected, rtol=0, atol=1e-10)


def test_in_float32(tmp_path, networks):
    unet = networks[torch.float32]
    factors = random_factors(changeable(unet))
    path = written(tmp_path, kohya({k: (d.float(), u.half()) for k, (d, u) in factors.items()}))
    fused, expected = both(unet, factors, -1.5 * ALPHA / RANK)
    fuse(fused, (), [(path, -1.5)])
    torch.testing.assert_close(predict(fused), expected, rtol=1e-3, atol=1e-3)


def test_sdxl_in_the_original_names(tmp_path):
    unet = tiny_xl_unet().double()
    factors = random_factors(changeable(unet))
    path = written(tmp_path, kohya(factors, rename=lambda name: unet_name(name, unet)))
    fused, expected = both(unet, factors, ALPHA / RANK)
    fuse(fused, (), [(path, 1.0)])
    torch.testing.assert_close(predict(fused), expected, rtol=0, atol=1e-10)


def test_a_linear_lora_fits_a_convolution_of_one_pixel(tmp_path, networks):
    unet = networks[torch.float64]
    factors = random_factors(changeable(unet, only="proj_in"))
    flat = {name: (down.flatten(1), up.flatten(1)) for name, (down, up) in factors.items()}
    fused, expected = both(unet, factors, ALPHA / RANK)
    fuse(fused, (), [(written(tmp_path, kohya(flat)), 1.0)])
    torch.testing.assert_close(predict(fused), expected, rtol=0, atol=1e-10)


def test_a_convolution_in_three_factors(tmp_path, networks):
    unet = copy.deepcopy(networks[torch.float64])
    layer, x = unet.mid_block.resnets[0].conv1, torch.randn(1, 64, 5, 5, dtype=torch.float64)
    down, up = torch.randn(RANK, 64, 1, 1).double(), torch.randn(64, RANK, 1, 1).double()
    middle = torch.randn(RANK, RANK, 3, 3).double()
    tensors = kohya({"mid_block.resnets.0.conv1": (down, up)})
    tensors["lora_unet_mid_block_resnets_0_conv1.lora_mid.weight"] = middle
    inner = functional.conv2d(functional.conv2d(x, down), middle, padding=1)
    expected = layer(x) + 0.5 * ALPHA / RANK * functional.conv2d(inner, up)
    fuse(unet, (), [(written(tmp_path, tensors), 0.5)])
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", ["kohya", "kohya of two", "diffusers", "oldest", "peft"])
def test_text_encoders(tmp_path, form):
    first, second = tiny_text_encoder().double(), tiny_text_encoder(projection=16, seed=9).double()
    tensors, expected = {}, []
    for number, encoder in enumerate((first, second)):
        layers = changeable(encoder, only="self_attn" if form == "oldest" else "layers.")
        factors = random_factors(layers, seed=number)
        reference = copy.deepcopy(encoder)
        strength = ALPHA / RANK if form.startswith("kohya") else 1.0
        beside(changeable(reference), factors, strength)
        expected.append(read_text(reference))
        named = {f"text_model.{n.removeprefix('text_model.')}": f for n, f in factors.items()}
        dotted = "text_encoder_2." if number else "text_encoder."
        if form.startswith("kohya"):
            prefix = "lora_te_" if form == "kohya" else f"lora_te{number + 1}_"
            tensors |= kohya(named, prefix)
        elif form == "peft":
            tensors |= peft_form(named, dotted)
        else:
            for name, (down, up) in named.items():
                layer = f"{dotted}{name}.lora_linear_layer"
                if form == "oldest":
                    old = {
                        "q_proj": "to_q",
                        "k_proj": "to_k",
                        "v_proj": "to_v",
                        "out_proj": "to_out",
                    }
                    block, proj = name.rsplit(".", 1)
                    layer = f"{dotted}{block}.{old[proj]}_lora"
                tensors |= {f"{layer}.down.weight": down, f"{layer}.up.weight": up}
        if form == "kohya":
            break
    encoders = [first, second][: len(expected)]
    fuse(tiny_unet().double(), encoders, [(written(tmp_path, tensors), 1.0)])
    for encoder, hidden in zip(encoders, expected, strict=True):
        torch.testing.assert_close(read_text(encoder), hidden, rtol=0, atol=1e-10)


@pytest.mark.parametrize("prefix", ["", "text_model.", "text_encoder."])
@pytest.mark.parametrize("peft", ["base_model.model.", ""])
def test_a_text_encoder_by_itself(tmp_path, prefix, peft):
    """peft wraps the module that it is given, which in transformers 5 is the encoder's inside; who
    puts several into one file writes the network's name before that."""
    encoder = tiny_text_encoder().double()
    layers = changeable(encoder, only="layers.")
    factors = random_factors(layers)
    reference = copy.deepcopy(encoder)
    beside(changeable(reference), factors, 1.0)
    before = f"{prefix}{peft}" if prefix == "text_encoder." else f"{peft}{prefix}"
    inner = {f"{n.removeprefix('text_model.')}": f for n, f in factors.items()}
    path = written(tmp_path, peft_form(inner, before))
    path.with_name("adapter_config.json").write_text(json.dumps({"lora_alpha": RANK}))
    fuse(tiny_unet().double(), [encoder], [(path, 1.0)])
    torch.testing.assert_close(read_text(encoder), read_text(reference), rtol=0, atol=1e-10)


def test_a_network_before_the_name_that_peft_gives(tmp_path, networks):
    """Its alpha is in the configuration beside it, as of all that peft wrote."""
    unet = copy.deepcopy(networks[torch.float64])
    factors = random_factors(changeable(unet, only=".attn2"))
    reference = copy.deepcopy(unet)
    beside(changeable(reference), factors, 2.0)
    path = written(tmp_path, peft_form(factors, "unet.base_model.model."))
    path.with_name("adapter_config.json").write_text(json.dumps({"lora_alpha": 2 * RANK}))
    fuse(unet, (), [(path, 1.0)])
    torch.testing.assert_close(predict(unet), predict(reference), rtol=0, atol=1e-10)


def test_several_in_any_order_are_the_same_weights(tmp_path, networks):
    unet = networks[torch.float32]
    loras = []
    for number, scale in enumerate((0.3, 1.1, -0.6)):
        factors = random_factors(changeable(unet), seed=number)
        loras.append((written(tmp_path, kohya(factors), f"{number}.safetensors"), scale))
    first, second = copy.deepcopy(unet), copy.deepcopy(unet)
    fuse(first, (), loras)
    fuse(second, (), loras[::-1])
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_float16_weights_are_rounded_once(tmp_path):
    unet = tiny_unet().half()
    factors = random_factors(changeable(unet))
    loras = [(written(tmp_path, kohya(factors), f"{n}.safetensors"), 0.001) for n in range(12)]
    before = unet.conv_out.weight.double()
    down, up = factors["conv_out"]
    delta = 12 * 0.001 * ALPHA / RANK * (up.flatten(1) @ down.flatten(1)).reshape(before.shape)
    fuse(unet, (), loras)
    error = (unet.conv_out.weight.double() - (before + delta)).abs()
    half_a_step = (before + delta).abs() * 2**-11 + 2**-25
    assert (error <= 1.01 * half_a_step).all()


def test_scale_zero_changes_nothing(tmp_path, networks):
    unet = copy.deepcopy(networks[torch.float32])
    before = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    fuse(unet, (), [(written(tmp_path, kohya(random_factors(changeable(unet)))), 0.0)])
    assert all(torch.equal(tensor, before[name]) for name, tensor in unet.state_dict().items())


def refused(path, unet, *encoders):
    """The message; the weights are those from before."""
    before = copy.deepcopy(unet.state_dict())
    with pytest.raises(ModelUnavailable) as refusal:
        fuse(unet, encoders, [(path, 1.0)])
    assert all(torch.equal(tensor, before[name]) for name, tensor in unet.state_dict().items())
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_made_for_another_family(tmp_path):
    xl = tiny_xl_unet(cross_attention_dim=2048)
    factors = random_factors(changeable(xl))
    path = written(tmp_path, kohya(factors, rename=lambda name: unet_name(name, xl)))
    said = refused(path, tiny_unet(cross_attention_dim=768))
    assert "was made for Stable Diffusion XL and this model is Stable Diffusion 1.x" in said
    assert "Take a LoRA that was made for Stable Diffusion 1.x" in said


def test_same_names_but_another_width(tmp_path):
    second = tiny_unet(cross_attention_dim=1024)
    path = written(tmp_path, peft_form(random_factors(changeable(second, only="attn2"))))
    said = refused(path, tiny_unet(cross_attention_dim=768))
    assert "was made for Stable Diffusion 2.x and this model is Stable Diffusion 1.x" in said


def test_no_stable_diffusion_at_all(tmp_path):
    factor = (torch.ones(RANK, 8), torch.ones(8, RANK))
    path = written(tmp_path, peft_form({"blocks.0.attn.to_q": factor}, "transformer."))
    assert "another kind of model" in refused(path, tiny_unet())


def test_one_layer_that_fits_nowhere_is_not_passed_over(tmp_path):
    unet = tiny_unet()
    factors = random_factors(changeable(unet))
    factors["mid_block.attentions.7.proj_in"] = factors["mid_block.attentions.0.proj_in"]
    said = refused(written(tmp_path, kohya(factors)), unet)
    assert f"1 of its {len(factors)} layers fit nowhere, mid_block_attentions_7_proj_in" in said


def test_a_text_encoder_that_is_not_given(tmp_path):
    factors = random_factors(changeable(tiny_text_encoder(), only="layers."))
    assert "fit nowhere" in refused(written(tmp_path, kohya(factors, "lora_te2_")), tiny_unet())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("lora_unet_conv_in.lora_up.weight"), "conv_in lacks up"),
        (lambda t: t.update({"lora_unet_conv_in.hada_w1_a": torch.ones(1)}), "no plain LoRA layer"),
        (lambda t: t.update({"lora_unet_conv_in.dora_scale": torch.ones(1)}), "no plain LoRA"),
        (lambda t: t.clear(), "is empty"),
    ],
)
def test_unknown_or_incomplete_content(tmp_path, change, said):
    unet = tiny_unet()
    tensors = kohya(random_factors(changeable(unet)))
    change(tensors)
    assert said in refused(written(tmp_path, tensors), unet)


def test_damaged_files(tmp_path):
    unet = tiny_unet()
    path = written(tmp_path, kohya(random_factors(changeable(unet))))
    path.write_bytes(path.read_bytes()[:-100])
    assert "damaged" in refused(path, unet)
    path.write_bytes(b"PK\x03\x04 a pickle by another name")
    assert "no safetensors file" in refused(path, unet)
    path.unlink()
    assert "cannot be read" in refused(path, unet)


@pytest.mark.parametrize(
    ("config", "strength"),
    [
        ({"lora_alpha": 6}, 6 / RANK),
        ({"lora_alpha": 6, "use_rslora": True}, 6 / RANK**0.5),
        ({"lora_alpha": 6, "alpha_pattern": {"conv_in": 9, "out": 1}}, 9 / RANK),
    ],
)
@pytest.mark.parametrize("kept", ["in the header", "beside the file"])
def test_alpha_of_the_configuration(tmp_path, networks, config, strength, kept):
    unet = networks[torch.float64]
    factors = random_factors(changeable(unet, only="conv_in"))
    if kept == "in the header":
        packed = {f"unet.{name}": value for name, value in config.items()}
        metadata = {"lora_adapter_metadata": json.dumps(packed)}
        path = written(tmp_path, peft_form(factors), metadata=metadata)
    else:
        path = written(tmp_path, peft_form(factors, "base_model.model."))
        assert "adapter_config.json" in refused(path, copy.deepcopy(unet))
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    fused, expected = both(unet, factors, strength)
    fuse(fused, (), [(path, 1.0)])
    torch.testing.assert_close(predict(fused), expected, rtol=0, atol=1e-10)


def test_dora_of_the_configuration(tmp_path):
    unet = tiny_unet()
    metadata = {"lora_adapter_metadata": json.dumps({"unet.use_dora": True})}
    tensors = peft_form(random_factors(changeable(unet)))
    assert "is a DoRA" in refused(written(tmp_path, tensors, metadata=metadata), unet)


def test_a_scale_is_finite():
    with pytest.raises(InvalidSpec, match="scale nan"):
        Lora("style.safetensors", float("nan"))


def test_a_source_is_a_file_or_on_the_hub(tmp_path, monkeypatch):
    path = written(tmp_path, {"x": torch.ones(1)})
    assert resolve(Lora(str(path))) == path
    asked = []
    monkeypatch.setattr("engines.model.lora.fetch_file", lambda *names: asked.append(names) or path)
    resolve(Lora("latent-consistency/lcm-lora-sdv1-5"))
    resolve(Lora("artist/styles/sub/ink.safetensors"))
    assert asked == [
        ("latent-consistency/lcm-lora-sdv1-5", None),
        ("artist/styles", "sub/ink.safetensors"),
    ]


@pytest.mark.parametrize("source", ["style", "styles/ink.safetensors", "a/b/c.pt", "/no/file", ""])
def test_a_source_that_is_neither(source):
    with pytest.raises(ModelUnavailable, match="OWNER/NAME/FILE"):
        resolve(Lora(source))


def test_pickles_are_refused(tmp_path):
    (tmp_path / "style.pt").write_bytes(b"pickle")
    with pytest.raises(ModelUnavailable, match=r"style\.pt is no \.safetensors file"):
        resolve(Lora(str(tmp_path / "style.pt")))
