"""Bad input that only a whole run can find: sources, outputs, ports, backends, models, prompts.

Flags and preset files are refused earlier: see cli/test_bad_input.py. What cannot be had on every
machine (a camera, a screen, a Python without torch) is put in by a module on PYTHONPATH.
"""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from real_command import SMALL, Command

from engines.model import EMBEDDED
from streamcam.capture.demo import CLIP

DEMO = ("--source", "demo", "--no-web", *SMALL)
TO_FILE = ("--output", "out.mp4", "--no-web", *SMALL)

CAMERA = """
class One:
    index, name, path = 0, "HD Webcam", "/dev/video-none"
def enumerate_cameras(api):
    return [One]
"""
SCREEN = """
class ScreenShotError(Exception):
    pass
class MSS:
    monitors = [dict(left=0, top=0, width=1920, height=1080, is_primary=True)] * 2
    def close(self):
        pass
"""
NO_SCREEN = """
class ScreenShotError(Exception):
    pass
def MSS():
    raise ScreenShotError("cannot connect to the display")
"""
SCREEN_ERROR = "from mss import ScreenShotError"
NO_TORCH = """
import sys
for name in ("torch", "diffusers", "transformers"):
    sys.modules[name] = None
"""


@pytest.fixture
def refused(launch: Callable[..., Command], folder: Path) -> Callable[..., str]:
    """Run it; the one line on stderr, once all is as it must be."""

    def run(*arguments: str, **environment: str) -> str:
        home = folder.with_name(f"{folder.name}-home")
        home.mkdir()
        before = contents(folder.parent)
        command = launch(*arguments, **environment)
        assert command.end() == 2, (command.said, command.errors)
        (line,) = command.errors
        assert line.startswith("streamcam: ")
        assert len(line) < 700
        assert not [said for said in command.said if said.startswith(("live:", "engine:"))]
        assert contents(folder.parent) == before, "something was left behind"
        return line.removeprefix("streamcam: ")

    return run


@pytest.fixture
def with_modules(tmp_path: Path) -> Callable[[dict[str, str]], dict[str, str]]:
    """The environment in which these modules (by file name) come before the installed ones."""

    def write(sources: dict[str, str]) -> dict[str, str]:
        for name, source in sources.items():
            path = tmp_path / "modules" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return {"PYTHONPATH": str(tmp_path / "modules")}

    return write


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the embedded model."""
    folder = tmp_path / "my model"
    shutil.copytree(EMBEDDED, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


def contents(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "text.mp4",
            b"not a film\n",
            "cannot open text.mp4: it is damaged or no video. Give another",
        ),
        ("empty.mp4", b"", "cannot open empty.mp4: it is damaged or no video. Give another"),
        ("cut.mp4", CLIP.read_bytes()[:20_000], "cut.mp4 holds no picture that can be read."),
        (
            "tail.mp4",
            CLIP.read_bytes()[-50_000:],
            "cannot open tail.mp4: it is damaged or no video.",
        ),
        ("text.png", b"not a picture\n", "text.png is no picture, or damaged: give bmp, jpeg"),
        ("notes.txt", b"not a film\n" * 99, "notes.txt has no video in it. Give another video"),
    ],
)
def test_files_that_are_no_video(refused, folder: Path, name, content, message) -> None:
    (folder / name).write_bytes(content)
    assert refused("--source", name, *TO_FILE).startswith(message)


def test_what_is_not_there(refused, folder: Path) -> None:
    message = refused("--source", "missing.mp4", *TO_FILE)
    assert message.startswith(f"there is no file 'missing.mp4' (looked for {folder}/missing.mp4).")


def test_a_url_that_nobody_answers(refused) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}/a.mp4"
        message = refused("--source", address, *TO_FILE)
    assert message.startswith(f"cannot open {address}: ")
    assert message.endswith("Check the address, and whether it plays in a browser or in VLC.")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("camera:7", "there is no camera '7' here. Cameras: 0 \"HD Webcam\"."),
        ('camera:"Logitech"', "there is no camera 'Logitech' here. Cameras: 0 \"HD Webcam\"."),
        ("camera:0", 'camera 0 "HD Webcam" cannot be opened: '),
        ("camera:hd", 'camera 0 "HD Webcam" cannot be opened: '),
    ],
)
def test_cameras(refused, with_modules, source, message) -> None:
    found = with_modules({"cv2_enumerate_cameras.py": CAMERA})
    assert refused("--source", source, *TO_FILE, **found).startswith(message)


def test_no_camera_at_all(refused, with_modules) -> None:
    none = with_modules({"cv2_enumerate_cameras.py": "def enumerate_cameras(api): return []"})
    message = refused("--source", "camera:0", *TO_FILE, **none)
    assert message.startswith("there is no camera on this machine: plug one in, or use --source ")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("screen:1900,0,100,100", "the region 1900,0,100,100 (x,y,w,h) is not on the screen."),
        ("screen:0,0,0,0", "the region 0,0,0,0 (x,y,w,h) is not on the screen."),
        ("screen:7", "there is no monitor 7. Monitors: 1 (1920x1080 at 0,0, primary)."),
        ("screen:left", "screen:left is neither a monitor number nor x,y,w,h. Monitors: 1 "),
    ],
)
def test_screens(refused, with_modules, source, message) -> None:
    found = with_modules({"mss/__init__.py": SCREEN, "mss/exception.py": SCREEN_ERROR})
    assert refused("--source", source, *TO_FILE, **found).startswith(message)


def test_no_screen_at_all(refused, with_modules) -> None:
    none = with_modules({"mss/__init__.py": NO_SCREEN, "mss/exception.py": SCREEN_ERROR})
    message = refused("--source", "screen", *TO_FILE, **none)
    assert message.startswith("there is no screen here (")
    assert message.endswith("use --source camera, --source demo or a video file.")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("nowhere/out.mp4", "cannot record to 'nowhere/out.mp4': there is no folder 'nowhere'"),
        ("file.txt/out.mp4", "cannot record to 'file.txt/out.mp4': there is no folder 'file.txt'"),
        ("x" * 300 + ".mp4", "cannot record to 'xxx"),
        ("out.avi", "cannot record to 'out.avi': the name must end in one of .mkv, .mov, .mp4"),
        ("out.mp4.part", "cannot record to 'out.mp4.part': the name must end in one of "),
        ("home", "the output 'home' is a folder: name a file in it, like 'home/streamcam.mp4'."),
        ("window", "a window needs a display, and there is none here: use --output web, which"),
        ("virtualcam:/dev/none", "there is no virtual camera '/dev/none' on this machine"),
        ("recrod", "unknown output 'recrod'. Known: FILE.mp4, null, virtualcam, web, window."),
    ],
)
def test_outputs(refused, folder: Path, output, message) -> None:
    (folder / "file.txt").touch()
    (folder / "home").mkdir()
    assert refused(*DEMO, "--output", "first.mp4", "--output", output).startswith(message)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="Linux: a folder that takes no files")
def test_an_output_where_nobody_may_write(refused) -> None:
    message = refused(*DEMO, "--output", "/proc/out.mp4")
    assert message.startswith("cannot record to '/proc/out.mp4': ")
    assert message.endswith("; choose another folder or name")


def test_a_recording_over_its_own_source(refused, folder: Path) -> None:
    shutil.copy(CLIP, folder / "clip.mp4")
    message = refused("--source", "clip.mp4", "--output", "./clip.mp4", "--no-web")
    assert message == "--output ./clip.mp4 would replace the source of that name: give another."
    assert (folder / "clip.mp4").read_bytes() == CLIP.read_bytes()


def test_a_port_that_is_taken(refused) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = refused("--source", "demo", "--output", "out.mp4", "--port", str(port))
    assert message == f"port {port} is taken; use --port N or --no-web"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--backend tensorflow", "backend 'tensorflow' is unknown. Known: auto, null, openvino,"),
        ("--model nowhere", "model 'nowhere' is no folder on this machine. Use 'nano'"),
        ("--model stabilityai/sd-turbo", "model 'stabilityai/sd-turbo' is no folder on this "),
        ("--model style.safetensors", "model 'style.safetensors' is no folder on this machine. "),
        ("--model here", "model here: unet/config.json is missing. Copy the whole "),
    ],
)
def test_backends_and_models_that_are_not_there(refused, folder: Path, arguments, message) -> None:
    (folder / "here").mkdir()
    assert refused(*DEMO, "--output", "out.mp4", *arguments.split()).startswith(message)


def test_torch_that_is_not_installed(refused, with_modules) -> None:
    without = with_modules({"sitecustomize.py": NO_TORCH})
    message = refused(*DEMO, "--output", "out.mp4", "--backend", "torch", **without)
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
    message = refused(*DEMO, "--output", "out.mp4", "--model", str(model), **without_torch)
    assert str(model) in message
    assert "Copy the whole model folder again" in message
    if damage == "missing":
        assert f"{file} is missing" in message


def test_a_model_of_links(refused, model: Path) -> None:
    for file in model.rglob("*.safetensors"):
        file.unlink()
        file.symlink_to(EMBEDDED / file.relative_to(model))
    message = refused(*DEMO, "--output", "out.mp4", "--model", str(model))
    assert "are links to another folder, which OpenVINO does not follow" in message


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ('prompt = "{long}"', "look.toml: prompt of 600 tokens ('x! y? x! y? "),
        ('prompt = "a"\nnegative_prompt = "{long}"', "look.toml: prompt of 600 tokens ('x! y? "),
        ('prompt = "a"\n[looks]\nb = "{long}"', "look.toml: looks.b: prompt of 600 tokens ('x! "),
        ('prompt = "a"\nmodel = "nowhere"', "model 'nowhere' is no folder on this machine."),
        ('prompt = "a"\nbackend = "cuda"', "backend 'cuda' is unknown. Known: auto, null,"),
    ],
)
def test_presets_that_load_but_cannot_run(refused, folder: Path, preset, message) -> None:
    """A short text of rare characters is many tokens: only the model's own tokenizer knows."""
    (folder / "look.toml").write_text(preset.format(long="x! y? " * 150))
    arguments = (*DEMO, "--output", "out.mp4", "--preset", "look.toml")
    said = refused(*arguments)
    assert said.startswith(message)
    if "tokens" in message:
        assert said.endswith("is too long: the model reads 75, about 46 words.")
