"""Live LoRAs as layers: what they add is linear in the weight, and at 1 what fusing makes."""

import copy
from threading import Thread

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from engines.errors import ModelUnavailable
from engines.model.lora import fuse
from engines.model.lora.file import Change, changes_text
from engines.model.lora.keys import Key
from engines.model.lora.live import LiveLayer, LiveWeights, make_live, own_copy
from tests.engines.lora_files import (
    ALPHA,
    RANK,
    At,
    changeable,
    diffusers_form,
    kohya,
    peft_form,
    random_factors,
    written,
)
from tests.engines.tiny_networks import predict, read_text, tiny_text_encoder, tiny_unet

FORMS = {
    "kohya": (kohya, ALPHA / RANK),
    "diffusers": (diffusers_form, 1.0),
    "peft": (peft_form, 1.0),
}
Weight = st.floats(-4, 4, allow_nan=False)


@pytest.fixture(scope="module")
def unet():
    return tiny_unet().double()


@pytest.mark.parametrize("form", FORMS)
def test_every_layer_of_a_unet(tmp_path, unet, form):
    """Linear layers and convolutions, with strides and without, at 0, 1 and another weight."""
    path = written(tmp_path, FORMS[form][0](random_factors(changeable(unet))))
    network = copy.deepcopy(unet)
    make_live(network, (), [path])
    assert sum(isinstance(one, LiveLayer) for one in network.modules()) == len(changeable(unet))
    for weight in (0.0, 1.0, -0.6):
        fused = copy.deepcopy(unet)
        fuse(fused, (), [(path, weight)])
        found = predict(At(network, weight))
        torch.testing.assert_close(found, predict(fused), rtol=0, atol=1e-9)
    assert torch.equal(predict(At(network, 0.0)), predict(unet))


def test_two_beside_one_fused(tmp_path, unet):
    """Each has its own weight, also where both change a layer, and where one alone does."""
    paths = [
        written(tmp_path, kohya(random_factors(changeable(unet, only=only), n)), f"{n}.safetensors")
        for n, only in enumerate((".attn", "", "conv"))
    ]
    expected, network = copy.deepcopy(unet), copy.deepcopy(unet)
    fuse(expected, (), list(zip(paths, (0.5, 1.5, -1.0), strict=True)))
    fuse(network, (), [(paths[1], 1.5)])
    make_live(network, (), [paths[0], paths[2]])
    found = predict(At(network, 0.5, -1.0))
    torch.testing.assert_close(found, predict(expected), rtol=0, atol=1e-9)


def test_text_encoders(tmp_path, unet):
    encoder = tiny_text_encoder().double()
    factors = random_factors(changeable(encoder, only="layers."))
    named = {f"text_model.{name.removeprefix('text_model.')}": two for name, two in factors.items()}
    path = written(tmp_path, kohya(named, "lora_te_"))
    expected = copy.deepcopy(encoder)
    fuse(unet, [expected], [(path, 0.7)])
    make_live(copy.deepcopy(unet), [encoder], [path])
    found = read_text(At(encoder, 0.7))
    torch.testing.assert_close(found, read_text(expected), rtol=0, atol=1e-9)
    assert changes_text(path)
    assert not changes_text(
        written(tmp_path, kohya(random_factors(changeable(unet, only="attn2"))))
    )


def one_layer(kind):
    torch.manual_seed(1)
    if kind == "linear":
        layer, x, down = nn.Linear(5, 7), torch.randn(2, 4, 5), torch.randn(RANK, 5)
        up, mid = torch.randn(7, RANK), None
    else:
        layer, x = nn.Conv2d(5, 7, 3, stride=2, padding=1), torch.randn(2, 5, 6, 6)
        down, up, mid = torch.randn(RANK, 5, 3, 3), torch.randn(7, RANK, 1, 1), None
        if kind == "three factors":
            down, mid = torch.randn(RANK, 5, 1, 1), torch.randn(RANK, RANK, 3, 3)
    change = Change(Key("unet", "x", ""), down.double(), up.double(), mid, 0.5)
    return layer.double(), x.double(), change


@pytest.mark.parametrize("kind", ["linear", "convolution", "three factors"])
@given(one=Weight, other=Weight)
@settings(max_examples=25)
def test_a_layer_is_linear_in_its_weight(kind, one, other):
    """Row by row: each row of a batch has a weight of its own."""
    layer, x, change = one_layer(kind)
    live = LiveWeights()
    beside = LiveLayer(layer, [(0, change)], live)

    def added(*weights):
        live.lora_RN = torch.tensor(weights, dtype=torch.float64)[:, None]
        return beside(x) - layer(x)

    whole = added(1.0, 1.0)
    torch.testing.assert_close(added(one, other)[0], one * whole[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(added(one, other)[1], other * whole[1], rtol=1e-9, atol=1e-9)
    delta = change.delta(layer.weight)
    expected = (
        functional.linear(x, delta)
        if kind == "linear"
        else functional.conv2d(x, delta, None, layer.stride, layer.padding)
    )
    torch.testing.assert_close(whole, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("alpha", [1e-4, 1.0, 1e4])
def test_float16_holds_whatever_alpha(alpha):
    """A trainer's small alpha makes one factor too small for float16, and a large one too large."""
    layer, x, change = one_layer("linear")
    change = Change(change.key, change.down * 1e3 / alpha, change.up, None, alpha * 1e-3)
    beside = LiveLayer(layer, [(0, change)], LiveWeights()).half()
    exact = functional.linear(x, change.delta(layer.weight.double()))
    found = functional.linear(functional.linear(x.half(), beside.down), beside.up)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=0.01 * float(exact.abs().max()))


def test_copies_share_tensors_and_are_run_at_once(tmp_path, unet):
    """Two engines of a process read one set of weights, at the same time, each at its own."""
    network = copy.deepcopy(unet)
    path = written(tmp_path, kohya(random_factors(changeable(unet))))
    make_live(network, (), [path])
    tensors = {one.data_ptr() for one in network.parameters()}
    copies = [own_copy(network) for _ in range(2)]
    assert all({one.data_ptr() for one in other.parameters()} == tensors for other in copies)
    networks = [At(one, weight) for one, weight in zip(copies, (0.0, 1.0), strict=True)]
    alone = [predict(one) for one in networks]
    differed = []

    def run(number):
        for _ in range(5):
            differed.append(not torch.equal(predict(networks[number]), alone[number]))

    threads = [Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert differed == [False] * 10


def refused(path, unet, *encoders):
    """The message; the modules are those from before."""
    with pytest.raises(ModelUnavailable) as refusal:
        make_live(unet, encoders, [path])
    assert not any(isinstance(one, LiveLayer) for one in unet.modules())
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_files_that_do_not_fit(tmp_path, unet):
    factors = random_factors(changeable(unet, only="attn2"))
    wide = random_factors(changeable(tiny_unet(cross_attention_dim=1024), only="attn2"))
    said = refused(written(tmp_path, kohya(wide)), tiny_unet(cross_attention_dim=768))
    assert "was made for Stable Diffusion 2.x and this model is Stable Diffusion 1.x" in said
    tensors = kohya(factors)
    name = next(name for name in tensors if name.endswith("lora_up.weight"))
    rank = {**tensors, name: torch.ones(tensors[name].shape[0], RANK + 1)}
    assert "fit nowhere" in refused(written(tmp_path, rank), unet)
    del tensors[name]
    assert "lacks up" in refused(written(tmp_path, tensors), unet)
    for kind in ("hada_w1_a", "lokr_w1", "dora_scale"):
        odd = {**kohya(factors), f"lora_unet_conv_in.{kind}": torch.ones(1)}
        assert f"lora_unet_conv_in.{kind}" in refused(written(tmp_path, odd), unet)


def test_a_layer_that_none_fits_beside(tmp_path, unet):
    encoder = tiny_text_encoder()
    (name,) = (name for name, _ in encoder.named_modules() if name.endswith("token_embedding"))
    rows, width = encoder.get_submodule(name).weight.shape
    factor = (torch.ones(RANK, width), torch.ones(rows, RANK))
    path = written(
        tmp_path,
        peft_form({f"text_model.{name.removeprefix('text_model.')}": factor}, "text_encoder."),
    )
    said = refused(path, copy.deepcopy(unet), encoder)
    assert "Embedding beside which no live LoRA fits" in said
    assert "fused_loras" in said


def test_what_is_no_lora_is_named_before_anything_is_loaded(tmp_path):
    for content in (
        b"",
        b"PK\x03\x04 a pickle",
        b"\xff" * 8 + b"{}",
        (2).to_bytes(8, "little") + b"[]x",
    ):
        (tmp_path / "odd.safetensors").write_bytes(content)
        if content.endswith(b"[]x"):
            assert not changes_text(tmp_path / "odd.safetensors")  # reading it says what it is
            continue
        with pytest.raises(
            ModelUnavailable, match=r"LoRA .*odd\.safetensors cannot be read: damaged"
        ):
            changes_text(tmp_path / "odd.safetensors")
