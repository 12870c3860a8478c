"""How far a file is that is being rendered: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Self

from streamcam.cli.run.status import Status, clock
from streamcam.cli.terminal import Terminal, one_line
from streamcam.stats import Snapshot

if TYPE_CHECKING:
    from streamcam.presets import Preset

_LIVE_SECONDS, _PLAIN_SECONDS = 0.2, 5.0  # seconds
_WINDOW_SECONDS = 10.0  # seconds that the speed is taken over
_WIDE = 80  # columns from which on there is room for a bar and a name


@dataclass(frozen=True, slots=True)
class Job:
    """What is rendered.

    name    for people
    number  of the file, from 1 on, and how many there are
    """

    name: str
    number: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Reading:
    """How far it is.

    frames, of  pictures done, and about how many there are
    share       of the film that is done, 0 … 1
    fps, speed  pictures a second, and seconds of film in a second
    left        seconds until the end
    What cannot be known is None.
    """

    frames: int
    of: int | None
    share: float | None
    fps: float
    speed: float
    left: float | None

    def __str__(self) -> str:
        """What is most wanted comes first: a narrow terminal cuts off the rest."""
        parts = [] if self.share is None else [f"{self.share:.0%}"]
        if self.left is not None:
            parts.append(f"{clock(self.left)} left")
        of = "" if self.of is None else f" of {self.of}"
        parts += [f"{self.frames}{of} frames", f"{self.fps:.1f} fps", f"{self.speed:.2f}x"]
        return ", ".join(parts)


class Meter:
    """Reads how far a film is. Used by the main thread."""

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self._seen: deque[tuple[float, float, int]] = deque()  # clock, seconds of film, frames

    def read(self, stats: Snapshot) -> Reading:
        """Call it often."""
        done, frames, whole = stats.film_done, stats.frames_out, stats.film_seconds
        if self._seen and not self._seen[-1][2]:  # what the start takes is no part of the speed
            self._seen.clear()
        self._seen.append((self._now(), done, frames))
        while self._seen[-1][0] - self._seen[0][0] > _WINDOW_SECONDS:
            self._seen.popleft()
        began, film, count = self._seen[0]
        took = self._seen[-1][0] - began
        fps, speed = ((frames - count) / took, (done - film) / took) if took else (0.0, 0.0)
        if not whole:
            return Reading(frames, None, None, fps, speed, None)
        share = min(1.0, done / whole)
        left = max(0.0, whole - done) / speed if speed else None
        return Reading(frames, max(frames, stats.film_frames), share, fps, speed, left)


def open_progress(terminal: Terminal, job: Job) -> AbstractContextManager[Status]:
    """The status that suits `terminal`."""
    return ProgressBar(terminal, job) if terminal.interactive else ProgressLines(terminal)


class ProgressLines:
    """One line every five seconds, and one whenever there is something new to notice."""

    def __init__(self, terminal: Terminal, now: Callable[[], float] = perf_counter) -> None:
        self._terminal = terminal
        self._now = now
        self._next = now() + _PLAIN_SECONDS
        self._meter = Meter(now)
        self._notice = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing stays on the screen."""

    def show(self, now: Snapshot, preset: Preset) -> None:
        reading = self._meter.read(now)
        if now.notice != self._notice:
            self._notice = now.notice
            if now.notice:
                self._terminal.say(f"notice: {now.notice}")
        if self._now() >= self._next:
            self._next = self._now() + _PLAIN_SECONDS
            self._terminal.say(f"progress: {reading}")


class ProgressBar:
    """A line at the bottom of the terminal, redrawn in place; gone at the end."""

    def __init__(self, terminal: Terminal, job: Job) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._terminal = terminal
        self._meter = Meter()
        self._next = 0.0
        self._notice = ""
        # No thread of its own draws it: `show` does. What others print goes above it.
        told = TextColumn("{task.fields[told]}", markup=False)
        width = terminal.console.width
        name = TextColumn("{task.description}", markup=False)
        wide = [name, BarColumn(bar_width=None)] if width >= _WIDE else []
        self._bar = Progress(
            SpinnerColumn(),
            *wide,
            told,
            console=terminal.console,
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        number, of = job.number
        which = f"{number}/{of} " if of > 1 else ""
        self._task = self._bar.add_task(
            _shortened(f"{which}{one_line(job.name)}", width // 5), total=None, told=""
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, now: Snapshot, preset: Preset) -> None:
        reading = self._meter.read(now)
        if now.notice != self._notice:
            self._notice = now.notice
            if now.notice:
                self._terminal.say(f"notice: {now.notice}")
        if perf_counter() < self._next:
            return
        self._next = perf_counter() + _LIVE_SECONDS
        total = None if reading.share is None else 1.0
        self._bar.update(self._task, total=total, completed=reading.share or 0, told=str(reading))
        self._bar.refresh()


def _shortened(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"
