"""A screen that nobody sees: the X server Xvfb."""

import os
import subprocess
from pathlib import Path

import cv2
import mss
import numpy as np
from debian import program


class VirtualDisplay:
    """An X display, black at first. `start` it; after `stop` the same one can return.

    name     what DISPLAY is for its programs, such as ":5"
    options  more of Xvfb's
    """

    def __init__(self, width: int, height: int, depth: int = 24, *options: str) -> None:
        self.name = ""
        self._size = f"{width}x{height}x{depth}"
        self._options = options
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run the server, and wait until it takes clients."""
        reading, writing = os.pipe()
        place = [self.name] if self.name else []  # the server looks for a free one itself
        screen = ("-screen", "0", self._size, *self._options)
        self._server = subprocess.Popen(
            # -noreset: what is drawn stays when the program that drew it has gone
            [program("Xvfb"), *place, *screen, "-displayfd", str(writing), "-noreset"],
            pass_fds=[writing],
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        assert number, "Xvfb did not start"
        self.name = f":{number}"

    def stop(self) -> None:
        """End the server; its clients are cut off. May be called twice."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(10)
            self._server = None

    def show(self, picture: np.ndarray, at: tuple[int, int], folder: Path) -> None:
        """Draw an RGB picture with its corner `at` (x, y), on black. `folder` takes its file."""
        width, height = self.size
        screen = np.zeros((height, width, 3), np.uint8)
        x, y = at
        rows, columns = min(picture.shape[0], height - y), min(picture.shape[1], width - x)
        screen[y : y + rows, x : x + columns] = picture[:rows, :columns]
        path = folder / "screen.png"
        cv2.imwrite(str(path), screen[:, :, ::-1])
        self._run("xloadimage", "-quiet", "-onroot", str(path))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, now."""
        words = self._run("xrandr").replace(",", "").split()
        width = words.index("current") + 1
        return int(words[width]), int(words[width + 2])

    def fill(self, rgb: tuple[int, int, int]) -> None:
        """One colour all over, as near as the depth allows."""
        self._run("xsetroot", "-solid", "#{:02x}{:02x}{:02x}".format(*rgb))

    def picture(self) -> np.ndarray:
        """What is on it, RGB."""
        with mss.MSS(display=self.name) as taker:
            shot = taker.grab(taker.monitors[0])
        bgra = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        return bgra[..., 2::-1].copy()

    def resize(self, width: int, height: int) -> None:
        """Change the resolution, up to the one of the start."""
        mode = f"{width}x{height}"
        if f" {mode} " not in self._run("xrandr"):
            timing = [str(number) for number in [0, *[width] * 4, *[height] * 4]]
            self._run("xrandr", "--newmode", mode, *timing)
            self._run("xrandr", "--addmode", "screen", mode)
        self._run("xrandr", "--output", "screen", "--mode", mode)

    def _run(self, name: str, *arguments: str) -> str:
        return subprocess.run(
            [program(name), *arguments],
            env=os.environ | {"DISPLAY": self.name},
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout
