"""A live run in which something breaks every few seconds: what viewers saw, and what it cost.

python tests/benchmarks/fault_soak.py --minutes 20 --every 20 --engine nano

The parts are the real ones, but for the wrappers below, which break on purpose. The source carries
a marker that every look destroys: where it is seen in the output, the raw camera leaked.
"""

import argparse
import json
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from threading import Event
from unittest.mock import patch

import cv2
import numpy as np
import psutil

from engines.api import UNWATCHED
from engines.errors import BackendUnavailable, EngineFailed
from engines.recipe import Recipe
from streamcam import capture
from streamcam.errors import SinkFailed, SourceLost, UsageError
from streamcam.pipeline import Options, Pipeline
from streamcam.presets import load_preset

ENGINE_FAULTS = ("exception", "out of memory", "blank", "slow frame", "hang", "no rebuild")
SOURCE_FAULTS = ("unplugged", "stalled", "resized")
FAULTS = (*ENGINE_FAULTS, *SOURCE_FAULTS, "output lost")
AWAY = 2.0  # seconds that a source or an output stays away
HANG = 15.0  # seconds after which an engine that hung returns after all
SLOW = 1.5
BUILD = Recipe.build
PATIENCE = 30.0  # seconds that mending may take
CELL, CELLS = 24, 4  # pixels of a square of the marker at 1280x720, and squares each way
COLOURS = np.array([(255, 0, 255), (0, 255, 0)], np.uint8)
NEAR = 60  # mean levels from the marker's own colours at which it counts as seen


class Faults:
    """What is broken now. Set by the main thread, taken by the parts."""

    def __init__(self):
        self.count = Counter()
        self._waiting = {}
        self._lock = threading.Lock()

    def inject(self, kind, times=1):
        with self._lock:
            self._waiting[kind] = times

    def take(self, kind):
        with self._lock:
            if not self._waiting.get(kind):
                return False
            self._waiting[kind] -= 1
            self.count[kind] += 1
            return True


def draw_marker(pixels):
    """On a picture of any size, in its middle, where no fit cuts it off."""
    height, width = pixels.shape[:2]
    cell = max(2, CELL * width // 1280)
    squares = np.indices((CELLS, CELLS)).sum(0) % 2
    marker = np.kron(squares, np.ones((cell, cell), int))
    top, left = (height - marker.shape[0]) // 2, (width - marker.shape[1]) // 2
    pixels[top : top + marker.shape[0], left : left + marker.shape[1]] = COLOURS[marker]


def shows_marker(pixels):
    """Whether the middle of a 1280x720 picture has the marker's own colours."""
    half = CELL * CELLS // 2
    height, width = pixels.shape[:2]
    part = pixels[height // 2 - half : height // 2 + half, width // 2 - half : width // 2 + half]
    middles = part[CELL // 2 :: CELL, CELL // 2 :: CELL].astype(int)
    wanted = COLOURS[np.indices((CELLS, CELLS)).sum(0) % 2].astype(int)
    return np.abs(middles - wanted).mean() < NEAR


class FaultySource:
    """The demo clip with the marker."""

    film = None
    notice = ""

    def __init__(self, wanted, faults, away):
        self._inner = capture.open_source("demo", wanted)
        self.label, self.fps = self._inner.label, self._inner.fps
        self.width, self.height = self._inner.width, self._inner.height
        self._half = away.pop("resized", False)
        if self._half:
            self.width, self.height = self.width // 2, self.height // 2
        self._faults, self._away = faults, away

    def read(self):
        now = time.perf_counter()
        if self._faults.take("unplugged"):
            self._away["until"] = now + AWAY
            raise SourceLost("the camera was unplugged")
        if self._faults.take("resized"):
            self._away["resized"] = not self._half
            raise SourceLost("the camera changed its size")
        if self._faults.take("stalled"):
            self._away["stalled"] = now + AWAY
        frame = self._inner.read()
        if frame is None or now < self._away.get("stalled", 0):
            return None
        pixels = frame.pixels[::2, ::2].copy() if self._half else frame.pixels.copy()
        draw_marker(pixels)
        return replace(frame, pixels=pixels)

    def close(self):
        self._inner.close()


class FaultyEngine:
    """`inner`, which breaks when told to. Its picture is inverted if it has no look of its own."""

    def __init__(self, inner, faults):
        self.inner, self._faults = inner, faults
        self._inverts = inner.spec.backend == "null"

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def finish(self):
        picture = self.inner.finish()
        if self._inverts:
            np.subtract(255, picture, out=picture)
        if self._faults.take("exception") or self._faults.take("no rebuild"):
            raise EngineFailed("the device was removed")
        if self._faults.take("out of memory"):
            raise MemoryError
        if self._faults.take("slow frame"):
            time.sleep(SLOW)
        if self._faults.take("hang"):
            time.sleep(HANG)
        if self._faults.take("blank"):
            picture[:] = 0
        return picture

    def take_over(self, other):
        return self.inner.take_over(other.inner)


class Viewer:
    """An output that looks at what it gets."""

    label, paced, main_thread, watched = "a viewer", True, False, True
    reopen_as = None
    finishes = None

    def __init__(self, fps):
        self.period = 1 / fps
        self.ticks = self.raw = self.cards = 0
        self.last = None
        self.worst = 0.0  # longest gap since the last fault's end, in ticks
        self.late = []  # gaps over two ticks

    def write(self, frame):
        now = time.perf_counter()
        if self.last is not None:
            gap = (now - self.last) / self.period
            self.worst = max(self.worst, gap)
            if gap > 2:
                self.late.append(round(gap, 1))
        self.last = now
        self.ticks += 1
        self.raw += bool(shows_marker(frame.pixels))
        self.cards += frame.seq == 0 and frame.repeat

    def close(self):
        pass


class Fragile:
    """Another output, which breaks and comes back."""

    label, paced, main_thread, watched = "a driver", True, False, True
    reopen_as = "fragile"
    finishes = None

    def __init__(self, faults, away):
        self._faults, self._away = faults, away
        if time.perf_counter() < away.get("output", 0):
            raise UsageError("the driver is away")

    def write(self, frame):
        if self._faults.take("output lost"):
            self._away["output"] = time.perf_counter() + AWAY
            raise SinkFailed("the driver went away")

    def close(self):
        pass


class Run:
    """One live run. `report` once it is over."""

    def __init__(self, engine, every, fps):
        self.faults, self.away = Faults(), {}
        self.viewer = Viewer(fps)
        self.every = every
        self.unrecovered, self.memory, self.worst = [], [], Counter()
        preset = load_preset("blueprint")
        self.pipeline = Pipeline(
            Options(
                preset=preset,
                source="demo",
                outputs=("viewer", "fragile"),
                size=(640, 368) if engine == "null" else None,
                backend="null" if engine == "null" else None,
                fps=fps,
                web=False,
                open_source=self._open_source,
                open_sink=self._open_sink,
            ),
            lambda line: print(f"  {line}", flush=True),
        )

    def _open_source(self, choice, wanted):
        if time.perf_counter() < self.away.get("until", 0):
            raise UsageError("the camera is not there")
        return FaultySource(wanted, self.faults, self.away)

    def _open_sink(self, choice, form):
        return self.viewer if choice == "viewer" else Fragile(self.faults, self.away)

    def _build(self, recipe, watch=UNWATCHED):
        if self.away.pop("no engine", False):
            raise BackendUnavailable("the device is gone.")
        return FaultyEngine(BUILD(recipe, watch), self.faults)

    def go(self, seconds):
        lasted = patch("streamcam.provision.repair._LASTED_SECONDS", min(10.0, self.every / 4))
        with lasted, patch.object(Recipe, "build", lambda *about: self._build(*about)):
            self.pipeline.start()
            try:
                self._go(seconds)
            finally:
                self.pipeline.stop()

    def _go(self, seconds):
        process = psutil.Process()
        self.pipeline.wait(5.0)
        self._end_of("nothing")
        end = time.perf_counter() + seconds
        for kind in cycle(FAULTS):
            if kind == FAULTS[0]:
                self.memory.append(process.memory_info().rss / 1e6)
                if time.perf_counter() >= end:
                    return
            if kind == "no rebuild":
                self.away["no engine"] = True
            self.began = time.perf_counter()
            self.faults.inject(kind, times=3 if kind == "blank" else 1)
            self.pipeline.wait(3.0)  # a hang shows after two: no new pictures
            late = time.perf_counter() + PATIENCE
            while (trouble := self._trouble()) and time.perf_counter() < late:
                self.pipeline.wait(0.5)
            if trouble:
                self.unrecovered.append(f"{kind}: {trouble}")
            self.pipeline.wait(max(self.every - (time.perf_counter() - self.began), 2.0))
            self._end_of(kind)

    def _end_of(self, kind):
        """Write down the worst gap of a fault."""
        self.worst[kind] = max(self.worst[kind], round(self.viewer.worst, 2))
        self.viewer.worst = 0.0

    def _trouble(self):
        now = self.pipeline.stats.snapshot()
        return now.notice or ("" if now.fps_out else "no new pictures")

    def report(self):
        now = self.pipeline.stats.snapshot()
        return {
            "seconds": round(now.seconds),
            "engine ms": round(now.engine_ms_p50, 1),
            "faults": dict(self.faults.count),
            "not recovered": self.unrecovered,
            "ticks": self.viewer.ticks,
            "longest gap, ticks": dict(self.worst),
            "gaps over 2 ticks": self.viewer.late,
            "raw pictures": self.viewer.raw,
            "ticks with a card": self.viewer.cards,
            "frames in": now.frames_in,
            "new pictures out": now.frames_out,
            "dropped": now.dropped,
            "memory MB by round": [round(one) for one in self.memory],
        }


def check_marker():
    """The marker is found in a raw picture that went through the engine's size."""
    raw = np.full((720, 1280, 3), 127, np.uint8)
    assert not shows_marker(raw)
    draw_marker(raw)
    small = cv2.resize(raw, (448, 256), interpolation=cv2.INTER_AREA)
    assert shows_marker(raw)
    assert shows_marker(cv2.resize(small, (1280, 720), interpolation=cv2.INTER_CUBIC))
    assert not shows_marker(255 - raw)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--every", type=float, default=20, help="seconds from fault to fault")
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--engine", choices=["nano", "null"], default="nano")
    parser.add_argument("--json", type=Path, help="write the report there as well")
    arguments = parser.parse_args()
    check_marker()
    run = Run(arguments.engine, arguments.every, arguments.fps)
    run.go(arguments.minutes * 60)
    Event().wait(HANG)  # engines that hung return and are closed
    report = run.report()
    report["threads at the end"] = sorted(
        thread.name for thread in threading.enumerate() if thread is not threading.main_thread()
    )
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
