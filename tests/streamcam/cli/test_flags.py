"""The flags are frozen: a new knob goes into presets, not onto the command line."""

import subprocess
import sys

from typer.main import get_command

from streamcam.cli import build_app

FROZEN = {
    "streamcam": [
        "--preset",
        "--source",
        "--output",
        "--size",
        "--fps",
        "--model",
        "--backend",
        "--device",
        "--engine",
        "--port",
        "--listen",
        "--no-web",
        "--osc",
        "--midi",
        "--audio",
        "--duration",
        "--realtime",
        "--version",
        "--help",
    ],
    "bench": [
        "--preset",
        "--size",
        "--fps",
        "--model",
        "--backend",
        "--device",
        "--steps",
        "--precision",
        "--seconds",
        "--peer",
        "--gpu-suite",
        "--json",
        "--help",
    ],
    "build": ["--preset", "--size", "--model", "--gpu-arch", "--list", "--clean", "--help"],
    "curtain": ["name", "--to", "--help"],
    "devices": ["--help"],
    "doctor": ["--json", "--bundle", "--help"],
    "get": ["key", "--to", "--help"],
    "obs": ["action", "--to", "--as", "--microphone", "--camera-delay", "--port", "--help"],
    "presets": ["--schema", "--import", "--help"],
    "serve": [
        "action",
        "--preset",
        "--size",
        "--model",
        "--backend",
        "--device",
        "--listen",
        "--port",
        "--replicas",
        "--config",
        "--help",
    ],
    "save": ["name", "--to", "--help"],
    "set": ["key", "value", "--to", "--help"],
    "switch": ["name", "--to", "--help"],
}
HEAVY = ("cv2", "numpy.random", "openvino", "fastapi", "uvicorn", "av", "mss", "pydantic", "rich")


def flags(command) -> list[str]:
    context = command.make_context("streamcam", [], resilient_parsing=True)
    names = []
    for parameter in command.get_params(context):
        assert not parameter.secondary_opts
        names += parameter.opts
    return names


def test_every_flag_of_every_command_is_known() -> None:
    group = get_command(build_app(rich_help=True))
    found = {"streamcam": flags(group)}
    found |= {name: flags(command) for name, command in group.commands.items()}
    assert found == FROZEN


def test_only_source_and_output_may_be_repeated() -> None:
    group = get_command(build_app(rich_help=True))
    assert [one.name for one in group.params if one.multiple] == ["source", "output"]


def test_the_command_line_starts_without_anything_heavy() -> None:
    code = "import sys, streamcam.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(HEAVY) & set(loaded)
    assert "torch" not in loaded


def test_help_says_it_all_in_plain_text(command) -> None:
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "streamcam --preset anime" in done.stdout
    assert all(flag in done.stdout for flag in FROZEN["streamcam"])
    assert done.stdout.isascii() or "╭" not in done.stdout


def test_version(command) -> None:
    from streamcam import __version__

    assert command("--version").stdout == f"streamcam {__version__}\n"


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streamcam", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("streamcam ")
