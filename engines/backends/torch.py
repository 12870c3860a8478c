"""torch: the frame step itself on any device torch knows, read from model folders directly.

On CUDA the whole step is one CUDA graph; elsewhere it runs eagerly; torch.compile is an option of
both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.api import Embedding, EngineSpec
from engines.backends import Conditioning
from engines.backends._torch_buffers import FrameBuffers, Shapes, input_shapes
from engines.backends._torch_cuda import CudaStream, capture, open_stream
from engines.backends._torch_placement import Placement, place
from engines.backends._torch_text import TextNetwork
from engines.errors import BackendUnavailable, EngineError, EngineFailed
from engines.families import family
from engines.frame_step import FrameStep, Networks
from engines.model import Model

Step = Callable[..., tuple[Tensor, ...]]
_CLOSED = "the engine is closed; build another one"


def build_runner(model: Model, spec: EngineSpec) -> TorchRunner:
    """Load the networks onto the device. Raises `BackendUnavailable`, `ModelUnavailable`."""
    placement = place(spec)
    if placement.device.type == "cpu" and spec.threads:
        torch.set_num_threads(spec.threads)  # of the process: torch has no narrower setting
    with _failures_as(BackendUnavailable, placement):
        networks, text_encoder = load_networks(model, placement)
        step = FrameStep(
            networks,
            steps=spec.steps,
            guidance_mode=spec.guidance_mode,
            batching=spec.batching,
            dtype=placement.dtype,
        )
        # float16 on a GPU halves what a large text encoder takes of its memory.
        text_type = placement.dtype if placement.device.type == "cuda" else torch.float32
        text = TextNetwork(text_encoder, text_type, open_stream(placement.device))
    return TorchRunner(step, input_shapes(step.signature, model, spec), placement, text)


def load_networks(model: Model, placement: Placement) -> tuple[Networks, nn.Module]:
    """The networks, placed, and the text encoder, float32 on the CPU."""
    networks, text_encoder = family(model.family).load(model)
    networks.to(placement.device, placement.dtype)
    networks.to(memory_format=placement.layout)  # type: ignore[call-overload]  # stub lacks it
    return networks, text_encoder


class TorchRunner:
    """See engines.backends.Runner. The state never leaves the device."""

    def __init__(
        self, step: FrameStep, shapes: Shapes, placement: Placement, text: TextNetwork | None
    ) -> None:
        """`step` is on the device already. Warms it up, and captures or compiles it.

        Raises `BackendUnavailable` if that does not work.
        """
        self.precision = placement.precision
        self.device = str(placement.device)
        self.execution = placement.execution
        self._placement = placement
        self._text = text
        self._stream = open_stream(placement.device, urgent=True)
        with _failures_as(BackendUnavailable, placement), self._stream.current():
            buffers = FrameBuffers(step.signature, shapes, placement, self._stream)
            # One function a phase: runs the step over the buffers.
            self._phases = self._prepare(step, buffers)
        self._buffers: FrameBuffers | None = buffers
        self._detailed = bool(step.signature.delayed)
        self._frames = 0

    def encode_tokens(self, tokens_NT: NDArray[np.int64]) -> Embedding:
        """See Runner."""
        text = self._text
        if text is None:
            raise EngineFailed(_CLOSED)
        with _failures_as(EngineFailed, self._placement):
            return text.encode(tokens_NT)

    @torch.inference_mode()
    def run(
        self,
        frame_HWC: NDArray[np.uint8],
        conditioning: Conditioning,
        out_HWC: NDArray[np.uint8],
        *,
        cold: bool,
    ) -> None:
        """See Runner. The host waits once: for the download."""
        buffers, stream = self._buffers, self._stream
        if buffers is None:
            raise EngineFailed(_CLOSED)
        with _failures_as(EngineFailed, self._placement), stream.current():
            stream.begin()
            buffers.frame.fill(frame_HWC)
            buffers.condition(conditioning, cold=cold)
            stream.mark()
            self._advance(buffers, cold=cold)
            stream.mark()
            buffers.start_download()
            stream.mark()
            stream.wait()
        buffers.picture_into(out_HWC)

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

    def _advance(self, buffers: FrameBuffers, *, cold: bool) -> None:
        phase = self._frames % buffers.phases
        self._frames += 1
        if cold and self._detailed:
            # The detail path has nothing from K frames ago yet: this frame's maps stand in.
            self._phases[phase]()
            buffers.fill_ring(phase)
        self._phases[phase]()

    @torch.inference_mode()
    def _prepare(self, step: FrameStep, buffers: FrameBuffers) -> list[Callable[[], None]]:
        run = _compiled(step) if self._placement.execution == "compile" else step
        calls = [partial(_run_phase, run, buffers, phase) for phase in range(buffers.phases)]
        if self._placement.captured:
            assert isinstance(self._stream, CudaStream)
            return capture(calls, self._stream)
        for call in calls:
            call()  # compiles; on a GPU, loads kernels
        return list(calls)


def _compiled(step: FrameStep) -> Step:
    """Static shapes, no graph break, and no CUDA graphs of its own: `capture` makes them."""
    options: dict[str, Any] = {"fullgraph": True, "dynamic": False}
    if "isolate_recompiles" in signature(torch.compile).parameters:
        # Else the engines of a process share one limit, of eight ways to compile a frame step.
        options["isolate_recompiles"] = True
    compiled: Step = torch.compile(step, **options)
    return compiled


def _run_phase(step: Step, buffers: FrameBuffers, phase: int) -> None:
    buffers.keep(phase, step(*buffers.inputs(phase)))


@contextmanager
def _failures_as(kind: type[EngineError], placement: Placement) -> Iterator[None]:
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
            f"torch on {placement.device}, execution {placement.execution!r}: "
            f"{_first_line(error)}. {advice[placement.execution]}"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = (line.strip(" .") for line in str(error).splitlines())
    return next((line for line in lines if line), repr(error))
