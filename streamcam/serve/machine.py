"""Machine: the device of a replica, whose thread computes one frame of each session at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock, Thread
from time import perf_counter
from typing import Any, Protocol

from engines.api import Embedding, EngineSpec, Params, Picture
from engines.batch.batcher import Batcher
from engines.errors import InvalidSpec

logger = logging.getLogger("streamcam.serve")

_PATIENCE = 3600.0  # seconds without a frame, after which the thread looks around


class Batch(Protocol):
    """What is used of engines.batch.Batch. `run` on one thread, the rest on any."""

    spec: EngineSpec
    capacity: int
    label: str

    def open(self) -> Any: ...  # noqa: ANN401  # a seat, which only its batch reads
    def encode(self, prompt: str) -> Embedding: ...
    def run(self, frames: Sequence[tuple[Any, Picture, Params]]) -> list[Picture]: ...
    def close(self) -> None: ...
    def __hash__(self) -> int: ...  # equal only to itself


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
    """A session's seat. While a call is `busy` with it, `left` says that the session has ended."""

    seat: Any
    busy: bool = False
    left: bool = False


class Machine:
    """Of each session one frame waits at most, and a newer one takes its place. Whenever the device
    is free it takes what waits, in turns, and never waits for more. From any thread.

    failure  why its last call failed; "" while none did
    """

    def __init__(self, batch: Batch) -> None:
        """Owns `batch`."""
        self.failure = ""
        self._batch = batch
        self._batcher: Batcher[Job] = Batcher()
        self._closed = False
        self._lock = Lock()  # protects `busy` and `left` of the places
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
        return Place(self._batch.open())

    def leave(self, place: Place) -> None:
        """It ends. What waits is not computed."""
        unwanted = self._batcher.leave(self._batch, place)
        if unwanted is not None:
            unwanted.done(Result(None))
        with self._lock:
            place.left = True
            busy = place.busy
        if not busy:  # else the call does that
            place.seat.close()

    def offer(self, place: Place, job: Job) -> None:
        """The newest frame of a session."""
        unwanted = self._batcher.put(self._batch, place, job)
        if unwanted is not None:
            unwanted.done(Result(None))

    def close(self) -> None:
        """End the thread after what it is at, and free the device. May be called twice."""
        self._closed = True
        self._batcher.close()
        self._thread.join()

    def _work(self) -> None:
        while not self._closed:
            call = self._batcher.take(_PATIENCE)
            if call is not None:
                self._compute([(place, job) for place, job in call.frames if self._begun(place)])
        self._batch.close()

    def _begun(self, place: Any) -> bool:  # noqa: ANN401  # a key of the batcher is a Place
        """False: its session has ended since."""
        with self._lock:
            place.busy = not place.left
            return bool(place.busy)

    def _compute(self, taken: Sequence[tuple[Any, Job]]) -> None:
        if not taken:
            return
        frames = [(place.seat, job.frame, job.params) for place, job in taken]
        began, failed = perf_counter(), ""
        try:
            made: Sequence[Picture | None] = self._batch.run(frames)
        except InvalidSpec as error:
            made, failed = [None] * len(taken), str(error)
        # A device that fails may do so in any way; the replica is then made anew.
        except Exception as error:
            logger.exception("the engine failed")
            made = [None] * len(taken)
            failed = self.failure = f"the engine failed: {type(error).__name__}"
        now = perf_counter()
        for (_, job), picture in zip(taken, made, strict=True):
            job.done(Result(picture, failed, began - job.since, now - began))
        with self._lock:
            for place, _ in taken:
                place.busy = False
            left = [place for place, _ in taken if place.left]
        for place in left:
            place.seat.close()
