"""torch: the frame step itself on any device torch knows, read from model folders directly.

On CUDA the whole step is one CUDA graph; elsewhere it runs eagerly; torch.compile is an option of
both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from engines.api import EngineSpec, Watch
from engines.backends import patchable
from engines.backends.torch.accumulation import (
    half_accumulation,
    is_faster,
    keeps_the_picture,
)
from engines.backends.torch.buffers import CopiedBuffers
from engines.backends.torch.cuda import CudaStream, capture, open_stream
from engines.backends.torch.device_runner import Bound, DeviceRunner, TextEncoders
from engines.backends.torch.failures import failures_as
from engines.backends.torch.memory import limit_to_free
from engines.backends.torch.memory import needs as needs  # part of the contract
from engines.backends.torch.placement import Placement, place
from engines.backends.torch.stream import DeviceStream
from engines.backends.torch.text import TextNetwork
from engines.backends.torch.weights import load_weights
from engines.errors import BackendUnavailable
from engines.model import Model
from engines.model.lora.live import own_copy
from engines.model.shapes import Shapes, input_shapes, patch_shapes
from engines.patches import Size
from engines.step.frame_step import FrameStep, Networks
from engines.step.statistics import given_statistics, keeping_statistics

Step = Callable[..., tuple[Tensor, ...]]


def prepared(model: Model, spec: EngineSpec, watch: Watch) -> Model:
    """As it is: torch reads the folder. Says what takes long."""
    if spec.execution == "compile":
        watch.tell("torch.compile")
    return model


def build_runner(model: Model, spec: EngineSpec) -> TorchRunner:
    """Load the networks onto the device. Raises `BackendUnavailable`, `ModelUnavailable`."""
    placement = place(spec)
    if placement.device.type == "cpu" and spec.threads:
        torch.set_num_threads(spec.threads)  # of the process: torch has no narrower setting
    # To compile takes a minute or two for each size.
    patched = patchable(model, spec) and placement.execution != "compile"
    with failures_as(BackendUnavailable, placement):
        limit_to_free(placement.device)
        weights = load_weights(model, placement)
        networks = own_copy(weights.networks) if model.live_loras else weights.networks
        networks = keeping_statistics(networks) if patched else networks
        step = _step(networks, spec, placement)
        text = TextNetwork(weights, open_stream(placement.device), live=model.text_is_live)
    shapes = input_shapes(step.signature, model, spec)
    part = None
    if patched:
        of_size = partial(patch_shapes, shapes, model)
        part = Part(_step(given_statistics(networks), spec, placement), of_size)
    return TorchRunner(step, shapes, placement, text, part)


def _step(networks: Networks, spec: EngineSpec, placement: Placement) -> FrameStep:
    return FrameStep(
        networks,
        steps=spec.steps,
        guidance_mode=spec.guidance_mode,
        batching=spec.batching,
        dtype=placement.dtype,
    )


class Part(NamedTuple):
    """The frame step for parts of a frame, and its inputs' shapes for a part's size."""

    step: FrameStep
    shapes: Callable[[Size], Shapes]


class TorchRunner(DeviceRunner):
    def __init__(
        self,
        step: FrameStep,
        shapes: Shapes,
        placement: Placement,
        text: TextEncoders | None,
        part: Part | None = None,
    ) -> None:
        """`step` is on the device already. Warms it up, and captures or compiles it.

        part  None: frames are computed whole

        Raises `BackendUnavailable` if that does not work.
        """
        stream = open_stream(placement.device, urgent=True)
        whole = _bound(step, shapes, placement, (stream, stream))
        super().__init__(placement, stream, whole, text)
        self._part = part
        # cuBLAS captures a stream's workspace, so nobody else may be given such a stream.
        self._captured_on: tuple[DeviceStream, ...] = ()

    def add_patch(self, size: Size) -> None:
        """Prepared on a stream of its own, beside frames, and run on theirs."""
        part, placement = self._part, self._placement
        if part is None:
            return
        beside = open_stream(placement.device)
        bound = _bound(part.step, part.shapes(size), placement, (self._stream, beside))
        self._captured_on = (*self._captured_on, beside)
        if self._whole is not None:
            self._parts = {**self._parts, size: bound}

    def close(self) -> None:
        self._part = None
        super().close()
        streams, self._captured_on = self._captured_on, ()
        for stream in streams:
            stream.close()


def _bound(
    step: FrameStep,
    shapes: Shapes,
    placement: Placement,
    streams: tuple[DeviceStream, DeviceStream],
) -> Bound:
    """`step` over buffers of its own. `streams`: that of the frames, and that to prepare on.

    Raises `BackendUnavailable`.
    """
    frames, beside = streams
    with failures_as(BackendUnavailable, placement), beside.current():
        buffers = CopiedBuffers(step.signature, shapes, placement, frames)
        return Bound(buffers, _prepare(step, buffers, placement, beside))


@torch.inference_mode()
def _prepare(
    step: FrameStep, buffers: CopiedBuffers, placement: Placement, stream: DeviceStream
) -> list[Callable[[], None]]:
    """One function a phase: runs the step over the buffers."""
    run = _compiled(step) if placement.execution == "compile" else step
    calls = [partial(_run_phase, run, buffers, phase) for phase in range(buffers.phases)]
    if placement.captured:
        assert isinstance(stream, CudaStream)
        half = placement.half_accumulation and is_faster(placement)
        with half_accumulation(on=half and keeps_the_picture(calls[0], buffers)):
            return capture(calls, stream)
    for call in calls:
        call()  # compiles; on a GPU, loads kernels
    return list(calls)


def _compiled(step: FrameStep) -> Step:
    """Static shapes, no graph break, and no CUDA graphs of its own: `capture` makes them."""
    # Without isolation the engines of a process share one limit, of eight ways to compile a step.
    compiled: Step = torch.compile(  # type: ignore[call-overload]  # it lacks isolate_recompiles
        step, fullgraph=True, dynamic=False, isolate_recompiles=True
    )
    return compiled


def _run_phase(step: Step, buffers: CopiedBuffers, phase: int) -> None:
    buffers.keep(phase, step(*buffers.inputs(phase)))
