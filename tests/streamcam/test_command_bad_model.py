"""Bad input that only building an engine can find: backends, model folders, prompts."""

import shutil
from pathlib import Path

import pytest
from real_command import SMALL

from engines.model import EMBEDDED

DEMO = ("--source", "demo", "--output", "out.mp4", "--no-web", *SMALL)

NO_TORCH = """
import sys
for name in ("torch", "diffusers", "transformers"):
    sys.modules[name] = None
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the embedded model."""
    folder = tmp_path / "my model"
    shutil.copytree(EMBEDDED, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--backend tensorflow", "backend 'tensorflow' is unknown. Known: auto, null, openvino,"),
        ("--model nowhere", "model 'nowhere' is no folder on this machine. Use 'nano'"),
        ("--model some/hub/path", "model 'some/hub/path' is no folder on this machine. Use 'nano'"),
        ("--model style.safetensors", "model 'style.safetensors' is no folder on this machine. "),
        ("--model here", "model here: unet/config.json is missing. Copy the whole "),
    ],
)
def test_backends_and_models_that_are_not_there(refused, folder: Path, arguments, message) -> None:
    (folder / "here").mkdir()
    assert refused(*DEMO, *arguments.split()).startswith(message)


def test_a_hub_model_without_network_is_one_line_that_says_what_to_do(refused) -> None:
    message = refused(*DEMO, "--model", "stabilityai/sd-turbo", HF_HUB_OFFLINE="1")
    assert message.startswith("model 'stabilityai/sd-turbo' is not on this machine and ")
    assert "hf download stabilityai/sd-turbo" in message
    assert "--model FOLDER" in message


def test_torch_that_is_not_installed(refused, with_modules) -> None:
    without = with_modules({"sitecustomize.py": NO_TORCH})
    message = refused(*DEMO, "--backend", "torch", **without)
    assert message.startswith("backend 'torch' needs the package torch, which is not installed.")
    assert "pip install 'streamcam[torch]'" in message


@pytest.mark.parametrize(
    "file",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "tokenizer/tokenizer.json",
        "text_encoder.onnx",
        "frame_step.single.self.onnx",
    ],
)
@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_a_model_that_is_not_whole(refused, with_modules, model: Path, file, damage) -> None:
    content = (model / file).read_bytes()
    (model / file).unlink()
    if damage == "cut short":
        (model / file).write_bytes(content[: len(content) // 2])
    # With torch the program would do without the graphs.
    without_torch = with_modules({"sitecustomize.py": NO_TORCH})
    message = refused(*DEMO, "--model", str(model), **without_torch)
    assert str(model) in message
    assert "Copy the whole model folder again" in message
    if damage == "missing":
        assert f"{file} is missing" in message


def test_a_model_of_links(refused, model: Path, tmp_path_factory) -> None:
    """Where nothing is kept yet: a graph that was compiled of the same content reads no file."""
    for file in model.rglob("*.safetensors"):
        file.unlink()
        file.symlink_to(EMBEDDED / file.relative_to(model))
    own = {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}
    message = refused(*DEMO, "--model", str(model), **own)
    assert "are links to another folder, which OpenVINO does not follow" in message


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ('prompt = "{long}"', "look.toml: prompt of 600 tokens ('x! y? x! y? "),
        (
            'prompt = "a"\nnegative_prompt = "{long}"',
            "look.toml: negative_prompt of 600 tokens ('x! y? ",
        ),
        ('prompt = "a"\n[looks]\nb = "{long}"', "look.toml: looks.b: prompt of 600 tokens ('x! "),
        ('prompt = "a"\nmodel = "nowhere"', "model 'nowhere' is no folder on this machine."),
        ('prompt = "a"\nbackend = "cuda"', "backend 'cuda' is unknown. Known: auto, null,"),
    ],
)
def test_presets_that_load_but_cannot_run(refused, folder: Path, preset, message) -> None:
    """A short text of rare characters is many tokens: only the model's own tokenizer knows."""
    (folder / "look.toml").write_text(preset.format(long="x! y? " * 150))
    arguments = (*DEMO, "--preset", "look.toml")
    said = refused(*arguments)
    assert said.startswith(message)
    if "tokens" in message:
        assert said.endswith("is too long: there is room for 300, about 180 words.")
