"""Rows: what a batch opens its seats on, and what computes their frames in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from engines.api import Embedding, EngineSpec, Params
from engines.backends.null import NullEngine
from engines.batch.devices import Device
from engines.batch.seat import Seat, WaitingRunner
from engines.batch.step import CameraStep
from engines.errors import InvalidSpec
from engines.model import Model
from engines.prompts import PromptEncoder
from engines.step.schedule import timesteps_from_t_index
from engines.stream import StreamEngine


class Rows(Protocol):
    """Of one spec. `compute` and `close` by one thread at a time, the rest by any."""

    def open(self, owner: object) -> Seat:
        """A seat of the batch `owner`."""
        ...

    def encode(self, prompt: str) -> Embedding:
        """As `Engine.encode`."""
        ...

    def check(self, params: Params) -> None:
        """Raises `InvalidSpec` for what no seat can show: nothing was started then."""
        ...

    def compute(self, seats: Sequence[Seat]) -> None:
        """The frames that these seats were given. Raises `EngineFailed`."""
        ...

    def close(self) -> None:
        """Free the device. May be called twice."""
        ...


class SharedRows:
    """Over a model's networks on a device, which they share."""

    def __init__(self, spec: EngineSpec, model: Model, device: Device) -> None:
        """Raises `BackendUnavailable` for a frame step whose rows cannot share a call."""
        self._spec = spec
        # Seats encode nothing and restyle no parts: they need neither's description.
        self._model = replace(model, tokenizer_files=(), patches=None)
        self._device = device
        self._step = CameraStep(device, model, spec)
        self._prompts = PromptEncoder(
            model.tokenizer_files, device.encode_tokens, model.tokens, spec.prompt_chunks
        )
        self._words_TD = (model.tokens * spec.prompt_chunks, model.width)

    def open(self, owner: object) -> Seat:
        device = self._device
        runner = WaitingRunner(device, self._step.names)
        return Seat(owner, StreamEngine(self._spec, self._model, runner), runner)

    def encode(self, prompt: str) -> Embedding:
        return self._prompts.encode(prompt)

    def check(self, params: Params) -> None:
        for name, words in (("prompt", params.prompt), ("negative", params.negative)):
            pooled = self._model.pooled
            width = 0 if words.pooled_P is None else words.pooled_P.size
            if words.tokens_TD.shape != self._words_TD or (pooled and width != pooled):
                raise InvalidSpec(
                    f"{name} of shape {words.tokens_TD.shape} given to a batch whose prompts have "
                    f"{self._words_TD}. Use what its own `encode` returns."
                )
        if params.t_index is not None:
            timesteps_from_t_index(params.t_index, self._spec.steps)

    def compute(self, seats: Sequence[Seat]) -> None:
        runners = [seat.runner for seat in seats if seat.runner is not None]
        with self._device.computing():
            flights = self._step.run([runner.waiting() for runner in runners])
        for runner, flight in zip(runners, flights, strict=True):
            runner.flight = flight

    def close(self) -> None:
        self._device.close()


class NullRows:
    """Over nothing: each seat is an engine that shows its input."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._encode = NullEngine(spec).encode

    def open(self, owner: object) -> Seat:
        return Seat(owner, NullEngine(self._spec), None)

    def encode(self, prompt: str) -> Embedding:
        return self._encode(prompt)

    def check(self, params: Params) -> None:
        """It reads none."""

    def compute(self, seats: Sequence[Seat]) -> None:
        """Done when the seats were given their frames."""

    def close(self) -> None: ...
