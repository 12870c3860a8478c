"""DeviceRunner: one frame over buffers on a device that torch drives, for torch and TensorRT."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

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

_CLOSED = "the engine is closed; build another one"


class TextEncoders(Protocol):
    """A model's text encoders, ready on the device. `encode` from any thread."""

    def encode(self, tokens_NT: NDArray[np.int64]) -> Embedding: ...

    def close(self) -> None:
        """No more prompts come."""
        ...


class DeviceRunner:
    """The state never leaves the device."""

    def __init__(
        self,
        placement: Placement,
        stream: DeviceStream,
        buffers: FrameBuffers,
        phases: Sequence[Callable[[], None]],
        text: TextEncoders | None,
    ) -> None:
        """`phases`: one function for each of `buffers.phases`, in the order of frames; queues the
        step over the buffers."""
        self.precision = placement.precision
        self.device = str(placement.device)
        self.execution = placement.execution
        self._placement = placement
        self._stream = stream
        self._buffers: FrameBuffers | None = buffers
        self._phases = list(phases)
        self._text = text
        self._frames = 0
        self._pictures: deque[NDArray[np.uint8]] = deque()  # of frames started and not finished

    def encode_tokens(self, tokens_NT: NDArray[np.int64]) -> Embedding:
        text = self._text
        if text is None:
            raise EngineFailed(_CLOSED)
        with failures_as(EngineFailed, self._placement):
            return text.encode(tokens_NT)

    @torch.inference_mode()
    def start(
        self,
        frame_HWC: NDArray[np.uint8],
        conditioning: Conditioning,
        out_HWC: NDArray[np.uint8],
        *,
        cold: bool,
    ) -> None:
        buffers, stream = self._open_buffers(), self._stream
        with failures_as(EngineFailed, self._placement), stream.current():
            stream.begin()
            buffers.fill(frame_HWC, conditioning)
            stream.mark()
            buffers.start_upload(cold=cold)
            stream.mark()
            self._advance(buffers, cold=cold)
            stream.mark()
            buffers.start_download()
            stream.mark()
        self._pictures.append(out_HWC)

    def finish(self) -> None:
        """The host waits once: for the download."""
        out_HWC = self._pictures.popleft()
        with failures_as(EngineFailed, self._placement):
            slot = self._stream.wait()
        self._open_buffers().picture_into(out_HWC, slot)

    @torch.inference_mode()
    def state(self) -> State:
        with failures_as(EngineFailed, self._placement), self._stream.current():
            return self._open_buffers().state(self._frames)

    @torch.inference_mode()
    def restore(self, state: State) -> None:
        with failures_as(EngineFailed, self._placement), self._stream.current():
            self._open_buffers().restore(state, self._frames)

    def stage_ms(self) -> Mapping[str, float]:
        """Upload, step and download, by the device's own clock where it has one."""
        return self._stream.stage_ms

    def close(self) -> None:
        """Memory that torch does not use then is free for other programs a moment later."""
        text, self._text = self._text, None
        buffers, self._buffers = self._buffers, None
        self._phases = []  # let go first: a device that failed raises below
        if text is not None:
            text.close()
        if buffers is not None:
            self._stream.close()
            del buffers, text
            give_back_later(self._placement.device)

    def _open_buffers(self) -> FrameBuffers:
        if self._buffers is None:
            raise EngineFailed(_CLOSED)
        return self._buffers

    def _advance(self, buffers: FrameBuffers, *, cold: bool) -> None:
        phase = self._frames % buffers.phases
        self._frames += 1
        if cold and buffers.detailed:
            # The detail path has nothing from K frames ago yet: this frame's maps stand in.
            self._phases[phase]()
            buffers.fill_ring(phase)
        self._phases[phase]()
