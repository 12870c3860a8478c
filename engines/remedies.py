"""Remedies: what to build instead of an engine that failed, so that the picture goes on."""

from __future__ import annotations

from dataclasses import replace

from engines.api import EngineSpec, Execution, Precision
from engines.backends.tensorrt.card import find_card
from engines.errors import Cause
from engines.outages import lost

_AMPERE = (8, 0)  # the first with bfloat16
_ON_TORCH = ("auto", "torch", "tensorrt")


def on_cpu(spec: EngineSpec) -> EngineSpec:
    """The same picture on the processor, which every machine has."""
    return replace(spec, backend="openvino", device="CPU", precision="auto", execution="auto")


def on_what_is_left(spec: EngineSpec) -> EngineSpec:
    """`spec`, or the like on the processor if its device was found to be gone."""
    return on_cpu(spec) if spec.backend in _ON_TORCH and lost(spec.device) else spec


def alternatives(wanted: EngineSpec, ran: EngineSpec, cause: Cause) -> list[EngineSpec]:
    """Other engines for the same picture on the same device, which answers; the likeliest first.

    wanted  the spec that the engine was built for; "auto" in it stays where nothing speaks against
    ran     the spec of the engine that failed, with every choice made
    """
    if cause == "blank":
        return [replace(wanted, backend=_own(ran), precision=one) for one in _more_precise(ran)]
    found: list[EngineSpec] = []
    if wanted.precision == "fp8":  # which is TensorRT's alone
        wanted = replace(wanted, precision="float16")
    if ran.backend == "tensorrt" and wanted.backend == "tensorrt":
        found.append(replace(wanted, backend="torch", execution="auto"))
    if has_gpu(ran) and ran.backend in ("torch", "tensorrt"):
        simpler: dict[str, list[Execution]] = {"compile": ["graph", "eager"], "eager": []}
        # What TensorRT fails with, torch meets with a graph of its own first: see `Repair`.
        ways = simpler.get(ran.execution if ran.backend == "torch" else "graph", ["eager"])
        found += [replace(wanted, backend="torch", execution=way) for way in ways]
    return found


def has_gpu(spec: EngineSpec) -> bool:
    """Whether an engine runs on another device than the processor."""
    return spec.backend != "null" and not spec.device.lower().startswith("cpu")


def _own(ran: EngineSpec) -> str:
    """The backend that has other arithmetic: TensorRT's engines are float16."""
    return "torch" if ran.backend == "tensorrt" else ran.backend


def _more_precise(ran: EngineSpec) -> list[Precision]:
    """Arithmetic that holds larger numbers, or has more digits, than what made no picture."""
    if ran.backend == "null" or ran.precision == "float32":
        return []
    if ran.precision == "fp8":
        return ["float16", "float32"]
    if ran.precision == "float16" and ran.backend in ("torch", "tensorrt"):
        card = find_card(ran.device)
        if card is not None and card.capability >= _AMPERE:
            return ["bfloat16", "float32"]
    return ["float32"]
