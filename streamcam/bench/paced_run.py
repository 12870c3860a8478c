"""The whole app on frames kept in memory, at any rate: no camera, no decoding, no screen."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import cycle
from threading import Event
from time import perf_counter

from streamcam import capture
from streamcam.capture import FilmInfo, Source, Wanted
from streamcam.clock import Ticker
from streamcam.frames import Frame, Pixels
from streamcam.options import Options
from streamcam.pipeline.pipeline import Pipeline
from streamcam.stats import Snapshot

_CLIP_FRAMES = 60
_FASTER = 1.25  # least rate of the source over the engine's: the app is never short of frames
_WARM_UP = 1.0  # seconds of the app that do not count


@dataclass(frozen=True, slots=True)
class AppRun:
    """What a run of the app brought.

    fps                  frames a second that the engine restyled
    motion_latency_ms_*  from the capture of the frame that is shown to the sink
    style_latency_ms_*   from the capture of the frame that was restyled to the sink
    new_picture_share    share of ticks, 0 … 1, on which the sink got another picture
    resolve_ms_p50       one picture of the newest frame and the engine's newest picture
    skipped              share of frames, 0 … 1, that the gate spared the engine
    """

    fps: float
    motion_latency_ms_p50: float
    motion_latency_ms_p95: float
    style_latency_ms_p50: float
    style_latency_ms_p95: float
    new_picture_share: float
    resolve_ms_p50: float
    skipped: float


class Witness:
    """A Sink that keeps pictures, each with which frame of the clip was the newest at its tick."""

    label, paced, main_thread, watched = "memory", True, False, True
    reopen_as: str | None = None
    finishes: str | None = None

    def __init__(self, pictures: int) -> None:
        """`pictures`: how many to keep, of successive ticks, once `begin` was called."""
        self.seen: list[tuple[Pixels, int]] = []
        self.source: PacedClip | None = None
        self._room = 0
        self._most = pictures

    def begin(self) -> None:
        """Keep the next ones, and those alone. From any thread."""
        self.seen = []
        self._room = self._most

    def write(self, frame: Frame) -> None:
        if self._room and self.source is not None:
            self._room -= 1
            self.seen.append((frame.pixels.copy(), self.source.newest))

    def close(self) -> None: ...


class PacedClip:
    """A Source that plays frames kept in memory at any rate: capture without decoding."""

    film: FilmInfo | None = None
    notice = ""

    def __init__(self, frames: list[Pixels], fps: float) -> None:
        self.label, self.fps = "bundled clip, from memory", fps
        self.height, self.width = frames[0].shape[:2]
        self._frames = cycle(frames)
        self._ticker = Ticker(fps)
        self._never = Event()  # a read is shorter than any wait for a stop
        self._seq = 0
        self._count = len(frames)

    @property
    def newest(self) -> int:
        """Which of the frames was read last. From any thread."""
        return (self._seq - 1) % self._count

    def read(self) -> Frame | None:
        self._ticker.wait(self._never)
        frame = Frame(next(self._frames), self._seq, perf_counter())
        self._seq += 1
        return frame

    def close(self) -> None: ...


def run_app(
    options: Options,
    clip: list[Pixels],
    engine_ms: float,
    seconds: float,
    during: AbstractContextManager[None] | None = None,
    witness: Witness | None = None,
) -> AppRun:
    """Run the app on `clip`, over and over, for `seconds` and what its start takes.

    engine_ms  what the engine alone takes for a frame: frames come at the outputs' rate, or a
               little faster than that
    during     entered for the seconds that count
    witness    takes the pictures of the first output
    Main thread only. Raises what `Pipeline.start` raises.
    """

    def open_clip(_choice: str, _wanted: Wanted) -> Source:
        source = PacedClip(clip, max(options.format.fps, _FASTER * 1e3 / engine_ms))
        if witness is not None:
            witness.source = source
        return source

    options = replace(options, open_source=open_clip)
    if witness is not None:
        kept = witness
        options = replace(options, open_sink=lambda _choice, _form: kept)
    pipeline = Pipeline(options, lambda _line: None)
    pipeline.start()
    try:
        pipeline.wait(_WARM_UP)
        with during or nullcontext():
            began, before = perf_counter(), pipeline.stats.snapshot()
            restyled = pipeline.stats.total("engine")
            if witness is not None:
                witness.begin()
            pipeline.wait(seconds)
            took = perf_counter() - began
        now = pipeline.stats.snapshot()
        return _figures(before, now, (pipeline.stats.total("engine") - restyled) / took)
    finally:
        pipeline.stop()


def _figures(before: Snapshot, now: Snapshot, fps: float) -> AppRun:
    """What happened between two readings."""
    out, repeats = now.frames_out - before.frames_out, now.repeats - before.repeats
    return AppRun(
        fps=fps,
        motion_latency_ms_p50=now.motion_latency_ms_p50,
        motion_latency_ms_p95=now.motion_latency_ms_p95,
        style_latency_ms_p50=now.style_latency_ms_p50,
        style_latency_ms_p95=now.style_latency_ms_p95,
        new_picture_share=out / max(out + repeats, 1),
        resolve_ms_p50=now.resolve_ms_p50,
        skipped=now.skipped,
    )


def bundled_clip() -> list[Pixels]:
    """The start of the bundled clip, decoded, RGB."""
    source = capture.open_source("demo", Wanted(realtime=False, loop=True))
    try:
        frames = (source.read() for _ in range(_CLIP_FRAMES))
        return [frame.pixels for frame in frames if frame is not None]
    finally:
        source.close()
