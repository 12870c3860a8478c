"""What torch keeps of a device's memory for itself, and how others get it: torch.cuda's allocator.

torch keeps what is freed for its own next allocations. TensorRT and games cannot have that.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from threading import Thread

import torch

from engines.api import EngineSpec
from engines.backends.torch.placement import place
from engines.backends.torch.weights import are_loaded, text_type
from engines.memory import Need, memory_of
from engines.model import Model
from engines.model.footprint import parameters, working_bytes
from engines.outages import captures

_MOVES_MEMORY = sys.platform.startswith("win")
_SPARE = 300 << 20  # bytes that Windows keeps for the desktop; without them it moves memory out


def needs(model: Model, spec: EngineSpec) -> Need | None:
    """What an engine takes beside the weights that others of this process hold already; None for
    devices that do not say what is free. Raises `BackendUnavailable`."""
    placement = place(spec)
    free = free_bytes(placement.device)
    if free is None:
        return None
    networks, text = parameters(model)
    item = placement.dtype.itemsize
    weights = networks * item + text * text_type(placement).itemsize
    if are_loaded(model, placement):
        weights = 0
    return Need(str(placement.device), weights + working_bytes(model, spec, item), free)


def free_bytes(device: torch.device) -> int | None:
    """What can be allocated, including what torch keeps and does not use; None if it is not
    known."""
    memory = memory_of(str(device))
    if memory is None:
        return None
    return memory.free + _unused(device)


def give_back(device: torch.device) -> None:
    """Free the memory that torch keeps and does not use. Stalls the device for a moment; never on a
    thread of frames. Waits while a graph is being captured."""
    if device.type == "cuda":
        with captures:
            torch.cuda.empty_cache()  # noqa: TID251  # the one place that may


def give_back_later(device: torch.device) -> None:
    """`give_back` on a thread of its own, for an engine that is closed between two frames."""
    if device.type == "cuda":
        Thread(target=_give_back, args=(device,), name="memory", daemon=True).start()


def limit_to_free(device: torch.device) -> None:
    """On Windows: let torch fail where it would take more than there is. The driver would move
    memory of the card to the computer's instead, and frames then take many times as long."""
    if not _MOVES_MEMORY or device.type != "cuda":
        return
    memory = memory_of(str(device))
    if memory is None:
        return
    allowed = torch.cuda.memory_reserved(device) + memory.free - _SPARE
    fraction = min(max(allowed / memory.total, 0.05), 1.0)
    torch.cuda.set_per_process_memory_fraction(fraction, device)


def _unused(device: torch.device) -> int:
    if device.type != "cuda":
        return 0
    return torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def _give_back(device: torch.device) -> None:
    with suppress(RuntimeError):  # a failed device has nothing to free
        give_back(device)
