"""Memory: what there is of a device's, and which engines of this process hold some of it.

Every function may be called from any thread. Devices as in `EngineSpec.device`, written out:
"cuda:0", "CPU".
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

import psutil

GIB = 1 << 30

_lock = Lock()
_holders: WeakKeyDictionary[object, str] = WeakKeyDictionary()  # protected by _lock


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a device, in bytes; what other programs hold is not free."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Need:
    """What an engine that is to be built takes of a device, in bytes, and what is free for it."""

    device: str
    needed: int
    free: int


def memory_of(device: str) -> Memory | None:
    """Of a CUDA device that torch has opened, or of the machine for its processor; None for others.

    Raises what torch raises for a CUDA device that failed.
    """
    name = device.lower()
    if name.startswith("cpu"):
        found = psutil.virtual_memory()
        return Memory(int(found.available), int(found.total))
    torch = sys.modules.get("torch")
    if torch is None or not name.startswith("cuda") or not torch.cuda.is_initialized():
        return None
    free, total = torch.cuda.mem_get_info(name)
    return Memory(int(free), int(total))


def hold(engine: object, device: str) -> None:
    """`engine` has been built on a device."""
    with _lock:
        _holders[engine] = device.lower()


def let_go(engine: object) -> None:
    """`engine` was closed, or has been before."""
    with _lock:
        _holders.pop(engine, None)


def is_held(device: str) -> bool:
    """Whether an engine of this process runs on a device."""
    with _lock:
        return device.lower() in _holders.values()
