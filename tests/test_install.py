"""What the base install is: a whole run on the embedded model without torch, and a whole wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

RUN = """
import sys
import streamcam.cli
first = set(sys.modules)
code = streamcam.cli.main(
    ["--preset", "anime", "--source", "demo", "--output", "null", "--no-web",
     "--size", "256x144", "--duration", "1"]
)
assert code == 0, code
for name in ("torch", "diffusers", "transformers", "onnx", "tensorrt", "openvino_telemetry.main"):
    assert name not in sys.modules, f"a run imported {name}"
for name in ("cv2", "openvino", "av", "fastapi", "uvicorn"):
    assert name not in first, f"importing the command line imported {name}"
assert "openvino" in sys.modules, "the embedded model did not run on OpenVINO"
"""


def test_a_whole_run_imports_neither_torch_nor_diffusers():
    subprocess.run([sys.executable, "-c", RUN], check=True, timeout=120)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "-q",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, timeout=280)
    (file,) = folder.glob("*.whl")
    return file


@pytest.mark.slow
def test_the_wheel_holds_presets_model_demo_and_page(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for preset in (ROOT / "presets").glob("*.toml"):
        assert f"streamcam/_presets/{preset.name}" in names
    for file in (ROOT / "engines" / "nano").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts and "training" not in file.parts:
            assert file.relative_to(ROOT).as_posix() in names
    page = {f"streamcam/web/page/{name}" for name in ("page.html", "page.css", "main.js")}
    assert {"streamcam/capture/demo.mp4"} | page <= names
    assert {"streamcam/py.typed", "engines/py.typed"} <= names, "mypy gives callers the types"
    assert not [name for name in names if name.startswith(("tests/", "presets/"))]
    assert wheel.stat().st_size < 45_000_000


def test_the_top_level_is_what_was_agreed():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    top = {name.split("/")[0] for name in tracked if name and not name.startswith(".")}
    assert top == {
        "streamcam", "engines", "presets", "tests", "findings", "pyproject.toml", "README.md",
        "CHANGELOG.md", "LICENSE",
    }  # fmt: skip


def test_engines_holds_only_source_and_the_model():
    allowed = {".py", ".md", ".onnx", ".json", ".safetensors", ".txt", ".typed"}
    for file in (ROOT / "engines").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            assert file.suffix in allowed, f"{file}: artifacts belong in the user's cache"
