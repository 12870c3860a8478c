"""A plan on the device: TensorRT's engine and the execution contexts that tensors are bound to.

torch owns all memory and the stream; TensorRT is given addresses that never change.
"""

from __future__ import annotations

import logging
import mmap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engines.artifacts import cache_folder, key_of, writing
from engines.backends.tensorrt.flavour import RTX, Flavour
from engines.errors import BackendUnavailable, EngineFailed

logger = logging.getLogger("engines.backends.tensorrt")

_TYPES = {
    torch.uint8: "UINT8",
    torch.int64: "INT64",
    torch.float32: "FLOAT",
    torch.float16: "HALF",
}


class PlanOnDevice:
    """An engine on one CUDA device. Used by one thread.

    captures_itself  whether a context replays a CUDA graph of its own (TensorRT-RTX does, where
                     `graph` was asked for)
    """

    def __init__(self, flavour: Flavour, plan: Path, device: torch.device, *, graph: bool) -> None:
        """Read a plan. Raises `BackendUnavailable` for one that does not run here."""
        self._flavour = flavour
        self._plan = plan
        self._runtime = flavour.module.Runtime(flavour.log)
        with plan.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if flavour.name == RTX:
                self._check(data[: self._runtime.engine_header_size])
            engine = self._runtime.deserialize_cuda_engine(data)
        if engine is None:
            raise flavour.failure(BackendUnavailable, f"load {plan}")
        self._engine = engine
        self.captures_itself = graph and flavour.name == RTX
        # The contexts run one after another on one stream, so they share their scratch memory.
        size = max(int(engine.device_memory_size_v2), 1)
        self._scratch = torch.empty(size, dtype=torch.uint8, device=device)
        self._context: Any = None  # the one that was bound last
        self._kernels = _KernelCache(flavour, plan, device)
        self._config = self._runtime_config() if flavour.name == RTX else None

    def bind(self, tensors: Mapping[str, Tensor]) -> Callable[[int], None]:
        """A context over these tensors: a function that queues one run on a stream's handle.

        Raises `BackendUnavailable` if they are not what the engine reads and writes.
        """
        trt = self._flavour.module
        self._compare(tensors)
        strategy = trt.ExecutionContextAllocationStrategy.USER_MANAGED
        context = self._engine.create_execution_context(self._config or strategy)
        if context is None:
            raise self._flavour.failure(BackendUnavailable, f"prepare {self._plan}")
        context.set_device_memory(self._scratch.data_ptr(), self._scratch.numel())
        for name, tensor in tensors.items():
            if not context.set_tensor_address(name, tensor.data_ptr()):
                raise self._flavour.failure(BackendUnavailable, f"bind {name} of {self._plan}")
        self._context = context
        held = dict(tensors)  # for as long as the context knows their addresses

        def run(stream: int) -> None:
            assert held
            if not context.execute_async_v3(stream):
                raise self._flavour.failure(
                    EngineFailed,
                    "run a frame",
                    " The backend 'torch' may still work: --backend torch.",
                )

        return run

    def can_be_captured(self, stream: int) -> bool:
        """Whether the last context replays a graph on a stream, where it has run twice."""
        return bool(self._context.is_stream_capturable(stream))

    def keep_kernels(self) -> None:
        """Once every context has run: keep what was compiled for this card, for the next start."""
        self._kernels.save()

    def _check(self, header: bytes) -> None:
        """Whether this card, driver and version run the plan, before anything is loaded."""
        trt = self._flavour.module
        validity, found = self._runtime.get_engine_validity(header)
        if validity != trt.EngineValidity.INVALID:
            return
        known = trt.EngineInvalidityDiagnostics.__members__
        reasons = [
            name.lower().replace("_", " ") for name, bit in known.items() if found & int(bit.value)
        ]
        if reasons:
            self._flavour.log.add(", ".join(reasons))
        raise self._flavour.failure(BackendUnavailable, f"take {self._plan}")

    def _runtime_config(self) -> Any:  # noqa: ANN401
        trt = self._flavour.module
        config = self._engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(
            trt.ExecutionContextAllocationStrategy.USER_MANAGED
        )
        strategy = trt.CudaGraphStrategy
        config.cuda_graph_strategy = (
            strategy.WHOLE_GRAPH_CAPTURE if self.captures_itself else strategy.DISABLED
        )
        self._kernels.attach(config)
        return config

    def _compare(self, tensors: Mapping[str, Tensor]) -> None:
        """TensorRT takes any address: a tensor of another size would be written beyond its end."""
        engine = self._engine
        names = {engine.get_tensor_name(index) for index in range(engine.num_io_tensors)}
        if names != set(tensors):
            odd = ", ".join(sorted(names ^ set(tensors)))
            raise BackendUnavailable(f"{self._plan} has other inputs and outputs: {odd}.")
        for name, tensor in tensors.items():
            wanted = (engine.get_tensor_dtype(name).name, tuple(engine.get_tensor_shape(name)))
            given = (_TYPES[tensor.dtype], tuple(tensor.shape))
            if wanted != given or not tensor.is_contiguous():
                raise BackendUnavailable(f"{self._plan}: {name} is {wanted} there, not {given}.")


class _KernelCache:
    """TensorRT-RTX compiles an engine's kernels for the card when it is first loaded there; this
    keeps them. A file that does not fit the card, driver or version is refused by TensorRT, and
    written anew. One that cannot be read or written costs the compilation at the next start, never
    the engine: the disk may be full, or on Windows a second streamcam may have the file open."""

    def __init__(self, flavour: Flavour, plan: Path, device: torch.device) -> None:
        self._flavour = flavour
        card = torch.cuda.get_device_name(device)
        parts = {"plan": plan, "card": card, "version": flavour.version}
        self._file = cache_folder("tensorrt-kernels") / f"{key_of(parts)}.cache"
        self._cache: Any = None
        self._loaded = False

    def attach(self, config: Any) -> None:  # noqa: ANN401
        """Let contexts of this runtime configuration use it."""
        cache = config.create_runtime_cache()
        kept = self._read()
        if kept is not None:
            self._loaded = bool(cache.deserialize(kept))
            self._flavour.log.take()  # of one that was refused
        if config.set_runtime_cache(cache):
            self._cache = cache
        else:
            self._give_up("used", self._flavour.log.take())

    def save(self) -> None:
        """Write it, unless that is what was read."""
        if self._cache is None or self._loaded:
            return None
        content = self._cache.serialize()
        if content is None:
            return self._give_up("saved", self._flavour.log.take())
        try:
            with writing(self._file) as unfinished:
                unfinished.write_bytes(content)
        except OSError as error:
            return self._give_up("written", [str(error)])
        self._loaded = True
        return None

    def _read(self) -> bytes | None:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._give_up("read", [str(error)])
            return None

    def _give_up(self, verb: str, reasons: Sequence[str]) -> None:
        logger.warning(
            "%s: the kernels in %s cannot be %s, so the next start compiles them again: %s",
            self._flavour.label,
            self._file,
            verb,
            "; ".join(reasons) or "no reason given",
        )
