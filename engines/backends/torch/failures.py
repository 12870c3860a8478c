"""What libraries say when a device fails them, as errors of ours: each kind with its own advice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engines.errors import Cause, EngineError, quoted

if TYPE_CHECKING:
    from engines.backends.torch.placement import Placement

_MEMORY = ("out of memory", "outofmemory", "alloc_failed", "memory allocation")
# What CUDA calls the failures after which a process gets nothing but errors from it (214, 220, 46,
# 100, 702 to 719, 999 of its numbers), and what its libraries say then. torch passes these on.
_DEVICE = (
    "illegal memory access", "launch timed out", "hardware stack error", "illegal instruction",
    "misaligned address", "global/shared address space", "invalid program counter",
    "unspecified launch failure", "device-side assert", "uncorrectable", "context is destroyed",
    "busy or unavailable", "no cuda-capable device", "driver shutting down", "unknown error",
    "execution_failed", "device is lost", "device lost", "device removed",
)  # fmt: skip
_NUMBERED = re.compile(r"cuda ?error[ :=]*(214|220|46|100|70[0-29]|71\d|72\d|999)\b")


def cause_of(text: str) -> Cause:
    """What a message of CUDA, or of a library on it, means for what can be built next."""
    said = text.lower()
    if any(one in said for one in _MEMORY):
        return "memory"
    if any(one in said for one in _DEVICE) or _NUMBERED.search(said):
        return "device"
    return "capture" if "captur" in said else ""


@contextmanager
def failures_as(kind: type[EngineError], placement: Placement) -> Iterator[None]:
    """What torch raises, as `kind` that names the library, the device and the fix."""
    try:
        yield
    except RuntimeError as error:
        import torch

        said = _first_line(error)
        full = isinstance(error, torch.OutOfMemoryError)
        raise _failure(kind, placement, said, "memory" if full else cause_of(said)) from error


def _failure(kind: type[EngineError], placement: Placement, said: str, cause: Cause) -> EngineError:
    where = f"{placement.library} on {placement.device}"
    if cause == "memory":
        text = (
            f"{where}: out of memory ({said}). Choose a smaller --size or fewer steps, or close "
            "what else uses the device."
        )
    elif cause == "device":
        text = (
            f"{where}: the device failed ({said}). A program that is started again can use it "
            "again; if it fails more often, look at its driver, its cooling and its power supply."
        )
    elif cause == "capture":
        text = f"{where}: no CUDA graph could be captured ({said}). Execution 'eager' needs none."
    elif placement.execution == "compile":
        text = (
            f"{where}, execution 'compile': {said}. If torch.compile cannot work here, use another "
            "execution, or 'auto'."
        )
    else:
        text = (
            f"{where}, execution {quoted(placement.execution)}: {said}. Another --backend may "
            "work: 'openvino' needs the processor alone."
        )
    return kind(text, cause=cause)


def _first_line(error: BaseException) -> str:
    lines = (line.strip(" .") for line in str(error).splitlines())
    return next((line for line in lines if line), repr(error))
