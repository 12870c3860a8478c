"""What happens to virtual cameras (v4l2loopback) around runs. test_virtual_camera.py judges.

/dev/video42 "OBS Virtual Camera" and /dev/video43 "streamcam" are cameras only while pictures
arrive; /dev/video44 "Both" (exclusive_caps=0) always is one, and takes pictures at any time.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from command import Command, findings, load, read_with_ffmpeg, read_with_opencv, wait_until

OBS, OURS, BOTH = "/dev/video42", "/dev/video43", "/dev/video44"
PLAY = ("--preset", "small.toml", "--source", "numbered.mp4", "--no-web")


def run() -> dict:
    """All that was seen, by what it is about."""
    seen = first_run()
    seen |= devices_of_other_programs()
    seen |= next_runs()
    return seen | own_pictures_as_the_source()


def first_run() -> dict:
    """A run as people start it, watched by two programs in turn."""
    command = Command(*PLAY, "--output", f"virtualcam:{OURS}", fresh=True)
    load()
    command.until("live:")
    seen: dict = {
        "opencv": read_with_opencv(OURS, 40),
        "ffmpeg": read_with_ffmpeg(OURS, 20),
    }
    link = Path("link-to-ours")
    link.symlink_to(OURS)
    names = ("43", "streamcam", "STREAM", OURS, str(link.absolute()))
    sources = [f"camera:{name}" for name in names] + [f"video:{OURS}", OURS, str(link.absolute())]
    doctor, devices = Command("doctor", "--json"), Command("devices")
    seen["sources refused"] = outcomes({source: (source, "null") for source in sources})
    seen |= {"doctor during a run": findings(doctor), "devices": devices.end()}
    return seen | {"first end": command.stop()}


def devices_of_other_programs() -> dict:
    """Two devices are another program's, one of which would mix in a second writer's pictures;
    the third is stuck."""
    link = Path("link-to-obs")
    link.symlink_to(OBS)
    with writing(OBS), writing(BOTH):
        doctor = Command("doctor", "--json")
        names = (OBS, str(link.absolute()), "OBS Virtual Camera", BOTH)
        refused = outcomes({name: ("numbered.mp4", f"virtualcam:{name}") for name in names})
        seen = {"doctor after a run": findings(doctor), "outputs refused": refused}
        command = Command(*PLAY)  # without --output
        command.until("live:")
        seen["free one taken"] = read_with_opencv(OURS, 20)
        seen["none left"] = ending("numbered.mp4", "virtualcam").end()
        return seen | {"second end": command.stop()}


def next_runs() -> dict:
    """A program goes on showing our camera while one run ends and the next begins."""
    third = Command(*PLAY, "--output", f"virtualcam:{OURS}")
    third.until("live:")
    with watching(OURS) as pictures:
        seen = {"third end": third.stop()}
        seen["other size"] = ending("numbered.mp4", f"virtualcam:{OURS}", "large.toml").end()
        before = pictures()
        fourth = Command(*PLAY, "--output", f"virtualcam:{OURS}")
        fourth.until("live:")
        wait_until(lambda: pictures() > before + 5, "a picture of the fourth run")
        return seen | {"fourth end": fourth.stop()}


def own_pictures_as_the_source() -> dict:
    """Runs that would film themselves, whatever their camera is called."""
    names = ("42", "OBS Virtual", OBS, str(Path("link-to-obs").absolute()))
    routes = {f"camera:{name}": (f"camera:{name}", f"virtualcam:{OBS}") for name in names}
    routes["camera:44"] = ("camera:44", f"virtualcam:{BOTH}")
    return {"films itself": {name: ending(*route).end() for name, route in routes.items()}}


def ending(source: str, output: str, preset: str = "small.toml") -> Command:
    """A run that should be refused; one that is not ends by itself soon."""
    flags = ("--preset", preset, "--source", source, "--output", output)
    return Command(*flags, "--no-web", "--duration", "1")


def outcomes(runs: dict[str, tuple[str, str]]) -> dict[str, dict]:
    """How runs end that should be refused, by name; (source, output) of each. All at once."""
    commands = {name: ending(*run) for name, run in runs.items()}
    return {name: command.end() for name, command in commands.items()}


@contextmanager
def watching(device: str) -> Iterator[Callable[[], int]]:
    """A program that shows a device, whoever writes to it; how many pictures it has had."""
    file = Path("watched.yuv")
    watcher = subprocess.Popen(
        ["v4l2-ctl", "-d", device, "--stream-mmap", f"--stream-to={file}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    size = 320 * 240 * 3 // 2

    def pictures() -> int:
        return file.stat().st_size // size if file.exists() else 0

    try:
        wait_until(pictures, f"a picture of {device}")
        yield pictures
    finally:
        watcher.kill()
        watcher.wait()


@contextmanager
def writing(device: str) -> Iterator[None]:
    """Another program that sends pictures to a device, which it must not lose."""
    source = ("-re", "-f", "lavfi", "-i", "color=red:s=320x240:r=10", "-pix_fmt", "yuv420p")
    writer = subprocess.Popen(
        ["ffmpeg", "-loglevel", "error", *source, "-f", "v4l2", device], stdin=subprocess.DEVNULL
    )
    form = Path("/sys/class/video4linux", Path(device).name, "format")
    try:
        wait_until(lambda: form.read_text().strip(), f"a picture on {device}")
        yield
        if writer.poll() is not None:
            raise RuntimeError(f"the writer of {device} ended")
    finally:
        writer.kill()
        writer.wait()
