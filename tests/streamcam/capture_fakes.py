"""Stand-ins for what these tests must not depend on: time, cameras, screens and their faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

import cv2
import numpy as np
from mss.exception import ScreenShotError

from streamcam.errors import SourceLost
from streamcam.frames import Frame

RED = (200, 20, 30)  # RGB, told apart from BGR at a glance


def red(number: int) -> tuple[int, int, int]:
    """A red for each picture, so that they can be told apart: the blue in it rises."""
    return RED[0], RED[1], RED[2] + 6 * (number % 10)


@dataclass
class FakeClock:
    """Time passes when somebody sleeps, and when a test says so."""

    time: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.time += seconds


class FakeDevice:
    """A camera that delivers reds; `failing` makes the next grabs fail.

    modes  what it grants: {(fourcc or None): (width, height, fps)}
    """

    def __init__(self, clock: FakeClock, modes=None, opens: bool = True) -> None:
        self.clock = clock
        self.modes = modes or {None: (64, 48, 30.0)}
        self.fourcc = None
        self.opens = opens
        self.failing = 0
        self.broken = 0
        self.released = 0
        self.asked: list[tuple[int, float]] = []
        self.buffers: list[int] = []

    @property
    def mode(self):
        return self.modes[self.fourcc]

    def isOpened(self) -> bool:
        return self.opens

    def set(self, prop: int, value: float) -> bool:
        self.asked.append((prop, value))
        if prop == cv2.CAP_PROP_FOURCC:
            known = "MJPG" if value == cv2.VideoWriter.fourcc(*"MJPG") else None
            if known not in self.modes:
                return False
            self.fourcc = known
        return True

    def get(self, prop: int) -> float:
        width, height, fps = self.mode
        return {
            cv2.CAP_PROP_FRAME_WIDTH: width,
            cv2.CAP_PROP_FRAME_HEIGHT: height,
            cv2.CAP_PROP_FPS: fps,
        }.get(prop, 0)

    def grab(self) -> bool:
        if self.failing:
            self.failing -= 1
            return False
        self.clock.time += 1 / (self.mode[2] or 30)
        return True

    def retrieve(self, image):
        if self.broken:
            self.broken -= 1
            return False, None
        width, height, _ = self.mode
        if image is None or image.shape != (height, width, 3):
            image = np.empty((height, width, 3), np.uint8)
        image[:] = red(len(self.buffers))[::-1]
        self.buffers.append(id(image))
        return True, image

    def release(self) -> None:
        self.released += 1


@dataclass
class FakeShot:
    raw: bytearray
    width: int
    height: int


class FakeGrabber:
    """A desktop of two monitors side by side, the second one primary.

    bgra      the colour of everything; without it a red
    xwayland  it is the X server of a Wayland session
    pointing  there is a mouse pointer in the corner of every picture, which is blue
    """

    def __init__(self, monitors=None, bgra=None, scale: int = 1) -> None:
        self.monitors = monitors or [
            {"left": -64, "top": 0, "width": 160, "height": 72},
            {"left": -64, "top": 0, "width": 64, "height": 48, "is_primary": False},
            {"left": 0, "top": 0, "width": 96, "height": 72, "is_primary": True},
        ]
        self.bgra = bgra
        self.scale = scale
        self.xwayland = self.pointing = False
        self.failing = False
        self.closed = 0
        self.grabbed: list[dict[str, int]] = []

    def grab(self, monitor):
        if self.failing:
            raise ScreenShotError("the display went away")
        self.grabbed.append(monitor)
        bgra = self.bgra or (*red(len(self.grabbed))[::-1], 0)
        width, height = monitor["width"] * self.scale, monitor["height"] * self.scale
        return FakeShot(bytearray(bytes(bgra) * (width * height)), width, height)

    def point(self, shot, box):
        if self.pointing:
            shot.raw[:4] = (200, 30, 20, 255)

    def close(self) -> None:
        self.closed += 1


class ScriptedSource:
    """Delivers what a list says: numbers become frames, None is None, exceptions are raised."""

    label, width, height, fps = "scripted, 4x2 at 10 fps", 4, 2, 10.0
    film = None
    notice = ""

    def __init__(self, script, media: bool = True) -> None:
        self.script = list(script)
        self.media = media
        self.closed = 0
        self.seq = 0

    def read(self):
        if not self.script:
            raise EOFError("script over")
        item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        if item is None:
            return None
        pixels = np.full((2, 4, 3), item, np.uint8)
        frame = Frame(pixels, self.seq, float(item), self.seq / 10 if self.media else None)
        self.seq += 1
        return frame

    def close(self) -> None:
        self.closed += 1


class ImpatientEvent(Event):
    """Does not wait: notes how long it should have, and is set after `patience` waits."""

    def __init__(self, patience: int = 10**9) -> None:
        super().__init__()
        self.patience = patience
        self.waits: list[float | None] = []

    def wait(self, timeout=None) -> bool:
        self.waits.append(timeout)
        if len(self.waits) >= self.patience:
            self.set()
        return self.is_set()


def until(error: type[Exception], read):
    """What `read` returns before it raises `error`, but for None, and what it raises."""
    found = []
    while True:
        try:
            item = read()
        except error as end:
            return found, end
        if item is not None:
            found.append(item)


def lost(text: str = "gone") -> SourceLost:
    return SourceLost(text)
