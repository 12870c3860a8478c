"""DeviceStream: work queued on a device in order, waited for once a frame, timed by stage."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter

import torch
from torch import Tensor

STAGES = ("upload", "step", "download")


class DeviceStream:
    """The default: copies that block. For CPUs, where work is done when its call returns, and for
    MPS, where the copy to the host waits and single stages cannot be timed.

    A frame calls `begin`, then `mark` at the end of each of STAGES, then `wait`.

    stage_ms  of the frame before, set by `begin`; a fresh mapping each time, so any thread may
              read it. Empty before the second frame and where stages cannot be timed.
    """

    asynchronous = False  # whether copies return before they are done

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stage_ms: Mapping[str, float] = {}
        self._timed = device.type != "mps"
        self._moments = [0.0] * (len(STAGES) + 1)
        self._marks = 0

    def current(self) -> AbstractContextManager[object]:
        """While entered, this thread's work goes to this stream."""
        return nullcontext()

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Memory of the host that the device can copy from and to."""
        return torch.empty(shape, dtype=dtype)

    def begin(self) -> None:
        """A frame begins. The frame before is over, so its times can be read without waiting."""
        if self._timed and self._marks > len(STAGES):
            self.stage_ms = {name: self._elapsed_ms(i) for i, name in enumerate(STAGES)}
        self._marks = 0
        self.mark()

    def mark(self) -> None:
        """A stage ends."""
        self._record(self._marks)
        self._marks += 1

    def wait(self) -> None:
        """Until the work before the last `mark` is done: the one wait of a frame."""

    def close(self) -> None:
        """No more frames come."""

    def _record(self, index: int) -> None:
        self._moments[index] = perf_counter()

    def _elapsed_ms(self, stage: int) -> float:
        return (self._moments[stage + 1] - self._moments[stage]) * 1e3
