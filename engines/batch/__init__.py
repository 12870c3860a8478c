"""Batch: many cameras on one device and one set of networks, their rows in one UNet call.

Each camera has a Seat, and its pictures are those that an engine of its own would make: every row
carries its own level, noise, coefficients and prompt, and no network mixes rows. numpy only;
importing this module loads no framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from weakref import WeakSet

import numpy as np

from engines.api import Embedding, EngineSpec, Params, Picture
from engines.batch.devices import open_device
from engines.batch.rows import NullRows, Rows, SharedRows
from engines.batch.seat import Seat as Seat  # `Batch.open` returns one
from engines.choice import backends_for
from engines.errors import BackendUnavailable, EngineFailed, InvalidSpec, quoted
from engines.memory import hold, let_go
from engines.recipe import Recipe
from engines.remedies import on_what_is_left

CAPACITY_MAX = 64

Prompt = Embedding  # of `Batch.encode`, for `Params`


def build_batch(spec: EngineSpec, capacity: int) -> Batch:
    """A ready batch for the cameras that `spec` fits. Takes seconds; minutes for a new model.

    capacity  the most cameras in one call, 1 to CAPACITY_MAX

    "auto" is torch where an engine would run on a GPU, else OpenVINO. Raises `InvalidSpec`,
    `ModelUnavailable` or `BackendUnavailable`; the last for TensorRT, and for precision "fp8".
    """
    if not 1 <= capacity <= CAPACITY_MAX:
        raise InvalidSpec(f"capacity {capacity} must be from 1 to {CAPACITY_MAX}.")
    spec = on_what_is_left(spec)
    if spec.backend == "null":
        return Batch(spec, capacity, NullRows(spec))
    if spec.live_loras:
        names = ", ".join(quoted(source) for source in spec.live_loras)
        raise BackendUnavailable(
            f"live LoRAs ({names}) change the UNet, which the cameras of a batch share. Name them "
            "in fused_loras, or fuse them."
        )
    if spec.precision == "fp8":
        raise BackendUnavailable(
            "precision 'fp8' is TensorRT's, whose UNet calls cameras cannot share. Use 'auto'."
        )
    model = Recipe(spec).model
    if spec.backend == "auto":
        wanted = backends_for(spec, model)[0]
        spec = replace(spec, backend="torch" if wanted == "tensorrt" else wanted)
    device = open_device(spec.backend)(model, spec, capacity)
    return Batch(spec, capacity, SharedRows(spec, model, device))


class Batch:
    """`run` by one thread at a time, others wait for it; `open`, `encode` and `Seat.close` by any.

    spec      with every "auto" replaced by what was chosen
    capacity  the most cameras in one call; there may be more seats
    delay     frames between an input of a seat and the output that shows it
    label     model, backend, device and precision for people
    """

    def __init__(self, spec: EngineSpec, capacity: int, rows: Rows) -> None:
        """From `build_batch`. Closes `rows`."""
        self.capacity = capacity
        self._rows = rows
        self._seats: WeakSet[Seat] = WeakSet()
        self._lock = Lock()  # held while a call runs, and by `close`
        self._closed = False
        first = rows.open(self)
        self.spec, self.delay, self.label = (
            first.engine.spec,
            first.engine.delay,
            first.engine.label,
        )
        first.close()
        hold(self, self.spec.device)

    def open(self) -> Seat:
        """A camera's place, which costs no more than its frames in flight. Raises `EngineFailed`
        once the batch is closed."""
        if self._closed:
            raise EngineFailed(_CLOSED)
        seat = self._rows.open(self)
        self._seats.add(seat)
        return seat

    def encode(self, prompt: str) -> Embedding:
        """As `Engine.encode`: cached, for all seats. Raises `InvalidPrompt`, `EngineFailed`."""
        if self._closed:
            raise EngineFailed(_CLOSED)
        return self._rows.encode(prompt)

    def run(self, frames: Sequence[tuple[Seat, Picture, Params]]) -> list[Picture]:
        """Restyle one frame of each of 1 to `capacity` cameras, uint8 (H, W, 3) RGB of the spec's
        size; the pictures in the same order, which are the caller's.

        Raises `InvalidSpec` for a call that is wrong in any part, and then nothing was done.
        Raises `EngineFailed`; its seats then begin anew with their next frames.
        """
        with self._lock:
            self._check(frames)
            seats = [seat for seat, _, _ in frames]
            try:
                for seat, frame, params in frames:
                    seat.start(frame, params)
                self._rows.compute(seats)
                return [seat.finish() for seat in seats]
            except BaseException:
                for seat in seats:
                    seat.restart()
                raise

    def close(self) -> None:
        """Free the device, once a call that runs is done; its seats are closed too. May be called
        twice, from any thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for seat in list(self._seats):
                seat.close()
            let_go(self)
            self._rows.close()

    def _check(self, frames: Sequence[tuple[Seat, Picture, Params]]) -> None:
        if self._closed:
            raise EngineFailed(_CLOSED)
        if not 1 <= len(frames) <= self.capacity:
            raise InvalidSpec(
                f"{len(frames)} frames given to a batch of 1 to {self.capacity} cameras a call."
            )
        if len({id(seat) for seat, _, _ in frames}) < len(frames):
            raise InvalidSpec("a seat is twice in one call: its second frame follows the first.")
        shape = (self.spec.height, self.spec.width, 3)
        for number, (seat, frame, params) in enumerate(frames):
            if seat.owner is not self or seat.closed:
                problem = "is closed" if seat.owner is self else "is of another batch"
                raise InvalidSpec(f"frame {number} of the call: its seat {problem}.")
            if frame.shape != shape or frame.dtype != np.uint8:
                raise InvalidSpec(
                    f"frame {number} of the call, of shape {frame.shape} and type {frame.dtype}, "
                    f"given to a batch for {self.spec.width}x{self.spec.height} RGB uint8."
                )
            self._rows.check(params)


_CLOSED = "the batch is closed; build another one"
