"""Bad input that only a whole run can find: sources, outputs, ports.

Flags and preset files are refused earlier: see cli/test_bad_input.py. What cannot be had on every
machine (a camera, a screen) is put in by a module on PYTHONPATH.
"""

import shutil
import socket
from pathlib import Path

import pytest
from real_command import NO_CAMERA, NO_SCREEN, SMALL

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
        ("text.png", b"not a picture\n", "text.png is no picture, or damaged: give a PNG, JPEG"),
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
    none = with_modules(NO_CAMERA)
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
    found = with_modules({**NO_SCREEN, "mss/__init__.py": SCREEN})
    assert refused("--source", source, *TO_FILE, **found).startswith(message)


def test_no_screen_at_all(refused, with_modules) -> None:
    none = with_modules(NO_SCREEN)
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
        (
            "recrod",
            "unknown output 'recrod'. Known: FILE.mp4, FOLDER/%06d.png, ndi, null, pipewire, ",
        ),
        ("pipewire", "there is no PipeWire camera here: "),
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
