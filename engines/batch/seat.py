"""Seat: one camera's place in a Batch. What its frames become is decided as in any engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.api import Embedding, Engine, Params, Picture
from engines.backends import Conditioning, State
from engines.batch.devices import Device
from engines.batch.step import Array, Flight, Shot
from engines.errors import EngineFailed
from engines.patches import Size


class WaitingRunner:
    """A Runner whose frames are not computed by `start`, but by the next call of the batch.

    flight  the camera's frames in flight; None before the first
    """

    patches: Sequence[Size] = ()

    def __init__(self, device: Device, names: Sequence[str]) -> None:
        """`names`: of the conditioning that the step reads."""
        self.device, self.precision = device.device, device.precision
        self.execution = device.execution
        self.flight: Flight | None = None
        self._shot: Shot | None = None
        self._place = device.place
        self._names = names
        # By name: an array that was given, and the same where the networks are.
        self._placed: dict[str, tuple[NDArray[np.float32], Array]] = {}

    def waiting(self) -> Shot:
        """The frame that was started."""
        assert self._shot is not None
        return self._shot

    def encode_tokens(
        self, tokens_NT: NDArray[np.int64], lora_N: NDArray[np.float32] | None = None
    ) -> Embedding:
        """The batch encodes for all its seats."""
        raise EngineFailed("a seat encodes no prompts; its batch does")

    def start(
        self,
        frame_HWC: Picture,
        conditioning: Conditioning,
        out_HWC: Picture,
        *,
        cold: bool,
    ) -> None:
        """An array is placed again only when it is another object than on the call before."""
        for name in self._names:
            value = conditioning[name]
            placed = self._placed.get(name)
            if placed is None or placed[0] is not value:
                self._placed[name] = (value, self._place(value))
        given = {name: self._placed[name][1] for name in self._names}
        self._shot = Shot(frame_HWC, given, None if cold else self.flight, out_HWC)

    def finish(self) -> None:
        self._shot = None

    def add_patch(self, size: Size) -> None:
        """Frames of a batch are whole."""

    def state(self) -> State:
        raise EngineFailed("a seat's frames stay in its batch")

    def restore(self, state: State) -> None:
        raise EngineFailed("a seat's frames stay in its batch")

    def stage_ms(self) -> Mapping[str, float]:
        return {}

    def close(self) -> None:
        """What the seat held goes with it."""


class Seat:
    """One camera's state in a Batch: its frames in flight, their levels, its noise. From
    `Batch.open`, which only its own batch takes.

    Frames of one seat are successive frames of one camera. `close` from any thread; the rest
    belongs to the batch.

    closed  its batch takes no more frames of it
    """

    def __init__(self, owner: object, engine: Engine, runner: WaitingRunner | None) -> None:
        """`runner` is the engine's, if its frames wait for a call of `owner`."""
        self.owner = owner
        self.engine = engine
        self.runner = runner
        self.closed = False
        self._started = False

    def start(self, frame: Picture, params: Params) -> None:
        """The frame that the call is to compute."""
        self.engine.start(frame, params)
        self._started = True

    def finish(self) -> Picture:
        """Its picture, which is the caller's."""
        self._started = False
        return self.engine.finish()

    def restart(self) -> None:
        """Forget the frames in flight, and one that was started: the next picture is as that of a
        new seat."""
        if self._started:
            self.finish()
        self.engine.restart()

    def close(self) -> None:
        """May be called twice, and while a call computes a frame of it."""
        if not self.closed:
            self.closed = True
            self.engine.close()
