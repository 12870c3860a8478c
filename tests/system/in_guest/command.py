"""The command `streamcam` in the guest, and the programs that watch its pictures."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numbered_card

WIDTH, HEIGHT = 320, 240  # of numbered.mp4 and small.toml
LONG = 120.0  # seconds that something may take in an emulated machine on a busy one
# An emulated processor takes half a minute to load these. A command that is forked has them at
# once, and from its first line on is `python -m streamcam` like any other.
_LOADED = (
    "cv2",
    "pyvirtualcam",
    "openvino",
    "streamcam.cli.run.session",
    "streamcam.cli.devices",
    "streamcam.cli.doctor",
    "streamcam.capture.camera",
    "streamcam.capture.video",
    "streamcam.pipeline.auto",
    "streamcam.sink.record",
    "streamcam.sink.virtualcam",
    "engines.backends.null",
)


def load() -> None:
    """Load what commands will need. Before the first of them."""
    for name in _LOADED:
        import_module(name)


def apart(work: Callable[..., dict], *arguments: object) -> dict:
    """What `work` returns, done in a process of its own: OpenCV starts threads when it first
    shows a picture, and a command that is forked afterwards would wait for them for ever."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(work, arguments)


def wait_until(condition: Callable[[], object], what: str) -> object:
    """What `condition` returns once that is true."""
    end = time.perf_counter() + LONG
    while not (found := condition()):
        if time.perf_counter() > end:
            raise TimeoutError(f"{what} never happened")
        time.sleep(0.05)
    return found


class Command:
    """`streamcam ARGUMENTS`; its stdout and stderr go to files in the current folder.

    fresh  a process that loads everything itself, as people start it
    """

    _count = 0

    def __init__(self, *arguments: str, fresh: bool = False) -> None:
        Command._count += 1
        self._out = Path(f"{Command._count}.out")
        self._err = Path(f"{Command._count}.err")
        if fresh:
            with self._out.open("wb") as out, self._err.open("wb") as err:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "streamcam", *arguments], stdout=out, stderr=err
                )
        else:
            self._process = multiprocessing.get_context("fork").Process(
                target=_run, args=(arguments, self._out, self._err)
            )
            self._process.start()

    @property
    def said(self) -> list[str]:
        return self._out.read_text().splitlines() if self._out.exists() else []

    @property
    def errors(self) -> list[str]:
        return self._err.read_text().splitlines() if self._err.exists() else []

    def until(self, text: str, after: int = 0) -> str:
        """Wait for a line on stdout with `text` in it, from line number `after` on."""

        def found() -> str | None:
            line = next((line for line in self.said[after:] if text in line), None)
            if line is None and not self._runs():
                raise RuntimeError(f"{text!r} was not said: {self.said} {self.errors}")
            return line

        return str(wait_until(found, text))

    def end(self) -> dict:
        """Wait for the end: exit code, lines."""
        if isinstance(self._process, subprocess.Popen):
            code = self._process.wait(LONG)
        else:
            self._process.join(LONG)
            code = self._process.exitcode
        return {"code": code, "said": self.said, "errors": self.errors}

    def stop(self) -> dict:
        """Ask it to stop; how it ended, and after how many seconds."""
        begin = time.perf_counter()
        os.kill(self._process.pid, signal.SIGTERM)
        return self.end() | {"seconds": time.perf_counter() - begin}

    def _runs(self) -> bool:
        if isinstance(self._process, subprocess.Popen):
            return self._process.poll() is None
        return self._process.is_alive()


def _run(arguments: tuple[str, ...], out: Path, err: Path) -> None:
    """In the new process: what `python -m streamcam` does."""
    os.setsid()
    for path, stream in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, stream)
        os.close(file)
    from streamcam.cli import command

    sys.argv = ["streamcam", *arguments]
    command()


def findings(doctor: Command) -> dict[str, dict]:
    """What `streamcam doctor --json` found, by name."""
    said = doctor.end()["said"]
    return {one["name"]: one for one in json.loads("\n".join(said))}


def read_with_opencv(device: str, count: int) -> dict:
    """The next pictures of a device: their numbers, worst colour, size, and rate."""
    return apart(_read_with_opencv, device, count)


def _read_with_opencv(device: str, count: int) -> dict:
    import cv2

    camera = cv2.VideoCapture(device, cv2.CAP_V4L2)
    pictures, begin = [], 0.0
    while len(pictures) < count:
        taken, picture = camera.read()
        if not taken:
            raise RuntimeError(f"{device} has no picture after {len(pictures)}")
        begin = begin or time.perf_counter()
        pictures.append(picture[:, :, ::-1])
    seconds = time.perf_counter() - begin
    camera.release()
    return _described(pictures) | {"rate": (count - 1) / seconds}


def read_with_ffmpeg(device: str, count: int) -> dict:
    """The same, read by another program."""
    import numpy as np

    flags = ("-frames:v", str(count), "-fps_mode", "passthrough", "-pix_fmt", "rgb24")
    done = subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-f", "v4l2", "-i", device, *flags, "-f", "rawvideo", "-"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=LONG,
        check=True,
    )
    shape = (-1, HEIGHT, WIDTH, 3)
    return _described(list(np.frombuffer(done.stdout, np.uint8).reshape(shape)))


def _described(pictures: list) -> dict:
    cards = [numbered_card.read(picture) for picture in pictures]
    return {
        "size": [pictures[0].shape[1], pictures[0].shape[0]],
        "numbers": [number for number, _ in cards],
        "colour_error": max(off for _, off in cards),
    }
