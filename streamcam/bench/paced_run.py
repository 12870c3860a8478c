"""The whole app on frames kept in memory, at any rate: no camera, no decoding, no screen."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import cycle
from threading import Event
from time import perf_counter

from streamcam import capture
from streamcam.capture import Source, Wanted
from streamcam.clock import Ticker
from streamcam.frames import Frame, Pixels
from streamcam.options import Options
from streamcam.pipeline.pipeline import Pipeline

_CLIP_FRAMES = 60
_FASTER = 1.25  # the source's rate over the engine's: the app is never short of frames
_WARM_UP = 1.0  # seconds of the app that do not count


@dataclass(frozen=True, slots=True)
class AppRun:
    """What a run of the app brought.

    fps             new pictures a second at the sink
    latency_ms_p50, latency_ms_p95  from capture to sink
    skipped         share of frames, 0 … 1, that the gate spared the engine
    """

    fps: float
    latency_ms_p50: float
    latency_ms_p95: float
    skipped: float


class PacedClip:
    """A Source that plays frames kept in memory at any rate: capture without decoding."""

    rate: Fraction | None = None
    notice = ""
    sound = False

    def __init__(self, frames: list[Pixels], fps: float) -> None:
        self.label, self.fps = "bundled clip, from memory", fps
        self.height, self.width = frames[0].shape[:2]
        self._frames = cycle(frames)
        self._ticker = Ticker(fps)
        self._never = Event()  # a read is shorter than any wait for a stop
        self._seq = 0

    def read(self) -> Frame | None:
        """See Source."""
        self._ticker.wait(self._never)
        frame = Frame(next(self._frames), self._seq, perf_counter())
        self._seq += 1
        return frame

    def close(self) -> None:
        """See Source."""


def run_app(
    options: Options,
    clip: list[Pixels],
    engine_ms: float,
    seconds: float,
    during: AbstractContextManager[None] | None = None,
) -> AppRun:
    """Run the app on `clip`, over and over, for `seconds` and what its start takes.

    engine_ms  what the engine alone takes for a frame: frames come a little faster than that
    during     entered for the seconds that count
    Main thread only. Raises what `Pipeline.start` raises.
    """

    def open_clip(_choice: str, _wanted: Wanted) -> Source:
        return PacedClip(clip, _FASTER * 1e3 / engine_ms)

    pipeline = Pipeline(replace(options, open_source=open_clip), lambda _line: None)
    pipeline.start()
    try:
        pipeline.wait(_WARM_UP)
        with during or nullcontext():
            began, before = perf_counter(), pipeline.stats.total("out")
            pipeline.wait(seconds)
            took = perf_counter() - began
        now = pipeline.stats.snapshot()
        fps = (pipeline.stats.total("out") - before) / took
        return AppRun(fps, now.latency_ms_p50, now.latency_ms_p95, now.skipped)
    finally:
        pipeline.stop()


def bundled_clip() -> list[Pixels]:
    """The start of the bundled clip, decoded, RGB."""
    source = capture.open_source("demo", Wanted(realtime=False, loop=True))
    try:
        frames = (source.read() for _ in range(_CLIP_FRAMES))
        return [frame.pixels for frame in frames if frame is not None]
    finally:
        source.close()
