"""Single-file checkpoints: what comes out computes what went in; everything else is refused."""

import errno
import json
import struct

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    PNDMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from huggingface_hub import constants
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from engines.errors import ModelUnavailable
from engines.model.single_file import as_model_folder
from engines.model.single_file.conversion import predicts_velocity
from tests.engines.hub.fake_hub import COMMIT
from tests.engines.model.ldm_layout import (
    clip_tensors,
    open_clip_tensors,
    unet_tensors,
    vae_tensors,
)
from tests.engines.tiny_networks import (
    predict,
    read_text,
    tiny_text_encoder,
    tiny_unet,
    tiny_vae,
    tiny_xl_unet,
)

CONFIGURATIONS = {
    1: "stable-diffusion-v1-5/stable-diffusion-v1-5",
    2: "stabilityai/sd-turbo",
    "XL": "stabilityai/stable-diffusion-xl-base-1.0",
}


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Empty caches, and no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        "engines.artifacts.user_cache_path", lambda *_, **__: tmp_path / "cache" / "streamcam"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def tokenizer(folder):
    """The smallest that CLIPTokenizer accepts."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["<|startoftext|>", "<|endoftext|>", "a</w>", "a"]
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder)


def networks_of(kind):
    """Of a tiny model; rounded to float16, so that converting it loses nothing."""
    if kind == "XL":
        parts = {
            "unet": tiny_xl_unet(),
            "text_encoder": tiny_text_encoder(16),
            "text_encoder_2": tiny_text_encoder(32, projection=16, seed=9, hidden_act="gelu"),
        }
    else:
        linear = {"use_linear_projection": True, "cross_attention_dim": 48} if kind == 2 else {}
        parts = {
            "unet": tiny_unet(**linear),
            "text_encoder": tiny_text_encoder(linear.get("cross_attention_dim", 32)),
        }
    parts["vae"] = tiny_vae()
    return {name: part.half().float() for name, part in parts.items()}


def tensors_of(kind, parts):
    """In the original layout."""
    tensors = unet_tensors(parts["unet"]) | vae_tensors(parts["vae"])
    if kind == 1:
        tensors |= clip_tensors(parts["text_encoder"], "cond_stage_model.transformer")
    elif kind == 2:
        tensors |= open_clip_tensors(parts["text_encoder"], "cond_stage_model.model")
    else:
        tensors |= clip_tensors(parts["text_encoder"], "conditioner.embedders.0.transformer")
        tensors |= open_clip_tensors(parts["text_encoder_2"], "conditioner.embedders.1.model")
    return {name: tensor.half().contiguous().clone() for name, tensor in tensors.items()}


def configure(root, kind, parts):
    """Put the configuration of a model into the hub's cache, as a download would."""
    repository = root / "hub" / f"models--{CONFIGURATIONS[kind].replace('/', '--')}"
    folder = repository / "snapshots" / COMMIT
    scheduler = PNDMScheduler(beta_schedule="scaled_linear", steps_offset=1, skip_prk_steps=True)
    arguments = {**parts, "scheduler": scheduler}
    arguments["tokenizer"] = tokenizer(root / "tokenizer")
    if kind == "XL":
        arguments["tokenizer_2"] = arguments["tokenizer"]
        pipeline = StableDiffusionXLPipeline(**arguments)
    else:
        pipeline = StableDiffusionPipeline(**arguments, safety_checker=None, feature_extractor=None)
    pipeline.save_pretrained(folder)
    for name in ("tokenizer", "tokenizer_2") if kind == "XL" else ("tokenizer",):
        for file in (root / "tokenizer").iterdir():
            (folder / name / file.name).write_bytes(file.read_bytes())
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)


def checkpoint(root, kind, change=lambda tensors: None, name="model.safetensors"):
    """A checkpoint, its configuration in the hub's cache, and its networks."""
    parts = networks_of(kind)
    configure(root, kind, parts)
    tensors = tensors_of(kind, parts)
    change(tensors)
    save_file(tensors, root / name)
    return root / name, parts


def load(folder, part, network, **options):
    return network.from_pretrained(folder / part, **options).float().eval()


def same(one, other):
    """Within 1e-4 for values of about one. torch 2.13 does not compute the same bits each time:
    with other programs on both cores of a CPU with AMX, the same weights gave 1e-5 more."""
    torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_the_folder_computes_what_the_checkpoint_did(caches, kind):
    file, parts = checkpoint(caches, kind)
    folder = as_model_folder(file)
    unet = load(folder, "unet", UNet2DConditionModel, low_cpu_mem_usage=False)
    same(predict(unet), predict(parts["unet"]))
    vae = load(folder, "vae", AutoencoderKL, low_cpu_mem_usage=False)
    image = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)
    with torch.no_grad():
        same(vae(image).sample, parts["vae"](image).sample)
    encoders = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
    for name in encoders.keys() & parts.keys():
        mine, theirs = read_text(load(folder, name, encoders[name])), read_text(parts[name])
        for one, other in zip(mine, theirs, strict=True):
            same(one, other)
    index = json.loads((folder / "model_index.json").read_text())
    assert index.get("safety_checker", [None])[0] is None
    assert json.loads((folder / "tokenizer" / "tokenizer_config.json").read_text())


@pytest.mark.slow
def test_it_is_converted_once_and_known_by_its_content(caches, monkeypatch, capfd):
    file, _ = checkpoint(caches, 1)
    capfd.readouterr()
    folder = as_model_folder(file)
    assert capfd.readouterr() == ("", "")
    assert folder.parent == caches / "cache" / "streamcam" / "models"
    assert [entry.name for entry in folder.parent.iterdir()] == [folder.name]
    monkeypatch.setattr("engines.model.single_file.conversion.convert", None)
    assert as_model_folder(file.rename(caches / "renamed.safetensors")) == folder
    (folder / "unet" / "config.json").unlink()
    with pytest.raises(ModelUnavailable, match=r"lacks unet/config\.json\. Delete that folder"):
        as_model_folder(caches / "renamed.safetensors")


@pytest.mark.slow
def test_two_that_differ_in_one_number_are_two(caches):
    def change(tensors):
        tensors["model.diffusion_model.out.2.bias"][0] += 1

    first, parts = checkpoint(caches, 1)
    tensors = tensors_of(1, parts)
    change(tensors)
    save_file(tensors, caches / "other.safetensors")
    assert as_model_folder(first) != as_model_folder(caches / "other.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "raised", "said"),
    [
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
        (OSError(errno.ENOSPC, "No space left on device"), ModelUnavailable, "Make room there"),
        (SafetensorError("I/O error: No space left"), ModelUnavailable, "Make room there"),
    ],
)
def test_a_conversion_that_fails_leaves_nothing(caches, monkeypatch, stop, raised, said):
    file, _ = checkpoint(caches, 1)

    def write(_pipeline, folder, **_options):
        (folder / "unet").mkdir(parents=True)
        raise stop

    monkeypatch.setattr("diffusers.StableDiffusionPipeline.save_pretrained", write)
    with pytest.raises(raised, match=said):
        as_model_folder(file)
    assert list((caches / "cache" / "streamcam" / "models").iterdir()) == []


def scheduler_of(folder):
    return json.loads((folder / "scheduler" / "scheduler_config.json").read_text())


@pytest.mark.slow
def test_xl_says_itself_that_it_predicts_v(caches):
    file, _ = checkpoint(
        caches, "XL", lambda t: t.update(v_pred=torch.ones(1), ztsnr=torch.ones(1))
    )
    scheduler = scheduler_of(as_model_folder(file))
    assert scheduler["prediction_type"] == "v_prediction"
    assert scheduler["rescale_betas_zero_snr"] is True


@pytest.mark.slow
def test_one_predicts_noise(caches):
    file, _ = checkpoint(caches, 1)
    scheduler = scheduler_of(as_model_folder(file))
    assert scheduler["prediction_type"] == "epsilon"
    assert scheduler["beta_schedule"] == "scaled_linear"


@pytest.mark.parametrize("velocity", [False, True])
def test_two_is_asked_what_it_predicts(velocity):
    """A UNet that returns its input, as one that predicts the noise does at the end."""
    unet = tiny_unet()
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            parameter.fill_(float("norm" in name and name.endswith("weight")))
        shortcut = unet.up_blocks[-1].resnets[-1].conv_shortcut.weight
        for channel in range(4):
            for sign, hidden in ((1, channel), (-1, channel + 16)):
                unet.conv_in.weight[hidden, channel, 1, 1] = sign
                shortcut[hidden, shortcut.shape[1] - shortcut.shape[0] + hidden] = 1
                unet.conv_out.weight[channel, hidden, 1, 1] = sign
        if velocity:
            unet.conv_out.weight.neg_()
    assert predicts_velocity(unet) is velocity


def without(prefix):
    def change(tensors):
        for name in [name for name in tensors if name.startswith(prefix)]:
            del tensors[name]

    return change


def inpainting(tensors):
    name = "model.diffusion_model.input_blocks.0.0.weight"
    tensors[name] = torch.zeros(32, 9, 3, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("first_stage_model."), "lacks its text encoder or its autoencoder"),
        (without("cond_stage_model."), "lacks its text encoder or its autoencoder"),
        (without("model.diffusion_model."), "is an autoencoder alone"),
        (without("model.diffusion_model.middle_block.0.in_layers.2"), r"tensors of its unet"),
        (without("first_stage_model.decoder.conv_out.bias"), r"of the \d+ tensors of its vae"),
        (inpainting, "is for inpainting"),
        (lambda t: t.update(edm_mean=torch.ones(1)), "noise schedule of its own"),
        (lambda t: t.update({"lora_unet_x.lora_down.weight": torch.ones(1)}), "is a LoRA"),
        (lambda t: [t.clear(), t.update(x=torch.ones(1))], "holds no Stable Diffusion"),
    ],
)
def test_other_checkpoints_are_refused(caches, change, said):
    file, _ = checkpoint(caches, 1, change)
    with pytest.raises(ModelUnavailable, match=said) as refusal:
        as_model_folder(file)
    assert str(file) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    models = caches / "cache" / "streamcam" / "models"
    assert not models.exists() or list(models.iterdir()) == []


def test_a_shape_that_is_not_the_kinds(caches):
    name = "model.diffusion_model.out.2.weight"
    file, _ = checkpoint(caches, 1, lambda tensors: tensors.update({name: torch.zeros(4, 7, 3, 3)}))
    with pytest.raises(ModelUnavailable, match=r"cannot be read as a Stable Diffusion 1\.x") as no:
        as_model_folder(file)
    assert "\n" not in str(no.value)


def written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.ckpt", b"PK", r"is a pickle.*\.safetensors"),
        ("model.safetensors", b"PK\x03\x04 a pickle by another name", "is no safetensors file"),
        ("model.safetensors", b"", "is no safetensors file"),
        ("model.safetensors", struct.pack("<Q", 2) + b"[]", "is no safetensors file"),
        ("model.safetensors", struct.pack("<Q", 1 << 60) + b"{}", "is no safetensors file"),
    ],
)
def test_no_checkpoint(caches, name, content, said):
    with pytest.raises(ModelUnavailable, match=said):
        as_model_folder(written(caches / name, content))


def test_a_file_cut_short_and_one_that_is_not_there(caches):
    save_file({"x": torch.ones(100)}, caches / "model.safetensors")
    file = caches / "model.safetensors"
    written(file, file.read_bytes()[:-9])
    with pytest.raises(ModelUnavailable, match=r"damaged: it has \d+ bytes and should have"):
        as_model_folder(file)
    file.unlink()
    with pytest.raises(ModelUnavailable, match=r"No such file.*Check the path"):
        as_model_folder(file)


def test_without_its_configuration_and_no_network(caches):
    save_file(tensors_of(1, networks_of(1)), caches / "model.safetensors")
    with pytest.raises(ModelUnavailable) as refusal:
        as_model_folder(caches / "model.safetensors")
    said = str(refusal.value)
    assert "\n" not in said
    assert "model.safetensors is a Stable Diffusion 1.x" in said
    assert f"`hf download {CONFIGURATIONS[1]} --include *.json *.txt`" in said
    assert str(caches / "hub") in said
