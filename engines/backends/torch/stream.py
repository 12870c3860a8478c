"""DeviceStream: work queued on a device in order, waited for once a frame, timed by stage."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter

import torch
from torch import Tensor

from engines.api import IN_FLIGHT

STAGES = ("upload", "step", "download")


class DeviceStream:
    """The default: copies that block. For CPUs, where work is done when its call returns, and for
    MPS, where the copy to the host waits and single stages cannot be timed.

    A frame calls `begin`, fills the host's buffers, then calls `mark` where the first of STAGES
    begins and where each ends, and later `wait`. Another one may begin before that.

    slot      of the frame that began last, 0 or 1: which of two buffers of the host is its own
    stage_ms  of the frame that was waited for last; a fresh mapping each time, so any thread may
              read it. Empty before the first one and where stages cannot be timed.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.slot = 0
        self.stage_ms: Mapping[str, float] = {}
        self._timed = device.type != "mps"
        self._moments = [[0.0] * (len(STAGES) + 1) for _ in range(IN_FLIGHT)]
        self._marks = 0
        self._queued: deque[int] = deque()  # slots of the frames that were not waited for

    def current(self) -> AbstractContextManager[object]:
        """While entered, this thread's work goes to this stream."""
        return nullcontext()

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Memory of the host that the device can copy from and to."""
        return torch.empty(shape, dtype=dtype)

    def copy(self, target: Tensor, source: Tensor) -> None:
        """Queue a copy, to, from or on the device."""
        target.copy_(source)

    def begin(self) -> None:
        """A frame begins, in a slot that no frame in flight has."""
        if len(self._queued) == IN_FLIGHT:
            raise RuntimeError(f"{IN_FLIGHT} frames are in flight: finish one first")
        self.slot = 1 - self._queued[-1] if self._queued else 0
        self._marks = 0

    def mark(self) -> None:
        """The first stage begins, or one ends and the next begins."""
        self._record(self._marks)
        self._marks += 1
        if self._marks > len(STAGES):
            self._queued.append(self.slot)

    def wait(self) -> int:
        """Until the oldest frame in flight is done, the one wait of a frame; its slot."""
        slot = self._queued.popleft()
        self._wait_for(slot)
        if self._timed:
            self.stage_ms = {name: self._elapsed_ms(slot, i) for i, name in enumerate(STAGES)}
        return slot

    def close(self) -> None:
        """No more frames come; waits for those in flight."""
        while self._queued:
            self._wait_for(self._queued.popleft())

    def _record(self, index: int) -> None:
        self._moments[self.slot][index] = perf_counter()

    def _wait_for(self, slot: int) -> None:
        """Until the last stage of the frame in that slot has ended."""

    def _elapsed_ms(self, slot: int, stage: int) -> float:
        moments = self._moments[slot]
        return (moments[stage + 1] - moments[stage]) * 1e3
