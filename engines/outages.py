"""Outages: what has failed for good in this process and is not tried again.

A GPU whose context met an illegal address, that hangs, or that was unplugged gives this process
nothing but errors from then on, whatever is built on it. A TensorRT engine that broke would break
again. Every function may be called from any thread.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from threading import Event, Lock, Thread

from engines.api import EngineSpec
from engines.errors import reason

_TIMEOUT_SECONDS = 2.0  # seconds for a device to finish what it was given
_CAPTURE_TIMEOUT_SECONDS = 10.0  # for a CUDA graph to be captured, which takes a tenth of one

# Held while a CUDA graph is captured: to ask the whole device would spoil it.
captures = Lock()

_lost: dict[str, str] = {}  # why, by device
_broken: dict[EngineSpec, str] = {}  # why, by what shapes a TensorRT engine
_uncompiled: list[str] = []  # why, each time


def lost(device: str) -> str:
    """Why a device was found to be gone; "" if it was not, or was not asked. Returns at once.

    device  as `EngineSpec.device`; "auto" is the one that torch takes
    """
    if device.lower() == "auto":
        return next((_lost[name] for name in ("cuda:0", "mps:0") if name in _lost), "")
    return _lost.get(_numbered(device), "")


def outage_of(device: str) -> str:
    """Ask a device whether it still answers: why it is gone for this process, "" if it is not.

    Only torch's devices are asked, and only once torch has opened them. Takes two seconds for one
    that hangs, and ten more where a graph is being captured on it; milliseconds for any other.
    """
    known = lost(device)
    name = _opened(device)
    if known or name is None:
        return known
    why = _ask(name)
    if why:
        _lost[name] = why
    return why


def plan_broke(spec: EngineSpec, why: str) -> None:
    """The TensorRT engine of `spec` is not to be used again."""
    _broken[_plan_of(spec)] = why


def broken_plan(spec: EngineSpec) -> str:
    """Why the TensorRT engine of `spec` is not to be used; "" if nothing is known against it."""
    return _broken.get(_plan_of(spec), "")


def compile_broke(why: str) -> None:
    """torch.compile is not to be tried again unasked: what it lacks, the next engine lacks too."""
    _uncompiled.append(why)


def broken_compile() -> str:
    """Why torch.compile is not to be tried unasked; "" if nothing is known against it."""
    return _uncompiled[-1] if _uncompiled else ""


def forget() -> None:
    """All is well again: for tests, which share a process."""
    _lost.clear()
    _broken.clear()
    _uncompiled.clear()


def _plan_of(spec: EngineSpec) -> EngineSpec:
    return replace(
        spec,
        backend="tensorrt",
        device="auto",
        precision="fp8" if spec.precision == "fp8" else "auto",
        execution="auto",
        half_accumulation=True,
        threads=0,
    )


def _numbered(device: str) -> str:
    name = device.lower()
    return f"{name}:0" if name in ("cuda", "mps") else name


def _opened(device: str) -> str | None:
    """A device of torch's that is in use; None for others."""
    name = _numbered(device)
    if name != "auto":
        return name if name.startswith(("cuda:", "mps:")) else None
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    if torch.cuda.is_initialized():
        return "cuda:0"
    return "mps:0" if torch.backends.mps.is_available() else None


def _ask(device: str) -> str:
    answered = Event()
    said: list[str] = []

    def ask() -> None:
        for _ in range(2):  # an error that is gone the second time was not the device's end
            said.clear()
            try:
                _synchronise(device)
            except Exception as error:  # noqa: BLE001  # what a driver raises has no common class
                said.append(reason(error))
            else:
                break
        answered.set()

    if not captures.acquire(timeout=_CAPTURE_TIMEOUT_SECONDS):
        return f"a CUDA graph has not been captured for {_CAPTURE_TIMEOUT_SECONDS:g} seconds"
    try:
        Thread(target=ask, name="outage", daemon=True).start()
        if not answered.wait(_TIMEOUT_SECONDS):
            return f"it has not answered for {_TIMEOUT_SECONDS:g} seconds"
    finally:
        captures.release()
    return said[0] if said else ""


def _synchronise(device: str) -> None:
    """Wait for all that a device was given, and a little more. Raises what torch does."""
    import torch

    with suppress(torch.OutOfMemoryError):  # full is not gone
        torch.zeros(1, device=device)
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)  # noqa: TID251  # no stream is running here
    else:
        torch.mps.synchronize()
