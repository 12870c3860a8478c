"""CUDA (and ROCm) streams, events and graphs. Its allocator: memory.py."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from engines.api import IN_FLIGHT
from engines.backends.torch.memory import give_back
from engines.backends.torch.stream import STAGES, DeviceStream
from engines.outages import captures

_WARM_UPS = 3  # calls before a capture: libraries allocate workspaces, cuDNN picks its kernels
_SPIN_SECONDS = 200e-6  # seconds to look for a frame's end before the thread sleeps until it
_URGENT = -1  # a stream priority; lower goes first

# Streams of closed engines, by device and priority, for the next: cuBLAS never frees the
# workspace that it keeps for each stream.
_idle: defaultdict[tuple[torch.device, int], list[torch.cuda.Stream]] = defaultdict(list)


class CudaStream(DeviceStream):
    """A stream of its own, never the default one, with events that a frame's stages end in.

    Copies to and from `host_memory` do not block. `wait` sleeps on a frame's last event, after a
    short look whether it is over, and is the only call here that makes the host wait for the device
    while frames run. The stream's first work comes after all that this thread had queued on the
    device before, such as weights on their way.
    """

    def __init__(self, device: torch.device, *, urgent: bool) -> None:
        """`urgent` work overtakes that of other streams on the device."""
        super().__init__(device)
        priority = _URGENT if urgent else 0
        self._idle = _idle[device, priority]
        try:
            self.stream = self._idle.pop()
        except IndexError:
            self.stream = torch.cuda.Stream(device, priority)  # type: ignore[no-untyped-call]
        self.stream.wait_stream(torch.cuda.current_stream(device))
        self._events = [
            [
                # blocking: the waiting thread sleeps instead of spinning on a core.
                torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]
                for _ in range(len(STAGES) + 1)
            ]
            for _ in range(IN_FLIGHT)
        ]

    @property
    def handle(self) -> int:
        """The stream's address, for other libraries."""
        return int(self.stream.cuda_stream)

    def current(self) -> AbstractContextManager[object]:
        return torch.cuda.stream(self.stream)

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return torch.empty(shape, dtype=dtype, pin_memory=True)

    def copy(self, target: Tensor, source: Tensor) -> None:
        target.copy_(source, non_blocking=True)

    def close(self) -> None:
        super().close()
        self._idle.append(self.stream)

    def _record(self, index: int) -> None:
        self._events[self.slot][index].record(self.stream)

    def _wait_for(self, slot: int) -> None:
        last = self._events[slot][-1]
        # To be woken takes 20 to 100 µs, and more on Windows, where asking also sends off what
        # its driver has gathered: as long as a small model's kernels at the end of a frame.
        until = perf_counter() + _SPIN_SECONDS
        while perf_counter() < until:
            if last.query():  # type: ignore[no-untyped-call]
                return
        last.synchronize()

    def _elapsed_ms(self, slot: int, stage: int) -> float:
        events = self._events[slot]
        return float(events[stage].elapsed_time(events[stage + 1]))


def open_stream(device: torch.device, *, urgent: bool = False) -> DeviceStream:
    """A stream for one thread's work on `device`."""
    return CudaStream(device, urgent=urgent) if device.type == "cuda" else DeviceStream(device)


def capture(calls: Sequence[Callable[[], None]], stream: CudaStream) -> list[Callable[[], None]]:
    """Each call as a CUDA graph: functions that replay it on the current stream.

    A call must read and write, from one replay to the next, only tensors that live outside it:
    what it allocates lies in one pool that all graphs share. Call with `stream` current. The calls
    run a few times before they are captured. May run beside another engine's frames.

    A graph holds addresses, no tensors. So the function that replays it keeps the call, and with it
    all that the call refers to: weights, engines, contexts, scratch memory.
    """
    benchmark = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True  # the kernels that a graph keeps are chosen by timing
    try:
        for call in calls:
            for _ in range(_WARM_UPS):
                call()
        # Once for all graphs: `torch.cuda.graph` does it, and waits for the whole device, for each,
        # and every time a running engine stands still for a moment.
        stream.stream.synchronize()
        give_back(stream.device)
        pool = torch.cuda.graph_pool_handle()
        graphs = [_captured(call, pool) for call in calls]
    finally:
        torch.backends.cudnn.benchmark = benchmark
    return [partial(_replay, graph, call) for graph, call in zip(graphs, calls, strict=True)]


def warm_up(calls: Sequence[Callable[[], None]], stream: CudaStream) -> None:
    """Run each call as often as before a capture, and wait until all is done: a fault shows here.

    For libraries that compile their kernels on the first run and capture a graph of their own on a
    later one. Call with `stream` current.
    """
    for call in calls:
        call()
    stream.stream.synchronize()  # compiling may take longer than an outage check waits
    with captures, without_collections():
        for call in calls:
            for _ in range(_WARM_UPS - 1):
                call()
        stream.stream.synchronize()


def _captured(call: Callable[[], None], pool: Any) -> torch.cuda.CUDAGraph:  # noqa: ANN401  # a type that torch keeps for itself
    graph = torch.cuda.CUDAGraph()
    with captures, without_collections():
        # thread_local: what another engine's thread does meanwhile is no error in this one.
        graph.capture_begin(pool, capture_error_mode="thread_local")
        try:
            call()
        except BaseException:
            with suppress(RuntimeError):  # void already; the caller gets the first error
                graph.capture_end()
            raise
        graph.capture_end()
    return graph


@contextmanager
def without_collections() -> Iterator[None]:
    """No cyclic garbage is collected by any thread: what it destroys (an old graph, its memory)
    would be a call of CUDA in the middle of a capture, which spoils that."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _replay(graph: torch.cuda.CUDAGraph, _held: Callable[[], None]) -> None:
    graph.replay()
