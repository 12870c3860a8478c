"""A CUDA device played by the CPU, so that what surrounds CUDA's own calls is tested without one.

A graph records every tensor operation with the places that it read and wrote, and a replay runs
those operations again on those places and nothing else: what Python computed at capture stays as
it was, and an address that moved later is not seen, as on the device. A graph keeps alive what it
allocated itself and nothing else, as on the device: who frees a weight that a graph reads gets an
error at the next replay, where a card would read memory that belongs to somebody else by then.
"""

from __future__ import annotations

import gc
import weakref
from collections import defaultdict, deque
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from time import perf_counter
from types import SimpleNamespace

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from engines.backends.torch import cuda
from engines.backends.torch import runner as torch_backend
from engines.backends.torch.memory import give_back
from engines.backends.torch.placement import Placement
from engines.backends.torch.stream import STAGES, DeviceStream
from engines.outages import captures

DEFAULT_STREAM = "the default stream"
given_back = []  # how many graphs there were whenever torch let others have its memory
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


class IllegalAccess(RuntimeError):
    """What a card says, if one is lucky, to a graph whose memory was freed."""


class External:
    """Memory that a graph was captured over and does not keep alive."""

    def __init__(self, tensor):
        self.tensor = weakref.ref(tensor)
        self.told = f"{tuple(tensor.shape)} {tensor.dtype}"

    def value(self, made):
        tensor = self.tensor()
        if tensor is None:
            raise IllegalAccess(f"a graph reads {self.told}, which was freed")
        return tensor


class Own:
    """What the operation of a number made. Memory of the graph's own is the same in every replay;
    a view of other memory is made again and holds nothing."""

    def __init__(self, number, memory):
        self.number, self.memory = number, memory

    def value(self, made):
        return made[self.number]


class FakeGraph(TorchDispatchMode):
    capturing = None
    captured = ()  # a list, while the card is played

    def __init__(self):
        super().__init__()
        self.steps = []
        self.replays = 0
        self.memory = None
        # While it is captured: what stands for each tensor seen, which thereby keeps its id.
        self.seen = {}
        self.count = 0

    def capture_begin(self, pool, capture_error_mode):
        assert capture_error_mode == "thread_local"
        assert captures.locked(), "who asks the device now would spoil the capture"
        assert not gc.isenabled(), "what a collection destroys would spoil the capture"
        assert given_back, "memory that torch keeps is not there for the graph's pool"
        FakeGraph.capturing, self.memory = self, pool
        FakeGraph.captured.append(self)
        self.__enter__()

    def capture_end(self):
        FakeGraph.capturing = None
        self.seen.clear()
        self.__exit__(None, None, None)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in HOST_READS:
            raise RuntimeError("operation not permitted when stream is capturing")
        places = tree_map_only(torch.Tensor, self.place, (args, kwargs))
        out = func(*args, **kwargs)
        results = [self.result(leaf) for leaf in tree_leaves(out)]
        self.steps.append(partial(operation, func, places, results))
        return out

    def add(self, step):
        """Something that is no tensor operation; called with what the replay has made so far."""
        self.steps.append(step)

    def place(self, tensor):
        if id(tensor) not in self.seen:
            self.seen[id(tensor)] = (tensor, External(tensor))
        return self.seen[id(tensor)][1]

    def result(self, tensor):
        if not isinstance(tensor, torch.Tensor):
            return None
        if id(tensor) in self.seen:  # written in place
            return self.seen[id(tensor)][1]
        owns = {
            one.untyped_storage()._cdata
            for one, place in self.seen.values()
            if isinstance(place, Own) and place.memory is not None
        }
        others = {
            one.untyped_storage()._cdata
            for one, place in self.seen.values()
            if one.untyped_storage()._cdata not in owns
        }
        view = tensor.untyped_storage()._cdata in others
        place = Own(self.count, None if view else tensor)
        self.count += 1
        self.seen[id(tensor)] = (tensor, place)
        return place

    def pool(self):
        return self.memory

    def replay(self):
        self.replays += 1
        made = {}
        for step in self.steps:
            step(made)


def operation(func, places, results, made):
    """Run a recorded operation again, on the same places."""
    args, kwargs = tree_map_only((External, Own), lambda place: place.value(made), places)
    again = tree_leaves(func(*args, **kwargs))
    for place, value in zip(results, again, strict=True):
        if isinstance(place, Own):
            if place.memory is not None and place.memory.data_ptr() != value.data_ptr():
                place.memory.copy_(value)
            made[place.number] = value if place.memory is None else place.memory


class FakeStream:
    def __init__(self, device, priority):
        self.device, self.priority = device, priority
        self.follows = None
        self.cuda_stream = id(self)

    def wait_stream(self, stream):
        self.follows = stream

    def synchronize(self):
        assert self.follows == DEFAULT_STREAM, "the weights may still be on their way"


class FakeEvent:
    """Refuses to tell a time that the host has not waited for, as a real one does."""

    waits = 0
    recorded = 0
    asked = 0
    quick = False  # the device is done before the host sleeps

    def __init__(self, *, enable_timing, blocking):
        assert enable_timing
        assert blocking
        self.number = self.moment = 0

    def record(self, stream):
        FakeEvent.recorded += 1
        self.number, self.moment = FakeEvent.recorded, perf_counter()

    def query(self):
        FakeEvent.asked += 1
        if FakeEvent.quick:
            FakeEvent.reached = self.number
        return FakeEvent.quick

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
        self.stream = SimpleNamespace(synchronize=self.finish)

    def finish(self):
        """What comes before any frame."""
        while self.work:
            self.work.popleft()()

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
    """Make the torch backend take the CPU for a CUDA device; returns all graphs captured."""
    graphs = []
    pools = count(1)

    def empty_cache():
        assert captures.locked(), "a capture on another thread would fail"
        given_back.append(len(graphs))

    given_back.clear()
    monkeypatch.setattr(torch.cuda, "empty_cache", empty_cache)
    monkeypatch.setattr(cuda, "_idle", defaultdict(list))
    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: DEFAULT_STREAM)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(FakeGraph, "captured", graphs)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, next(pools)))
    monkeypatch.setattr(cuda, "give_back", lambda device: give_back(torch.device("cuda")))
    monkeypatch.setattr(cuda.CudaStream, "host_memory", DeviceStream.host_memory)
    monkeypatch.setattr(torch_backend, "open_stream", fake_stream)
    return graphs


def fake_stream(device, *, urgent=False):
    return cuda.CudaStream(device, urgent=urgent)


CAPTURED = Captured(torch.device("cpu"), "float32", "graph")
