"""TensorRT on NVIDIA cards: the whole frame step is one engine, the text encoder another.

Reads the plans that `plans.py` keeps. torch owns the memory and the streams.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from engines.api import EngineSpec, Watch
from engines.artifacts import about, mark_used
from engines.backends.tensorrt.buffers import AlternatingBuffers
from engines.backends.tensorrt.card import card_for, tensorrt_here
from engines.backends.tensorrt.engine import PlanOnDevice
from engines.backends.tensorrt.flavour import Flavour, open_flavour
from engines.backends.tensorrt.plan_process import with_plans
from engines.backends.tensorrt.text import PlannedText
from engines.backends.torch.cuda import CudaStream, capture, warm_up
from engines.backends.torch.device_runner import Bound, DeviceRunner
from engines.backends.torch.failures import failures_as
from engines.backends.torch.memory import free_bytes, give_back, limit_to_free
from engines.backends.torch.placement import Placement
from engines.errors import BackendUnavailable, quoted
from engines.memory import Need
from engines.model import Model, Plans
from engines.model.footprint import working_bytes
from engines.model.shapes import frame_step_signature, input_shapes
from engines.model.shared import Shared

logger = logging.getLogger("engines.backends.tensorrt")

_FLOAT16 = 2  # bytes


def prepared(model: Model, spec: EngineSpec, watch: Watch) -> Model:
    """With its plans, which are built in a child process if they are not there."""
    _check(spec)
    flavour, card = tensorrt_here(spec.device)
    return with_plans(model, spec, flavour, card.target(flavour), watch)


def _check(spec: EngineSpec) -> None:
    """Raise `BackendUnavailable` for what a plan cannot do, before minutes are spent on one."""
    if spec.precision not in ("auto", "float16", "fp8"):
        raise BackendUnavailable(
            f"precision {quoted(spec.precision)}: TensorRT engines are built in float16 or fp8. "
            "Use 'auto', or backend 'torch'."
        )
    if spec.execution == "compile":
        raise BackendUnavailable(
            "execution 'compile' is torch's. Use 'auto', 'graph' or 'eager', or backend 'torch'."
        )


def needs(model: Model, spec: EngineSpec) -> Need | None:
    """A plan holds its weights. How much memory it works with is known when it is loaded. Raises
    `BackendUnavailable`."""
    assert model.plans is not None
    device = _device(spec)
    free = free_bytes(device)
    if free is None:
        return None
    taken = model.plans.frame_step.stat().st_size
    if not _texts.holds(_text_key(model.plans, device)):
        taken += model.plans.text_encoder.stat().st_size
    return Need(str(device), taken + working_bytes(model, spec, _FLOAT16), free)


def build_runner(model: Model, spec: EngineSpec) -> DeviceRunner:
    """Load the plans of `model` onto the card; `prepared` has passed `spec`.

    Raises `BackendUnavailable`.
    """
    assert model.plans is not None
    card_for(spec.device)
    flavour = open_flavour(str(about(model.plans.frame_step.parent)["flavour"]))
    for plan in model.plans:
        mark_used(plan.parent)
    execution = "graph" if spec.execution == "auto" else spec.execution
    precision = "fp8" if spec.precision == "fp8" else "float16"
    placement = Placement(_device(spec), precision, execution, flavour.label)
    return load_runner(flavour, model, spec, placement)


def load_runner(
    flavour: Flavour, model: Model, spec: EngineSpec, placement: Placement
) -> DeviceRunner:
    """`build_runner`, with every choice made."""
    assert model.plans is not None
    device, graph = placement.device, placement.captured
    stream = CudaStream(device, urgent=True)
    step = frame_step_signature(model, spec)
    with failures_as(BackendUnavailable, placement), stream.current():
        give_back(device)  # what torch keeps, TensorRT cannot have
        limit_to_free(device)
        buffers = AlternatingBuffers(step, input_shapes(step, model, spec), stream)
        plan = PlanOnDevice(flavour, model.plans.frame_step, device, graph=graph)
        phases = _prepare(plan, buffers, stream, graph=graph)
        execution = _execution(plan, stream, spec.execution, placement)
        plan.keep_kernels()
        text = _texts.take(
            _text_key(model.plans, device), lambda: _load_text(flavour, model, device)
        )
    placement = replace(placement, execution=execution)
    return DeviceRunner(placement, stream, Bound(buffers, phases), text)


def _device(spec: EngineSpec) -> torch.device:
    index = torch.device("cuda" if spec.device == "auto" else spec.device).index or 0
    return torch.device("cuda", index)


_texts: Shared[PlannedText] = Shared()


def _text_key(plans: Plans, device: torch.device) -> tuple[str, str]:
    """The folder's name is the key of all that shapes the plan."""
    return (str(plans.text_encoder), str(device))


def _load_text(flavour: Flavour, model: Model, device: torch.device) -> PlannedText:
    assert model.plans is not None
    plan = PlanOnDevice(flavour, model.plans.text_encoder, device, graph=False)
    return PlannedText(plan, model, CudaStream(device, urgent=False))


@torch.inference_mode()
def _prepare(
    plan: PlanOnDevice, buffers: AlternatingBuffers, stream: CudaStream, *, graph: bool
) -> list[Callable[[], None]]:
    """One function a phase, which queues the step. Each has run until its kernels are compiled and
    its graph is captured, and that work is over when this returns."""
    runs = [plan.bind(buffers.bindings(phase)) for phase in range(buffers.phases)]
    calls = [partial(run, stream.handle) for run in runs]
    if graph and not plan.captures_itself:
        return capture(calls, stream)
    warm_up(calls, stream)
    return list(calls)


def _execution(plan: PlanOnDevice, stream: CudaStream, asked: str, placement: Placement) -> str:
    """ "graph" or "eager": TensorRT-RTX goes on without a graph and says so in its log alone."""
    if not plan.captures_itself or plan.can_be_captured(stream.handle):
        return placement.execution
    reason = f"{placement.library} says that the engine cannot be captured as a CUDA graph"
    if asked == "graph":
        raise BackendUnavailable(f"execution 'graph': {reason}. Use 'auto'.", cause="capture")
    logger.warning("execution: eager, since %s", reason)
    return "eager"
