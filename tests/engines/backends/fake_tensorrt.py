"""TensorRT-RTX's runtime played by the CPU: a plan names a torch module, and a context runs it on
the memory behind the addresses that it was given.

As the device does, it takes any address and writes as much as the shapes say; a captured context
goes on with the addresses that it had when it was captured.
"""

from __future__ import annotations

import ctypes
import gc
import weakref
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch

from engines.backends.tensorrt.flavour import RTX, Flavour
from engines.outages import captures
from tests.engines.backends.fake_cuda import FakeGraph, IllegalAccess, LateStream

TYPES = {
    torch.uint8: ("UINT8", np.uint8),
    torch.int64: ("INT64", np.int64),
    torch.float32: ("FLOAT", np.float32),
}
HEADER = 16


class EngineValidity(IntEnum):
    VALID, SUBOPTIMAL, INVALID = range(3)


class EngineInvalidityDiagnostics(IntEnum):
    VERSION_MISMATCH = 1
    UNSUPPORTED_CC = 2
    MALFORMED_ENGINE = 32


class CudaGraphStrategy(IntEnum):
    DISABLED, WHOLE_GRAPH_CAPTURE = range(2)


class ExecutionContextAllocationStrategy(IntEnum):
    STATIC, USER_MANAGED = range(2)


@dataclass
class Plan:
    """What a plan's bytes stand for. `tensors`: name → (shape, dtype), inputs first."""

    module: object
    tensors: dict
    outputs: tuple


class Known:
    """Objects that somebody else holds; the real module holds none of them."""

    def __init__(self):
        self.references = []

    def append(self, one):
        self.references.append(weakref.ref(one))

    def __iter__(self):
        return iter([one for known in self.references if (one := known()) is not None])


@dataclass
class FakeTensorRt:
    """The module. `plans` by their bytes; the rest is what happens, or shall go wrong."""

    plans: dict = field(default_factory=dict)
    validity: tuple = (EngineValidity.VALID, 0)
    failing: str = ""  # name of a call that answers None or False
    contexts: Known = field(default_factory=lambda: Known())
    caches: list = field(default_factory=list)
    stale_cache: bool = False
    capturable: bool = True
    log: object = None
    __version__ = "1.0.fake"
    EngineValidity = EngineValidity
    EngineInvalidityDiagnostics = EngineInvalidityDiagnostics
    CudaGraphStrategy = CudaGraphStrategy
    ExecutionContextAllocationStrategy = ExecutionContextAllocationStrategy

    def Runtime(self, log):  # TensorRT's name
        return SimpleNamespace(
            engine_header_size=HEADER,
            get_engine_validity=lambda header: self.validity,
            deserialize_cuda_engine=lambda data: self.load(bytes(data)),
        )

    def load(self, data):
        if data not in self.plans or self.fails("deserialize_cuda_engine"):
            self.log.add("Serialization assertion failed: the plan is truncated")
            return None
        return FakeEngine(self, self.plans[data])

    def fails(self, call):
        if self.failing != call:
            return False
        self.log.add(f"{call}: out of luck (cuda error 700)")
        return True


class FakeEngine:
    device_memory_size_v2 = 4096

    def __init__(self, trt, plan):
        self.trt, self.plan = trt, plan
        self.names = list(plan.tensors)
        self.num_io_tensors = len(self.names)

    def get_tensor_name(self, index):
        return self.names[index]

    def get_tensor_dtype(self, name):
        return SimpleNamespace(name=TYPES[self.plan.tensors[name][1]][0])

    def get_tensor_shape(self, name):
        return list(self.plan.tensors[name][0])

    def create_runtime_config(self):
        return FakeConfig(self.trt)

    def create_execution_context(self, how):
        if self.trt.fails("create_execution_context"):
            return None
        context = FakeContext(self, how)
        self.trt.contexts.append(context)
        return context


class FakeConfig:
    strategy = None
    cuda_graph_strategy = CudaGraphStrategy.DISABLED

    def __init__(self, trt):
        self.trt = trt

    def set_execution_context_allocation_strategy(self, strategy):
        self.strategy = strategy

    def create_runtime_cache(self):
        self.trt.caches.append(FakeCache(self.trt))
        return self.trt.caches[-1]

    def set_runtime_cache(self, cache):
        return not self.trt.fails("set_runtime_cache")


class FakeCache:
    def __init__(self, trt):
        self.trt, self.loaded = trt, None

    def deserialize(self, blob):
        self.loaded = None if self.trt.stale_cache else blob
        return self.loaded is not None

    def serialize(self):
        return None if self.trt.fails("serialize") else b"kernels"


class FakeContext:
    def __init__(self, engine, how):
        self.engine, self.how = engine, how
        self.addresses, self.captured, self.streams = {}, None, set()
        self.memory, self.runs = None, 0

    def is_stream_capturable(self, stream):
        return stream in self.streams and self.engine.trt.capturable

    def set_device_memory(self, address, size):
        assert size >= self.engine.device_memory_size_v2
        self.memory = address

    def set_tensor_address(self, name, address):
        if self.engine.trt.fails("set_tensor_address"):
            return False
        assert name in self.engine.plan.tensors
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        if self.engine.trt.fails("execute_async_v3"):
            return False
        assert self.memory
        assert stream, "not the default stream"
        self.streams.add(stream)
        graph = getattr(self.how, "cuda_graph_strategy", None)
        self.runs += 1
        if graph is CudaGraphStrategy.WHOLE_GRAPH_CAPTURE and self.runs == 2:
            # On the second run, as the library does: the first one warms up.
            assert captures.locked(), "who asks the device now would spoil the capture"
            assert not gc.isenabled(), "what a collection destroys would spoil the capture"
            if self.engine.trt.capturable:
                self.captured = dict(self.addresses)
        addresses = dict(self.captured or self.addresses)
        if FakeGraph.capturing is not None:
            FakeGraph.capturing.add(partial(_again, weakref.ref(self), addresses))
            return True
        late = LateStream.by_handle.get(stream)
        if late is None:
            self._run(addresses)
        else:
            late.work.append(lambda: self._run(addresses))
        return True

    def _run(self, addresses):
        plan = self.engine.plan
        inputs = [name for name in plan.tensors if name not in plan.outputs]
        found = plan.module(*(self._memory(addresses, name).clone() for name in inputs))
        for name, value in zip(plan.outputs, found, strict=True):
            self._memory(addresses, name).copy_(value)

    def _memory(self, addresses, name):
        shape, dtype = self.engine.plan.tensors[name]
        kind = TYPES[dtype][1]
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        raw = (ctypes.c_uint8 * size).from_address(addresses[name])
        return torch.from_numpy(np.frombuffer(raw, dtype=kind).reshape(shape))


def _again(known, addresses, made):
    """A context's run within somebody's graph, which keeps nothing of it alive."""
    context = known()
    if context is None:
        raise IllegalAccess("a graph runs kernels of a context that was destroyed")
    context._run(addresses)


def fake_flavour(trt, name=RTX):
    """A Flavour over the fake, with a log like the real one's."""

    class Log:
        def __init__(self):
            self.lines = []

        def add(self, line):
            self.lines.append(line)

        def take(self):
            lines, self.lines = self.lines, []
            return lines

    trt.log = Log()
    return Flavour(name, trt, trt.log)
