"""Live LoRAs through the real loading code: at weight 1 the fused picture, at 0 the one without,
and nothing is built in between. In torch, and in OpenVINO's and TensorRT's graphs of one export."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from engines import hub
from engines.api import EngineSpec, Params
from engines.artifacts import why_not_whole
from engines.backends.tensorrt.flavour import RTX, open_flavour
from engines.backends.tensorrt.plan import PORTABLE
from engines.backends.tensorrt.plans import write_plans
from engines.build import build
from engines.errors import InvalidSpec, ModelUnavailable
from engines.families import family, open_model
from engines.graphs.export import graphs_key
from engines.model import stable_diffusion_networks
from engines.model.shared import weights_key
from tests.engines.lora_files import changeable, kohya, random_factors, written
from tests.engines.pictures import moving_picture
from tests.engines.tiny_models import write_kl_autoencoder, write_tiny_model

WIDTH, HEIGHT = 176, 144
CASES = {
    "sd15": {"guidance_mode": "full"},
    "sd21": {"steps": 2, "guidance_mode": "self", "batching": "sequential"},
    "sdxl_turbo": {"steps": 2, "guidance_mode": "onetime"},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Of each family's tiny model its spec, with LoRAs for all of it: UNet and text encoders."""
    made = {}

    def model(name):
        if name not in made:
            folder = write_tiny_model(name, tmp_path_factory.mktemp(name))
            # A tiny autoencoder of random weights shows black, whatever it is given.
            write_kl_autoencoder(folder / "kl")
            plain = spec(folder, autoencoder=str(folder / "kl"), **CASES[name])
            made[name] = plain, write_loras(plain, folder)
        return made[name]

    return model


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path_factory):
    """No tiny autoencoder can be fetched here, and the cache is the test's own."""

    def fetch(repo_id, *, parts=None):
        raise ModelUnavailable(f"{repo_id} is not on this machine")

    monkeypatch.setattr(hub, "fetch", fetch)
    cache = tmp_path_factory.getbasetemp() / "live-cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def spec(folder, **values):
    return EngineSpec(
        model=str(folder),
        width=WIDTH,
        height=HEIGHT,
        precision="float32",
        backend="torch",
        **values,
    )


def write_loras(plain, folder):
    """Two files: one for every layer of all networks, one for the UNet's attention alone."""
    networks, text = family(open_model(plain).family).load(open_model(plain))
    every = kohya(random_factors(changeable(networks.unet)))
    for number, encoder in enumerate(text.encoders, 1):
        factors = random_factors(changeable(encoder, only="layers."), seed=number)
        named = {f"text_model.{n.removeprefix('text_model.')}": two for n, two in factors.items()}
        every |= kohya(named, f"lora_te{number}_" if len(text.encoders) > 1 else "lora_te_")
    attention = kohya(random_factors(changeable(networks.unet, only="attn"), seed=9))
    return tuple(
        str(written(folder, {n: t.float() for n, t in tensors.items()}, f"{name}.safetensors"))
        for name, tensors in (("every", every), ("attention", attention))
    )


def pictures(engine, weights=(), frames=3):
    """As `run` of the families' tests, at fixed weights."""
    found = []
    for frame, _ in zip(moving_picture(WIDTH, HEIGHT), range(frames), strict=False):
        params = Params(
            prompt=engine.encode("anime", weights),
            negative=engine.encode("photo", weights),
            strength=0.6,
            guidance_scale=1.5,
            loras=weights,
        )
        found.append(engine.run(frame, params).astype(int))
    return np.stack(found)


def shown(wanted, weights=()):
    engine = build(wanted)
    try:
        return pictures(engine, weights)
    finally:
        engine.close()


@pytest.mark.parametrize("name", CASES)
def test_weight_one_is_fused_and_weight_zero_is_without(models, name):
    plain, (every, attention) = models(name)
    without = shown(plain)
    fused = shown(replace(plain, loras=((every, 1.0), (attention, 0.5))))
    assert np.abs(fused - without).max() > 20
    engine = build(replace(plain, live_loras=(every, attention)))
    assert np.abs(pictures(engine, (1.0, 0.5)) - fused).max() <= 2
    engine.restart()
    assert np.array_equal(pictures(engine, (0.0, 0.0)), without), "bit for bit"
    engine.restart()
    alone = pictures(engine, (1.0, 0.0))
    engine.restart()
    assert np.array_equal(pictures(engine), pictures_at_one(engine)), "no weights stand for 1"
    engine.close()
    beside = replace(plain, live_loras=(attention,), loras=((every, 1.0),))
    assert np.abs(shown(beside, (0.0,)) - alone).max() <= 2


def pictures_at_one(engine):
    engine.restart()
    return pictures(engine, (1.0,) * len(engine.spec.live_loras))


def test_a_text_encoder_follows_its_weight(models):
    plain, (every, attention) = models("sd15")
    without, live = build(plain), build(replace(plain, live_loras=(every, attention)))
    fused = build(replace(plain, loras=((every, 0.5),)))
    words = "(anime:1.3), night::2 | photo"
    assert np.array_equal(live.encode(words, (0.0, 1.0)).tokens_TD, without.encode(words).tokens_TD)
    found = live.encode(words, (0.5, 1.0)).tokens_TD
    np.testing.assert_allclose(found, fused.encode(words).tokens_TD, rtol=0, atol=1e-4)
    assert live.encode(words, (0.5, 1.0)).tokens_TD is found, "kept"
    unet_alone = build(replace(plain, live_loras=(attention,)))
    assert unet_alone.encode(words, (0.3,)) is unet_alone.encode(words, (0.9,))
    for engine in (without, live, fused, unet_alone):
        engine.close()


def test_weights_that_do_not_fit_are_refused(models):
    plain, (_, attention) = models("sd15")
    engine = build(replace(plain, live_loras=(attention,)))
    with pytest.raises(InvalidSpec, match=r"2 weights given to an engine with 1 live LoRAs"):
        pictures(engine, (1.0, 0.5))
    with pytest.raises(InvalidSpec, match=r"loras 4\.5 must be from -4 to 4"):
        pictures(engine, (4.5,))
    engine.close()
    with pytest.raises(InvalidSpec, match="family nano takes no LoRAs"):
        open_model(EngineSpec(live_loras=(attention,)))


def test_adding_one_is_another_engine_and_its_weight_is_none(models):
    plain, (every, attention) = models("sd15")
    specs = [{}, {"live_loras": (every,)}, {"live_loras": (every, attention)},
             {"live_loras": (attention, every)}, {"loras": ((every, 1.0),)}]  # fmt: skip
    opened = [open_model(replace(plain, **one)) for one in specs]
    for key in (graphs_key, weights_key):
        assert len({key(model) for model in opened}) == len(specs)
    assert [model.text_is_live for model in opened] == [False, True, True, True, False]


def test_a_thousand_edits_build_nothing(models, no_building):
    """Each hands the runner one other array, and leaves all else the same object."""
    plain, loras = models("sd15")
    engine = build(replace(plain, guidance_mode="none", live_loras=loras))
    handed = []

    def start(_frame, conditioning, _out, *, cold):
        handed.append(dict(conditioning))

    engine._runner.start, engine._runner.finish = start, lambda: None
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    prompt = engine.encode("anime")
    look = Params(prompt=prompt, negative=prompt, loras=(0.0, 0.0))
    engine.run(frame, look)
    no_building()
    wanted = np.random.default_rng(0).uniform(-2, 2, (1000, 2)).astype(np.float32)
    for weights in wanted.tolist():
        engine.run(frame, replace(look, loras=tuple(weights)))
    assert np.array_equal([one["lora_N"] for one in handed[1:]], wanted)
    for before, after in pairwise(handed):
        assert {name for name in after if after[name] is not before[name]} == {"lora_N"}
    engine.close()


@pytest.fixture
def no_building(monkeypatch):
    """From the call on, nothing is read, exported or compiled."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("something is built or read")

    def begin():
        monkeypatch.setattr(stable_diffusion_networks, "load", refuse)
        monkeypatch.setattr(torch.onnx, "export", refuse)
        monkeypatch.setattr("engines.backends.openvino.runner.compiled_graph", refuse)
        monkeypatch.setattr("engines.backends.torch.runner.load_weights", refuse)

    return begin


@pytest.mark.slow
def test_openvino_equals_torch(models, no_building):
    """In the loop over steps, whose single weight must not lose its shape, and with a text encoder
    that is live."""
    plain, loras = models("sd21")
    wanted = replace(plain, live_loras=loras[:1])
    engines = [build(replace(wanted, backend=one)) for one in ("openvino", "torch")]
    no_building()
    shown = []
    for weight in (1.0, 0.0, -0.6, 1.0):
        ours, theirs = (pictures(one, (weight,), frames=1) for one in engines)
        assert np.abs(ours - theirs).max() <= 2
        shown.append(ours)
        for one in engines:
            one.restart()
    assert np.array_equal(shown[0], shown[3]), "a weight leaves nothing behind"
    assert np.abs(shown[0] - shown[1]).max() > 20
    for one in engines:
        one.close()


@pytest.mark.slow
def test_tensorrt_builds_the_same_export(models):
    """From the graphs that the test before has written, without a GPU."""
    plain, loras = models("sd21")
    wanted = replace(plain, live_loras=loras[:1], precision="auto", backend="tensorrt")
    plans = write_plans(
        open_model(wanted), wanted, open_flavour(RTX), PORTABLE, lambda _stage: None
    )
    assert [why_not_whole(plan.parent) for plan in plans] == [None, None]
