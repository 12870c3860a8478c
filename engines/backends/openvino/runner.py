"""OpenVINO: exported ONNX graphs on CPUs and Intel GPUs and NPUs. No torch in the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engines.api import Embedding, EngineSpec, Watch
from engines.backends import Conditioning, State, patchable
from engines.backends.openvino.bound_step import BoundStep
from engines.backends.openvino.graphs import (
    Graph,
    checked_precision,
    choose_device,
    open_core,
    ov,
)
from engines.backends.openvino.kept import compiled_graph
from engines.backends.openvino.statistics import STATISTICS
from engines.backends.openvino.text import TextEncoder, is_loaded
from engines.errors import BackendUnavailable, EngineFailed, quoted
from engines.graphs.export import with_graphs
from engines.memory import Need, memory_of
from engines.model import Model, frame_step_graph
from engines.model.footprint import parameters, working_bytes
from engines.model.shapes import frame_step_signature, input_shapes, patch_shapes
from engines.patches import Size


def prepared(model: Model, spec: EngineSpec, watch: Watch) -> Model:
    """With its graphs, which are written if they are not there."""
    del watch
    return with_graphs(model, ["text_encoder", frame_step_graph(spec)])


def build_runner(model: Model, spec: EngineSpec) -> OpenVinoRunner:
    """Read and compile the frame step and the text encoder. Raises `BackendUnavailable`."""
    if spec.execution in ("eager", "graph"):
        raise BackendUnavailable(
            f"execution {quoted(spec.execution)}: OpenVINO compiles the whole frame step, always. "
            "Use 'auto', or backend 'torch'."
        )
    core = open_core()
    return OpenVinoRunner(core, model, spec, choose_device(core, spec))


def needs(model: Model, spec: EngineSpec) -> Need | None:
    """Of the processor's memory; None for other devices."""
    memory = memory_of(spec.device if spec.device != "auto" else "CPU")
    if memory is None:
        return None
    networks, text = parameters(model)
    item = 2 if spec.precision in ("bfloat16", "float16") else 4
    if is_loaded(model, spec, "CPU"):
        text = 0
    needed = (networks + text) * item + working_bytes(model, spec, item)
    return Need("CPU", needed, memory.free)


class OpenVinoRunner:
    """All tensors are allocated once and bound by address."""

    def __init__(self, core: ov.Core, model: Model, spec: EngineSpec, device: str) -> None:
        step = frame_step_signature(model, spec)
        shapes = input_shapes(step, model, spec)
        graph = Graph(frame_step_graph(spec), shapes)
        compiled = compiled_graph(core, model, graph, spec, device)
        self.device = device
        self.execution = "compile"
        self.precision = checked_precision(compiled, spec, device)
        self._made_of = (core, model, spec, shapes)
        self._signature = step
        self._statistics: ov.Tensor | None = None  # of `add_patch` alone
        self._has_statistics = False  # a whole frame has written them
        self._lock = Lock()
        # Replaced under _lock, by `add_patch` and `close`; read without it.
        self._whole: BoundStep | None = BoundStep(compiled, step)
        self._parts: dict[Size, BoundStep] = {}
        # The state is written into one set of tensors while it is read from the other.
        self._states = [
            {name: _tensor_like(compiled.input(name)) for name in step.state} for _ in range(2)
        ]
        # A ring of S feature maps: one is written while the one of K frames ago is read.
        slots = spec.steps if step.delayed else 0
        self._features = [
            {name: _tensor_like(compiled.input(name)) for name in step.delayed}
            for _ in range(slots)
        ]
        self._frames = 0
        self._text: TextEncoder | None = TextEncoder(core, model, spec, device)

    def encode_tokens(
        self, tokens_NT: NDArray[np.int64], lora_N: NDArray[np.float32] | None = None
    ) -> Embedding:
        text = self._text
        if text is None:
            raise EngineFailed(_CLOSED)
        return text.encode(tokens_NT, lora_N)

    def start(
        self,
        frame_HWC: NDArray[np.uint8],
        conditioning: Conditioning,
        out_HWC: NDArray[np.uint8],
        *,
        cold: bool,
    ) -> None:
        """The work is done when this returns."""
        bound = self._bound_for((frame_HWC.shape[1], frame_HWC.shape[0]))
        bound.bind(frame_HWC, conditioning, out_HWC, cold=cold)
        if cold and self._features:
            # The detail path has nothing from K frames ago yet: this frame's maps stand in.
            self._infer(bound)
            newest = self._features[self._frames % len(self._features)]
            for slot in self._features:
                for name, tensor in slot.items():
                    tensor.data[...] = newest[name].data
        self._infer(bound)
        self._has_statistics |= bound.knows_statistics
        self._frames += 1

    @property
    def patches(self) -> Sequence[Size]:
        """None before there are statistics of a frame."""
        return tuple(self._parts) if self._has_statistics else ()

    def add_patch(self, size: Size) -> None:
        core, model, spec, shapes = self._made_of
        if size in self._parts or not patchable(model, spec):
            return
        name = frame_step_graph(spec)
        if self._statistics is None:
            # Only now: most engines never need them, and compiling them takes a tenth longer.
            graph = Graph(name, shapes, "kept")
            compiled = compiled_graph(core, model, graph, spec, self.device)
            self._statistics = _tensor_like(compiled.output(STATISTICS))
            self._use(BoundStep(compiled, self._signature, self._statistics))
        graph = Graph(name, patch_shapes(shapes, model, size), "given")
        compiled = compiled_graph(core, model, graph, spec, self.device)
        self._use(BoundStep(compiled, self._signature, self._statistics), size)

    def state(self) -> State:
        held = self._states[self._frames % 2]
        found = {name: np.array(tensor.data) for name, tensor in held.items()}
        ages = range(1, len(self._features))
        for name in self._signature.delayed:
            found[name] = np.stack([self._features[self._slot(age)][name].data for age in ages])
        return found

    def restore(self, state: State) -> None:
        for name, tensor in self._states[self._frames % 2].items():
            tensor.data[...] = state[name]
        for age in range(1, len(self._features)):
            for name, tensor in self._features[self._slot(age)].items():
                tensor.data[...] = state[name][age - 1]

    def finish(self) -> None: ...

    def stage_ms(self) -> Mapping[str, float]:
        """One call does it all, so there are no stages to measure."""
        return {}

    def close(self) -> None:
        self._states.clear()
        self._features.clear()
        with self._lock:
            self._whole, self._parts = None, {}
        self._text = None

    def _slot(self, age: int) -> int:
        """Where the feature maps of `age` frames ago lie."""
        return (self._frames - age) % len(self._features)

    def _use(self, bound: BoundStep, part: Size | None = None) -> None:
        """From the next frame on, unless the engine was closed meanwhile."""
        with self._lock:
            if self._whole is None:
                return
            if part is None:
                self._whole = bound
            else:
                self._parts = {**self._parts, part: bound}

    def _bound_for(self, size: Size) -> BoundStep:
        whole = self._whole
        if whole is None:
            raise EngineFailed(_CLOSED)
        return self._parts.get(size, whole)

    def _infer(self, bound: BoundStep) -> None:
        frame, request = self._frames, bound.request
        if self._states:
            read, write = self._states[frame % 2], self._states[(frame + 1) % 2]
            for name in self._signature.state:
                request.set_tensor(name, read[name])
                request.set_tensor(f"next_{name}", write[name])
        if self._features:
            slots = len(self._features)
            write, read = self._features[frame % slots], self._features[(frame + 1) % slots]
            for name in self._signature.delayed:
                request.set_tensor(name, read[name])
                request.set_tensor(name.removeprefix("delayed_"), write[name])
        try:
            # Not `infer`, which would compute on this thread as well: the app lets the threads of
            # the engine give way to those that show pictures, and this one is to stay ahead.
            request.start_async()
            request.wait()
        except RuntimeError as error:
            raise EngineFailed(f"OpenVINO on {self.device}: {error}") from error


_CLOSED = "the engine is closed; build another one"


def _tensor_like(port: ov.ConstOutput) -> ov.Tensor:
    tensor = ov.Tensor(port.get_element_type(), port.get_shape())
    tensor.data[...] = 0
    return tensor
