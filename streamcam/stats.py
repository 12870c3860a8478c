"""Stats: what every stage counts and the status line, the web page and `bench` read."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from time import perf_counter
from typing import Protocol

from streamcam.notices import NoticeBoard

_RATE_SECONDS = 2.0  # seconds over which a rate is taken
_SAMPLES = 512  # durations kept for a percentile


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One reading. Rates in frames per second, times in milliseconds, shares 0 … 1.

    fps_in, fps_engine, fps_out  frames captured, restyled, written (the fastest sink)
    fps_spared                   frames that the gate spared
    motion_latency_ms_p50, _p95  from the capture of the frame that is shown to the sink's write,
                                 new pictures only
    style_latency_ms_p50, _p95   likewise from the capture of the frame that the engine restyled:
                                 motion is as old as the first, its look as the second
    engine_ms_p50, _p95          one Engine.run of a whole frame
    resolve_ms_p50               one picture made of the newest frame and the newest picture
    mask_ms_p50                  what [mask] adds to one picture that is shown
    patched                      share of the restyled frames of which only a part was computed
    patch_ms_p50                 one Engine.run of those
    skipped                      share of frames that the gate spared
    dropped                      frames that were replaced by a newer one before they were used
    memory                       of the engine's device, taken by all programs: "5.1/8.0 GiB"
    resolve                      how pictures keep up with the camera: off, held, warped, guided
    mask                         what of a person and the room is shown how, "" if all is styled
    curtain                      what covers the picture, "" if nothing does
    notice                       what to know now, "" if all is well
    repeats                      ticks on which a sink showed the last picture again
    frames_in, frames_out        counts since the start
    film_done, film_seconds      of a file that is rendered: how much is done of how much, seconds
                                 of film; 0 where that is not known
    film_frames                  about how many frames that are
    """

    fps_in: float
    fps_engine: float
    fps_out: float
    fps_spared: float
    motion_latency_ms_p50: float
    motion_latency_ms_p95: float
    style_latency_ms_p50: float
    style_latency_ms_p95: float
    engine_ms_p50: float
    engine_ms_p95: float
    resolve_ms_p50: float
    mask_ms_p50: float
    patched: float
    patch_ms_p50: float
    skipped: float
    dropped: int
    repeats: int
    frames_in: int
    frames_out: int
    seconds: float
    look: str
    memory: str
    resolve: str
    mask: str
    curtain: str
    notice: str
    film_done: float = 0.0
    film_seconds: float = 0.0
    film_frames: int = 0

    def as_dict(self) -> dict[str, float | int | str]:
        """For JSON."""
        return asdict(self)


class Stats:
    """Counters, rates and durations by name. Every method may be called from any thread.

    Counts used by the stages: "in", "engine", "patched", "skipped", "out", "repeats". Durations in
    seconds: "motion", "style" (latencies), "engine", "patch", "resolve", "mask".
    """

    def __init__(self) -> None:
        self.started_at = perf_counter()
        self.notices = NoticeBoard()
        self._lock = Lock()
        # Protected by _lock:
        self._counts: Counter[str] = Counter()
        self._marks: dict[str, deque[float]] = {}
        self._durations: dict[str, deque[float]] = {}
        self._spent: Counter[str] = Counter()  # all durations, in microseconds
        self._drop_sources: list[Drops] = []
        self._owners: dict[str, Callable[[], str]] = {}
        self._film_done = self._film_seconds = 0.0
        self._film_frames = 0

    def count(self, name: str) -> None:
        """One more of `name`, now."""
        now = perf_counter()
        with self._lock:
            self._counts[name] += 1
            self._marks.setdefault(name, deque(maxlen=_SAMPLES)).append(now)

    def expect(self, seconds: float, frames: int) -> None:
        """A film of so many seconds and frames is to be rendered."""
        with self._lock:
            self._film_seconds, self._film_frames = seconds, frames

    def reached(self, seconds: float) -> None:
        """So much of it is done."""
        with self._lock:
            self._film_done = seconds

    def took(self, name: str, seconds: float) -> None:
        """One more duration of `name`."""
        with self._lock:
            self._durations.setdefault(name, deque(maxlen=_SAMPLES)).append(seconds)
            self._spent[name] += int(seconds * 1e6)

    def watch_drops(self, queue: Drops) -> None:
        """Add `queue.dropped` to the drops that are shown."""
        with self._lock:
            self._drop_sources.append(queue)

    def ask(self, name: str, owner: Callable[[], str]) -> None:
        """Let snapshots ask `owner` for a text: "look", "memory", "resolve", "mask" or "curtain".
        It is called on the thread that takes the snapshot, and returns at once."""
        with self._lock:
            self._owners[name] = owner

    def total(self, name: str) -> int:
        """How often `count(name)` was called."""
        with self._lock:
            return self._counts[name]

    def rate(self, name: str, since: float) -> float:
        """Calls of `count(name)` a second, from the first to the last of those since then, seconds
        as `time.perf_counter()`; 0.0 for fewer than two."""
        with self._lock:
            return self._rate(name, since)

    def spent(self, name: str) -> float:
        """Seconds that all durations of `name` add up to."""
        with self._lock:
            return self._spent[name] * 1e-6

    def snapshot(self) -> Snapshot:
        """A consistent reading of everything."""
        now = perf_counter()
        since = now - _RATE_SECONDS
        with self._lock:
            owners = dict(self._owners)
        texts = {name: owner() for name, owner in owners.items()}  # an owner may have a lock
        with self._lock:
            motion, style, engine, resolve = map(self._ms, ("motion", "style", "engine", "resolve"))
            passed, skipped = self._counts["engine"], self._counts["skipped"]
            return Snapshot(
                fps_in=self._rate("in", since),
                fps_engine=self._rate("engine", since),
                fps_out=self._rate("out", since),
                fps_spared=self._rate("skipped", since),
                motion_latency_ms_p50=motion[0],
                motion_latency_ms_p95=motion[1],
                style_latency_ms_p50=style[0],
                style_latency_ms_p95=style[1],
                engine_ms_p50=engine[0],
                engine_ms_p95=engine[1],
                resolve_ms_p50=resolve[0],
                mask_ms_p50=self._ms("mask")[0],
                patched=self._counts["patched"] / max(passed, 1),
                patch_ms_p50=self._ms("patch")[0],
                skipped=skipped / max(passed + skipped, 1),
                dropped=sum(queue.dropped for queue in self._drop_sources),
                repeats=self._counts["repeats"],
                frames_in=self._counts["in"],
                frames_out=self._counts["out"],
                seconds=now - self.started_at,
                look=texts.get("look", ""),
                memory=texts.get("memory", ""),
                resolve=texts.get("resolve", ""),
                mask=texts.get("mask", ""),
                curtain=texts.get("curtain", ""),
                notice=self.notices.for_users(),
                film_done=self._film_done,
                film_seconds=self._film_seconds,
                film_frames=self._film_frames,
            )

    def _ms(self, name: str) -> tuple[float, float]:
        """The median and the 95th percentile."""
        ordered = sorted(self._durations.get(name, ()))
        return percentile(ordered, 50) * 1e3, percentile(ordered, 95) * 1e3

    def _rate(self, name: str, since: float) -> float:
        marks = self._marks.get(name, ())
        recent = [mark for mark in marks if mark >= since]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-9)


class Drops(Protocol):
    """Anything that counts what it dropped."""

    dropped: int


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest-rank percentile of ascending values; 0.0 if there are none."""
    if not ordered:
        return 0.0
    rank = max(0, -(-len(ordered) * percent // 100) - 1)
    return ordered[int(rank)]
