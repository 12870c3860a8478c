"""DeviceRunner: one frame over buffers on a device that torch drives, for torch and TensorRT."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engines.api import Embedding
from engines.backends import Conditioning, State
from engines.backends.torch.failures import failures_as
from engines.backends.torch.frame_buffers import FrameBuffers
from engines.backends.torch.memory import give_back_later
from engines.backends.torch.placement import Placement
from engines.backends.torch.stream import DeviceStream
from engines.errors import EngineFailed
from engines.patches import Size

_CLOSED = "the engine is closed; build another one"


class TextEncoders(Protocol):
    """A model's text encoders, ready on the device. `encode` from any thread."""

    def encode(
        self, tokens_NT: NDArray[np.int64], lora_N: NDArray[np.float32] | None
    ) -> Embedding: ...

    def close(self) -> None:
        """No more prompts come."""
        ...


class Bound(NamedTuple):
    """A frame step for one size of frames: its buffers, and one function for each of their phases,
    in the order of frames, that queues the step over them."""

    buffers: FrameBuffers
    phases: Sequence[Callable[[], None]]


class DeviceRunner:
    """The state never leaves the device."""

    def __init__(
        self,
        placement: Placement,
        stream: DeviceStream,
        whole: Bound,
        text: TextEncoders | None,
    ) -> None:
        self.precision = placement.precision
        self.device = str(placement.device)
        self.execution = placement.execution
        self._placement = placement
        self._stream = stream
        self._whole: Bound | None = whole
        self._parts: dict[Size, Bound] = {}  # replaced as a whole, by whoever adds one
        self._text = text
        self._frames = 0
        # Of frames started and not finished: where each picture goes, and out of which buffers.
        self._pictures: deque[tuple[NDArray[np.uint8], FrameBuffers]] = deque()

    @property
    def patches(self) -> Sequence[Size]:
        return tuple(self._parts)

    def add_patch(self, size: Size) -> None:
        """Plans have none: where they run, a frame takes a few milliseconds."""

    def encode_tokens(
        self, tokens_NT: NDArray[np.int64], lora_N: NDArray[np.float32] | None = None
    ) -> Embedding:
        text = self._text
        if text is None:
            raise EngineFailed(_CLOSED)
        with failures_as(EngineFailed, self._placement):
            return text.encode(tokens_NT, lora_N)

    @torch.inference_mode()
    def start(
        self,
        frame_HWC: NDArray[np.uint8],
        conditioning: Conditioning,
        out_HWC: NDArray[np.uint8],
        *,
        cold: bool,
    ) -> None:
        bound, stream = self._bound_for((frame_HWC.shape[1], frame_HWC.shape[0])), self._stream
        buffers = bound.buffers
        with failures_as(EngineFailed, self._placement), stream.current():
            stream.begin()
            buffers.fill(frame_HWC, conditioning)
            stream.mark()
            buffers.start_upload(cold=cold)
            stream.mark()
            self._advance(bound, cold=cold)
            stream.mark()
            buffers.start_download()
            stream.mark()
        self._pictures.append((out_HWC, buffers))

    def finish(self) -> None:
        """The host waits once: for the download."""
        self._open()
        out_HWC, buffers = self._pictures.popleft()
        with failures_as(EngineFailed, self._placement):
            slot = self._stream.wait()
        buffers.picture_into(out_HWC, slot)

    @torch.inference_mode()
    def state(self) -> State:
        with failures_as(EngineFailed, self._placement), self._stream.current():
            return self._open().buffers.state(self._frames)

    @torch.inference_mode()
    def restore(self, state: State) -> None:
        with failures_as(EngineFailed, self._placement), self._stream.current():
            self._open().buffers.restore(state, self._frames)

    def stage_ms(self) -> Mapping[str, float]:
        """Upload, step and download, by the device's own clock where it has one."""
        return self._stream.stage_ms

    def close(self) -> None:
        """Memory that torch does not use then is free for other programs a moment later."""
        text, self._text = self._text, None
        whole, self._whole = self._whole, None
        self._parts = {}  # let go first: a device that failed raises below
        if text is not None:
            text.close()
        if whole is not None:
            self._stream.close()
            self._pictures.clear()
            del whole, text
            give_back_later(self._placement.device)

    def _open(self) -> Bound:
        if self._whole is None:
            raise EngineFailed(_CLOSED)
        return self._whole

    def _bound_for(self, size: Size) -> Bound:
        whole = self._open()
        return self._parts.get(size, whole)

    def _advance(self, bound: Bound, *, cold: bool) -> None:
        buffers, phases = bound
        phase = self._frames % buffers.phases
        self._frames += 1
        if cold and buffers.detailed:
            # The detail path has nothing from K frames ago yet: this frame's maps stand in.
            phases[phase]()
            buffers.fill_ring(phase)
        phases[phase]()
