"""A CUDA device played by the CPU, so that what surrounds CUDA's own calls is tested without one.

A graph records every tensor operation with the tensors it read and wrote, and a replay runs those
operations again on those tensors and nothing else: what Python computed at capture stays as it
was, and an address that moved later is not seen, as on the device.
"""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engines.backends import _torch_cuda
from engines.backends import torch as torch_backend
from engines.backends._torch_placement import Placement
from engines.backends._torch_stream import STAGES, DeviceStream

DEFAULT_STREAM = "the default stream"
HOST_READS = {
    torch.ops.aten.item.default,
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.nonzero.default,
}


@dataclass(frozen=True, slots=True)
class Captured(Placement):
    """A CPU that is said to have graphs."""

    @property
    def captured(self):
        return True


class FakeGraph(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operations = []
        self.replays = 0
        self.memory = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in HOST_READS:
            raise RuntimeError("operation not permitted when stream is capturing")
        out = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, out))
        return out

    def pool(self):
        return self.memory

    def replay(self):
        self.replays += 1
        for func, args, kwargs, out in self.operations:
            again = func(*args, **kwargs)
            for held, value in zip(tree_leaves(out), tree_leaves(again), strict=True):
                if held.data_ptr() != value.data_ptr():  # else a view, or written in place
                    held.copy_(value)


class FakeStream:
    def __init__(self, device, priority):
        self.device, self.priority = device, priority
        self.follows = None
        self.cuda_stream = id(self)

    def wait_stream(self, stream):
        self.follows = stream


class FakeEvent:
    """Refuses to tell a time that the host has not waited for, as a real one does."""

    waits = 0
    recorded = 0

    def __init__(self, *, enable_timing, blocking):
        assert enable_timing
        assert blocking
        self.number = self.moment = 0

    def record(self, stream):
        FakeEvent.recorded += 1
        self.number, self.moment = FakeEvent.recorded, perf_counter()

    def synchronize(self):
        FakeEvent.waits += 1
        FakeEvent.reached = self.number

    def elapsed_time(self, other):
        assert 0 < self.number < other.number <= FakeEvent.reached
        return (other.moment - self.moment) * 1e3


class LateStream(DeviceStream):
    """A device that does nothing until the host waits for it: what the host changed meanwhile in
    memory that a copy was queued from is what arrives."""

    by_handle: dict = {}  # noqa: RUF012  # of all, as a driver has it

    def __init__(self, device, *, urgent=False):
        super().__init__(device)
        self.handle = id(self)
        self.work = deque()
        LateStream.by_handle[self.handle] = self

    def copy(self, target, source):
        self.work.append(lambda: target.copy_(source))

    def _record(self, index):
        super()._record(index)
        if index == len(STAGES):
            self.work.append(self.slot)

    def _wait_for(self, slot):
        while (work := self.work.popleft()) != slot:
            work()


def install(monkeypatch):
    """Make `engines.backends.torch` take the CPU for a CUDA device; returns all graphs captured."""
    graphs = []

    def fake_graph(graph, *, pool, stream, capture_error_mode):
        assert stream.follows == DEFAULT_STREAM, "the weights may still be on their way"
        assert capture_error_mode == "thread_local"
        graphs.append(graph)
        graph.memory = pool or (0, len(graphs))
        return graph

    monkeypatch.setattr(_torch_cuda, "_idle", defaultdict(list))
    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: DEFAULT_STREAM)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", fake_graph)
    monkeypatch.setattr(_torch_cuda.CudaStream, "host_memory", DeviceStream.host_memory)
    monkeypatch.setattr(torch_backend, "open_stream", fake_stream)
    return graphs


def fake_stream(device, *, urgent=False):
    return _torch_cuda.CudaStream(device, urgent=urgent)


CAPTURED = Captured(torch.device("cpu"), "float32", "graph")
