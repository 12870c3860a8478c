"""DeviceRunner: one frame over buffers on a device that torch drives, whoever computes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engines.api import Embedding
from engines.backends import Conditioning, State
from engines.backends._device_buffers import FrameBuffers
from engines.backends._torch_placement import Placement
from engines.backends._torch_stream import DeviceStream
from engines.errors import EngineError, EngineFailed, quoted

_CLOSED = "the engine is closed; build another one"


class Text(Protocol):
    """A model's text encoders, ready on the device. `encode` from any thread."""

    def encode(self, tokens_NT: NDArray[np.int64]) -> Embedding:
        """See engines.backends.Runner."""
        ...

    def close(self) -> None:
        """No more prompts come."""
        ...


class DeviceRunner:
    """See engines.backends.Runner. The state never leaves the device."""

    def __init__(
        self,
        placement: Placement,
        stream: DeviceStream,
        buffers: FrameBuffers,
        phases: Sequence[Callable[[], None]],
        text: Text | None,
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
        """See Runner."""
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
        """See Runner."""
        buffers, stream = self._open_buffers(), self._stream
        with failures_as(EngineFailed, self._placement), stream.current():
            stream.begin()
            buffers.frame.fill(frame_HWC)
            buffers.condition(conditioning, cold=cold)
            stream.mark()
            self._advance(buffers, cold=cold)
            stream.mark()
            buffers.start_download()
            stream.mark()
        self._pictures.append(out_HWC)

    def finish(self) -> None:
        """See Runner. The host waits once: for the download."""
        out_HWC = self._pictures.popleft()
        with failures_as(EngineFailed, self._placement):
            slot = self._stream.wait()
        self._open_buffers().picture_into(out_HWC, slot)

    @torch.inference_mode()
    def state(self) -> State:
        """See Runner."""
        with failures_as(EngineFailed, self._placement), self._stream.current():
            return self._open_buffers().state(self._frames)

    @torch.inference_mode()
    def restore(self, state: State) -> None:
        """See Runner."""
        with failures_as(EngineFailed, self._placement), self._stream.current():
            self._open_buffers().restore(state, self._frames)

    def stage_ms(self) -> Mapping[str, float]:
        """See Runner: upload, step and download, by the device's own clock where it has one."""
        return self._stream.stage_ms

    def close(self) -> None:
        """See Runner. The memory goes back to torch, which gives it to the next engine."""
        if self._text is not None:
            self._text.close()
        if self._buffers is not None:
            self._stream.close()
        self._phases = []
        self._buffers = self._text = None

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


@contextmanager
def failures_as(kind: type[EngineError], placement: Placement) -> Iterator[None]:
    """What torch raises, as `kind` that names the device and the fix."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise kind(
            f"torch on {placement.device}: out of memory ({_first_line(error)}). "
            "Choose a smaller --size or fewer steps, or close what else uses the device."
        ) from error
    except RuntimeError as error:
        advice = {
            "eager": "A smaller --size needs less of the device.",
            "graph": "A smaller --size needs less of the device; execution 'eager' needs no graph.",
            "compile": "If torch.compile cannot work here, use another execution, or 'auto'.",
        }
        raise kind(
            f"torch on {placement.device}, execution {quoted(placement.execution)}: "
            f"{_first_line(error)}. {advice[placement.execution]}"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = (line.strip(" .") for line in str(error).splitlines())
    return next((line for line in lines if line), repr(error))
