"""Model folders: every missing or broken file is named, and so is the fix."""

import shutil
import sys

import pytest

from engines.api import EngineSpec
from engines.build import build
from engines.errors import BackendUnavailable, ModelUnavailable
from engines.families import open_model
from engines.graphs.export import MODEL_FOLDERS
from engines.model import EMBEDDED


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "model"
    for name in MODEL_FOLDERS:
        shutil.copytree(EMBEDDED / name, target / name)
    return target


def test_the_embedded_model_describes_itself():
    model = open_model(EngineSpec(model="auto"))
    assert (model.name, model.family) == ("nano", "nano")
    assert (model.latent_channels, model.downscale) == (16, 8)
    assert (model.tokens, model.width) == (77, 128)
    assert model.features == ((32, 4), (24, 2))


@pytest.mark.parametrize(
    "file",
    [
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "tokenizer/tokenizer.json",
        "scheduler/scheduler_config.json",
    ],
)
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(ModelUnavailable, match=file):
        open_model(EngineSpec(model=str(folder)))


def test_a_broken_configuration_is_named(folder):
    (folder / "vae" / "config.json").write_text("{broken")
    with pytest.raises(ModelUnavailable, match=r"vae/config\.json cannot be read"):
        open_model(EngineSpec(model=str(folder)))


def test_a_configuration_without_a_key_is_named(folder):
    (folder / "text_encoder" / "config.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match="max_position_embeddings"):
        open_model(EngineSpec(model=str(folder)))


@pytest.mark.parametrize(
    "file",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    ],
)
def test_weights_cut_short_are_damage_to_torch_too(folder, file):
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelUnavailable, match="weights cannot be read") as refusal:
        build(EngineSpec(model=str(folder), width=128, height=128, backend="torch"))
    assert "Copy the whole model folder again" in str(refusal.value)


def test_torch_reads_weights_without_a_word(folder, capfd):
    build(EngineSpec(model=str(folder), width=128, height=128, backend="torch")).close()
    assert capfd.readouterr() == ("", "")


def test_a_backend_whose_package_is_not_installed_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "engines.backends.torch.runner", raising=False)
    with pytest.raises(BackendUnavailable, match=r"pip install 'streamcam\[torch\]'"):
        build(EngineSpec(backend="torch"))
