"""Which backend runs a spec on this machine."""

from __future__ import annotations

import logging
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from engines.api import EngineSpec
from engines.backends.tensorrt.card import find_card, has_driver, tensorrt_here, torch_obstacle
from engines.backends.tensorrt.plans import find_plans
from engines.backends.torch.compiler import compiler_obstacle
from engines.errors import BackendUnavailable
from engines.model import Model
from engines.outages import broken_compile, broken_plan

logger = logging.getLogger("engines.choice")

_ADA = (8, 9)


def backends_for(spec: EngineSpec, model: Model) -> tuple[str, ...]:  # noqa: PLR0911  # a list of cases
    """The backend for a spec; two if the better one must be built for minutes: first the one to
    run meanwhile.

    "auto" is TensorRT on NVIDIA cards that it is for, torch on other GPUs and where an execution
    is asked for that only torch has, else OpenVINO. Why an NVIDIA card gets torch is logged, once.
    """
    if spec.backend == "tensorrt":
        return _with_tensorrt(spec, model)
    if spec.backend != "auto":
        return (spec.backend,)
    if spec.precision == "fp8":  # torch in float16 stands in for one that failed
        return ("torch",) if broken_plan(spec) else _with_tensorrt(spec, model)
    if spec.execution not in ("eager", "graph") and (
        _is_openvinos(spec) or not _torch_has_gpu(model)
    ):
        return ("openvino",)
    if spec.execution != "auto" or spec.precision not in ("auto", "float16"):
        return ("torch",)
    try:
        return _with_tensorrt(spec, model)
    except BackendUnavailable as error:
        _say_once(f"backend: torch, not TensorRT: {error}")
        return ("torch",)


def expected_backend(spec: EngineSpec) -> str:
    """What `backends_for` most likely begins with, told at once: without the model, and without
    loading a framework."""
    if spec.backend != "auto":
        return spec.backend
    if spec.precision == "fp8":
        return "tensorrt"
    if spec.execution in ("eager", "graph"):
        return "torch"
    may = _may_have_gpu(embedded=spec.model in ("auto", "nano")) or has_driver()
    return "torch" if may and not _is_openvinos(spec) and find_spec("torch") else "openvino"


def compiles(spec: EngineSpec) -> bool:
    """Whether torch, which runs `spec`, has a better engine than its CUDA graph of PyTorch's own
    kernels: one of kernels that torch.compile writes, in minutes. Loads torch."""
    return (
        spec.execution == "auto"
        and not broken_compile()
        and compiler_obstacle() is None
        and find_card(spec.device) is not None
    )


def _with_tensorrt(spec: EngineSpec, model: Model) -> tuple[str, ...]:
    if broken_plan(spec):  # why was said when it failed
        raise BackendUnavailable(
            f"the TensorRT engine for {spec.width}x{spec.height} failed in this run, which does "
            "not use it again."
        )
    flavour, card = tensorrt_here(spec.device)
    if spec.precision == "fp8" and card.capability < _ADA:
        raise BackendUnavailable(
            f"precision 'fp8': this {card.name} has no float8 arithmetic, which begins with Ada "
            "(RTX 40, compute capability 8.9). Use 'auto'."
        )
    ready = find_plans(model, spec, flavour, card.target(flavour)) is not None
    return ("tensorrt",) if ready else ("torch", "tensorrt")


def _torch_has_gpu(model: Model) -> bool:
    """Asked without loading torch where there is surely none: that would take seconds. Why an
    NVIDIA card is left idle is logged, once."""
    nvidia = has_driver()
    obstacle = torch_obstacle() if nvidia else None
    if obstacle is not None:
        _say_once(f"backend: the NVIDIA card here is not used: {obstacle}.")
        nvidia = False
    may = nvidia or _may_have_gpu(embedded=model.family == "nano")
    if not may or find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _may_have_gpu(*, embedded: bool) -> bool:
    """Of Apple's, which is for larger models than the embedded one, or of AMD's."""
    return (sys.platform == "darwin" and not embedded) or Path("/dev/kfd").exists()


def _is_openvinos(spec: EngineSpec) -> bool:
    """Whether its device is named in OpenVINO's words."""
    return spec.device.lower().startswith(("cpu", "gpu", "npu"))


@cache
def _say_once(line: str) -> None:
    logger.info(line)
