"""Machine: the device of a replica, whose thread computes one frame of each session at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread
from time import perf_counter
from typing import Any, Protocol

from engines.api import Embedding, EngineSpec, Params, Picture

logger = logging.getLogger("streamcam.serve")


class Batch(Protocol):
    """As engines/batch has it. `run` on one thread, the rest on any."""

    spec: EngineSpec
    capacity: int

    def open(self) -> Any: ...  # noqa: ANN401  # a seat, which only its batch reads
    def encode(self, prompt: str) -> Embedding: ...
    def run(self, frames: Sequence[tuple[Any, Picture, Params]]) -> Sequence[Picture]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a frame. Without a picture: `failed` says why, or "" where a newer frame took
    its place. Seconds that it `waited` for the device, which `took` so many."""

    picture: Picture | None
    failed: str = ""
    waited: float = 0.0
    took: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A frame. `done` is called on the machine's thread, or on that of `offer` or `leave`."""

    frame: Picture
    params: Params
    done: Callable[[Result], None]
    since: float


@dataclass(slots=True, eq=False)
class Place:
    """A session's, with the frame that waits. `turn` is the call that last took one of its, which
    is `busy` with it; `left` then says that the session has ended."""

    seat: Any
    waiting: Job | None = None
    turn: int = 0
    busy: bool = False
    left: bool = False


class Machine:
    """Of each session one frame waits at most, and a newer one takes its place. Whenever the device
    is free it takes what waits, of those first who were served longest ago, and never waits for
    more. From any thread.

    failure  why it computes no more; "" while it does
    """

    def __init__(self, batch: Batch) -> None:
        self.failure = ""
        self._batch = batch
        self._changed = Condition()
        # Protected by _changed:
        self._places: list[Place] = []
        self._closed = False
        self._turn = 0
        self._thread = Thread(target=self._work, name="device", daemon=True)
        self._thread.start()

    @property
    def spec(self) -> EngineSpec:
        return self._batch.spec

    def encode(self, prompt: str) -> Embedding:
        """Raises `EngineError`."""
        return self._batch.encode(prompt)

    def enter(self) -> Place:
        """A session begins. Raises `EngineError`."""
        place = Place(self._batch.open())
        with self._changed:
            place.turn = self._turn
            self._places.append(place)
        return place

    def leave(self, place: Place) -> None:
        """It ends. What waits is not computed."""
        with self._changed:
            self._places.remove(place)
            unwanted, place.waiting = place.waiting, None
            place.left = True
            busy = place.busy
        if unwanted is not None:
            unwanted.done(Result(None))
        if not busy:  # else the call does that
            place.seat.close()

    def offer(self, place: Place, job: Job) -> None:
        """The newest frame of a session."""
        with self._changed:
            before, place.waiting = place.waiting, job
            self._changed.notify()
        if before is not None:
            before.done(Result(None))

    def close(self) -> None:
        """End the thread after what it is at, and free the device. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while taken := self._take():
            began = perf_counter()
            jobs = [job for _, job in taken]
            try:
                frames = [(place.seat, job.frame, job.params) for place, job in taken]
                made: Sequence[Picture | None] = self._batch.run(frames)
            # A device that fails may do so in any way; the replica is then made anew.
            except Exception as error:
                logger.exception("the engine failed")
                self.failure = f"the engine failed: {type(error).__name__}"
                made = [None] * len(jobs)
            now = perf_counter()
            for job, picture in zip(jobs, made, strict=True):
                failed = self.failure if picture is None else ""
                job.done(Result(picture, failed, began - job.since, now - began))
            self._let_go([place for place, _ in taken])
        self._batch.close()

    def _let_go(self, places: Sequence[Place]) -> None:
        with self._changed:
            for place in places:
                place.busy = False
            left = [place for place in places if place.left]
        for place in left:
            place.seat.close()

    def _take(self) -> list[tuple[Place, Job]]:
        """Waits for a frame; none once it is closed."""
        with self._changed:
            while not (waiting := [one for one in self._places if one.waiting]):
                if self._closed:
                    return []
                self._changed.wait()
            if self._closed:
                return []
            self._turn += 1
            waiting.sort(key=lambda place: place.turn)
            taken: list[tuple[Place, Job]] = []
            for place in waiting[: self._batch.capacity]:
                assert place.waiting is not None
                taken.append((place, place.waiting))
                place.waiting, place.turn, place.busy = None, self._turn, True
            return taken
