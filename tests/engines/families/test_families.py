"""Model families: told apart by configuration, exported, and run by OpenVINO as by torch."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from engines import hub
from engines.api import EngineSpec, Params
from engines.artifacts import why_not_whole
from engines.backends.tensorrt.flavour import RTX, open_flavour
from engines.backends.tensorrt.plan import PORTABLE
from engines.backends.tensorrt.plans import write_plans
from engines.build import build
from engines.errors import InvalidSpec, ModelUnavailable
from engines.families import family_names, open_model, tokenizer_files
from engines.graphs.export import with_graphs
from engines.model.stable_diffusion import timesteps
from tests.engines.pictures import moving_picture
from tests.engines.tiny_models import TINY, write_tiny_autoencoder, write_tiny_model

WIDTH, HEIGHT = 176, 144  # latent sides that four halvings do not divide


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The folder of each family's tiny model, made when first asked for."""
    made = {}

    def folder(family):
        if family not in made:
            made[family] = write_tiny_model(family, tmp_path_factory.mktemp(family))
        return made[family]

    return folder


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path_factory):
    """No tiny autoencoder can be fetched here, and the cache is the test's own."""

    def fetch(repo_id, *, parts=None):
        raise ModelUnavailable(f"{repo_id} is not on this machine")

    monkeypatch.setattr(hub, "fetch", fetch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def spec(folder, **values):
    return EngineSpec(model=str(folder), width=WIDTH, height=HEIGHT, precision="float32", **values)


def test_every_family_is_tested_here():
    assert family_names() == sorted([*TINY, "nano"])


@pytest.mark.parametrize("family", TINY)
def test_a_family_is_read_from_the_configuration(models, family):
    model = open_model(spec(models(family)))
    assert model.family == family
    assert (model.latent_channels, model.downscale, model.tokens) == (4, 8, 77)
    assert model.width == TINY[family].prompt_width
    assert bool(model.pooled) == (family == "sdxl_turbo")
    assert len(model.tokenizer_files) == (2 if model.pooled else 1)
    assert tokenizer_files(spec(models(family))) == model.tokenizer_files


def test_a_name_that_says_otherwise_changes_nothing(tmp_path):
    folder = write_tiny_model("sd15", tmp_path / "sdxl-turbo-sdxs-nano")
    assert open_model(spec(folder)).family == "sd15"


def test_the_preset_may_state_the_family(models):
    assert open_model(spec(models("sd21"), family="sd_turbo")).family == "sd_turbo"
    with pytest.raises(ModelUnavailable, match=r"'sd3' is unknown.*auto, nano, sd15"):
        open_model(spec(models("sd21"), family="sd3"))


def test_a_model_of_no_known_family_is_named(models, tmp_path):
    folder = write_tiny_model("sd15", tmp_path / "odd")
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps({**config, "cross_attention_dim": 512}))
    with pytest.raises(ModelUnavailable, match=r"odd: .*no known family.*family = "):
        open_model(spec(folder))


def test_an_inpainting_model_is_refused(tmp_path):
    folder = write_tiny_model("sd15", tmp_path / "inpainting")
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps({**config, "in_channels": 9}))
    with pytest.raises(ModelUnavailable, match=r"takes 9 channels.*makes 4.*inpainting"):
        open_model(spec(folder))


def test_sdxs_takes_one_step(models):
    with pytest.raises(InvalidSpec, match=r"steps 2.*sdxs take at most 1"):
        open_model(spec(models("sdxs"), steps=2))


def test_the_autoencoder_is_a_choice(models, tmp_path):
    own = open_model(spec(models("sd15")))
    assert own.autoencoder == models("sd15") / "vae"
    assert "its own autoencoder" in own.name
    write_tiny_autoencoder(tmp_path / "taesd")
    tiny = open_model(spec(models("sd15"), autoencoder=str(tmp_path / "taesd")))
    assert tiny.autoencoder == tmp_path / "taesd"
    assert "tiny autoencoder" in tiny.name
    with pytest.raises(ModelUnavailable, match=r"no folder.*no hub id.*'own'"):
        open_model(spec(models("sd15"), autoencoder="taesd???"))


@pytest.mark.parametrize(
    ("family", "file"),
    [
        ("sd15", "unet/config.json"),
        ("sd15", "unet/diffusion_pytorch_model.safetensors"),
        ("sd15", "text_encoder/model.safetensors"),
        ("sd15", "tokenizer/tokenizer_config.json"),
        ("sd15", "vae/diffusion_pytorch_model.safetensors"),
        ("sdxl_turbo", "text_encoder_2/model.safetensors"),
    ],
)
def test_a_missing_file_is_named(tmp_path, family, file):
    folder = write_tiny_model(family, tmp_path / "holes")
    (folder / file).unlink()
    with pytest.raises(ModelUnavailable, match=file.rpartition("/")[2]):
        open_model(spec(folder))


def test_timesteps_are_those_of_diffusers():
    """strength and steps as LCMScheduler reads them."""
    from diffusers import LCMScheduler

    scheduler = LCMScheduler(beta_schedule="scaled_linear")
    for steps in range(1, 9):
        for strength in (0.2, 0.3, 0.5, 0.77, 1.0):
            scheduler.set_timesteps(steps, original_inference_steps=50, strength=strength)
            assert list(timesteps(strength, steps)) == scheduler.timesteps.tolist()


def run(engine, frames=6):
    """Pictures with live edits on the way."""
    pictures = []
    for number, frame in zip(range(frames), moving_picture(WIDTH, HEIGHT), strict=False):
        params = Params(
            prompt=engine.encode("anime" if number < 3 else "an oil painting"),
            negative=engine.encode("photo"),
            strength=0.4 + 0.05 * number,
            guidance_scale=1.5,
            seed=number // 4,
        )
        pictures.append(engine.run(frame, params).astype(int))
    return pictures


def write_lora(file):
    """A LoRA of rank 2 for the first attention layer of the tiny UNets."""
    layer = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    random = np.random.default_rng(3)
    down, up = (random.normal(size=size).astype(np.float32) for size in ((2, 16), (16, 2)))
    save_file({f"{layer}.lora_A.weight": down, f"{layer}.lora_B.weight": up}, file)
    return str(file)


def test_a_lora_is_fused_with_its_scale(models, tmp_path):
    file = write_lora(tmp_path / "style.safetensors")
    pictures = []
    for loras in ((), ((file, 0.0),), ((file, 1.0),), ((file, 2.0),)):
        engine = build(spec(models("sd15"), backend="torch", loras=loras))
        pictures.append(run(engine, frames=1)[0])
        engine.close()
    plain, none, one, two = pictures
    assert np.array_equal(plain, none)
    assert np.abs(one - plain).max() > 2
    assert np.abs(two - one).max() > 2


def test_what_shapes_a_graph_is_in_its_folders_name(models, tmp_path):
    """Loras, their scales and the autoencoder; not what the graphs leave free."""
    file = write_lora(tmp_path / "style.safetensors")
    write_tiny_autoencoder(tmp_path / "taesd")

    def folder(**values):
        return with_graphs(open_model(spec(models("sd15"), **values)), []).graphs

    shaping = [{}, {"loras": ((file, 1.0),)}, {"loras": ((file, 0.5),)},
               {"autoencoder": str(tmp_path / "taesd")}]  # fmt: skip
    assert len({folder(**values) for values in shaping}) == len(shaping)
    assert folder(steps=4, guidance_mode="full", prompt_chunks=2) == folder()


def test_a_turbo_model_has_no_lcm_lora(models):
    with pytest.raises(ModelUnavailable, match=r'LoRA "lcm".*sd_turbo need none'):
        open_model(spec(models("sd_turbo"), loras=(("lcm", 1.0),)))


CASES = [
    ("sd15", {"steps": 1, "guidance_mode": "full", "loras": "one"}),
    ("sd21", {"steps": 2, "guidance_mode": "self"}),
    ("sd_turbo", {"steps": 3, "guidance_mode": "onetime", "batching": "sequential"}),
    ("sdxl_turbo", {"steps": 2, "guidance_mode": "onetime", "batching": "sequential"}),
    ("sdxs", {"steps": 1, "guidance_mode": "none"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "shape"), CASES)
def test_openvino_equals_torch(models, family, shape, tmp_path):
    """The exported graph and the torch modules, float32: at most 2/255 on every pixel."""
    if "loras" in shape:
        shape = {**shape, "loras": ((write_lora(tmp_path / "style.safetensors"), 0.7),)}
    wanted = spec(models(family), **shape)
    engines = [build(replace(wanted, backend=name)) for name in ("openvino", "torch")]
    ours, theirs = (run(engine) for engine in engines)
    for engine in engines:
        engine.close()
    assert max(np.abs(one - other).max() for one, other in zip(ours, theirs, strict=True)) <= 2
    assert np.ptp(ours[-1]) > 0, "a picture, not a flat colour"


@pytest.mark.slow
@pytest.mark.parametrize(("family", "shape"), CASES)
def test_tensorrt_builds_the_whole_frame(models, family, shape, tmp_path):
    """From the graphs that the test before has written: one engine, without a GPU."""
    if "loras" in shape:
        shape = {**shape, "loras": ((write_lora(tmp_path / "style.safetensors"), 0.7),)}
    wanted = replace(spec(models(family), **shape), precision="auto")
    plans = write_plans(
        open_model(wanted), wanted, open_flavour(RTX), PORTABLE, lambda _stage: None
    )
    assert [why_not_whole(plan.parent) for plan in plans] == [None, None]
    assert all(plan.stat().st_size > 50_000 for plan in plans)


@pytest.mark.slow
def test_graphs_are_written_once_and_anew_for_other_weights(models, tmp_path, monkeypatch):
    first = with_graphs(open_model(spec(models("sd15"))), ["text_encoder"])
    written = first.graph_file("text_encoder").stat().st_mtime_ns
    again = with_graphs(open_model(spec(models("sd15"))), ["text_encoder"])
    assert again.graph_file("text_encoder").stat().st_mtime_ns == written
    other = write_tiny_model("sd15", tmp_path / "other", seed=1)
    assert with_graphs(open_model(spec(other)), ["text_encoder"]).graphs != first.graphs
