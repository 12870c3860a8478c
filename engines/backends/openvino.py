"""OpenVINO: exported ONNX graphs on CPUs and Intel GPUs and NPUs. No torch in the process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api import EngineSpec
from engines.backends import Conditioning
from engines.errors import BackendUnavailable, EngineFailed, ModelUnavailable
from engines.frame_step_signature import Signature, signature
from engines.model import Model, frame_step_graph

# No telemetry: with this import refused, OpenVINO takes the stub that it brings for that case.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino import properties as properties  # noqa: E402
from openvino.properties import hint as hint  # noqa: E402

_TYPES = {"float32": ov.Type.f32, "bfloat16": ov.Type.bf16, "float16": ov.Type.f16}


def build_runner(model: Model, spec: EngineSpec) -> OpenVinoRunner:
    """Read and compile the frame step and the text encoder. Raises `BackendUnavailable`."""
    core = ov.Core()
    device = "CPU" if spec.device == "auto" else spec.device.upper()
    if device.split(".")[0] not in {name.split(".")[0] for name in core.available_devices}:
        raise BackendUnavailable(
            f"device {spec.device!r}: OpenVINO finds {', '.join(core.available_devices)} here."
        )
    return OpenVinoRunner(core, model, spec, device)


class OpenVinoRunner:
    """See engines.backends.Runner. All tensors are allocated once and bound by address."""

    def __init__(self, core: ov.Core, model: Model, spec: EngineSpec, device: str) -> None:
        steps = signature(
            steps=spec.steps,
            guidance_mode=spec.guidance_mode,
            batching=spec.batching,
            features=len(model.features),
        )
        compiled = compile_graph(
            core, model, frame_step_graph(spec), frame_step_shapes(model, spec, steps), spec, device
        )
        self.device = device
        self.precision = precision_of(compiled)
        self._signature = steps
        self._request: ov.InferRequest | None = compiled.create_infer_request()
        self._given: dict[str, NDArray[np.float32]] = {}
        # The state is written into one set of tensors while it is read from the other.
        self._states = [
            {name: _tensor_like(compiled.input(name)) for name in steps.state} for _ in range(2)
        ]
        # A ring of S feature maps: one is written while the one of K frames ago is read.
        slots = spec.steps if steps.delayed else 0
        self._features = [
            {name: _tensor_like(compiled.input(name)) for name in steps.delayed}
            for _ in range(slots)
        ]
        self._frames = 0
        text = compile_graph(core, model, "text_encoder", {}, spec, device)
        self._text_request: ov.InferRequest | None = text.create_infer_request()

    def encode_tokens(self, tokens_1T: NDArray[np.int64]) -> NDArray[np.float32]:
        """See Runner."""
        if self._text_request is None:
            raise EngineFailed(_CLOSED)
        result = self._text_request.infer({0: tokens_1T})
        return np.array(result[0], np.float32)

    def run(
        self,
        frame_HWC: NDArray[np.uint8],
        conditioning: Conditioning,
        out_HWC: NDArray[np.uint8],
        *,
        cold: bool,
    ) -> None:
        """See Runner."""
        request = self._request
        if request is None:
            raise EngineFailed(_CLOSED)
        request.set_tensor("frame_HWC", ov.Tensor(frame_HWC, shared_memory=True))
        request.set_tensor("image_HWC", ov.Tensor(out_HWC, shared_memory=True))
        self._condition(request, conditioning, cold=cold)
        if cold and self._features:
            # The detail path has nothing from K frames ago yet: this frame's maps stand in.
            self._infer(request)
            newest = self._features[self._frames % len(self._features)]
            for slot in self._features:
                for name, tensor in slot.items():
                    tensor.data[...] = newest[name].data
        self._infer(request)
        self._frames += 1

    def close(self) -> None:
        """See Runner."""
        self._given.clear()
        self._states.clear()
        self._features.clear()
        self._request = self._text_request = None

    def _condition(
        self, request: ov.InferRequest, conditioning: Conditioning, *, cold: bool
    ) -> None:
        for name in self._signature.conditioning:
            value = _COLD[cold] if name == "cold" else conditioning[name]
            if self._given.get(name) is not value:
                request.set_tensor(name, ov.Tensor(np.ascontiguousarray(value)))
                self._given[name] = value

    def _infer(self, request: ov.InferRequest) -> None:
        frame = self._frames
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
            request.infer()
        except RuntimeError as error:
            raise EngineFailed(f"OpenVINO on {self.device}: {error}") from error


_CLOSED = "the engine is closed; build another one"
_COLD = {True: np.ones(1, np.float32), False: np.zeros(1, np.float32)}


def frame_step_shapes(model: Model, spec: EngineSpec, step: Signature) -> dict[str, list[int]]:
    """The shape of every input of the frame step that is free in its graph."""
    height, width = spec.height, spec.width
    small = [height // model.downscale, width // model.downscale]
    latent = [model.latent_channels, *small]
    shapes: dict[str, list[int]] = {"frame_HWC": [height, width, 3]}
    for name in (*step.state, *step.conditioning):
        rows = spec.steps - 1 if "_K" in name else spec.steps
        if name.endswith("Chw"):
            shapes[name] = [rows, *latent]
        elif name.endswith(("_S", "_K")):
            shapes[name] = [rows]
    for name, (channels, scale) in zip(step.delayed, model.features, strict=False):
        shapes[name] = [1, channels, height // scale, width // scale]
    return shapes


def compile_graph(
    core: ov.Core,
    model: Model,
    graph: str,
    shapes: Mapping[str, list[int]],
    spec: EngineSpec,
    device: str,
) -> ov.CompiledModel:
    """Fix the free dimensions of an exported graph and compile it for latency."""
    config: dict[Any, Any] = {
        hint.performance_mode: hint.PerformanceMode.LATENCY,
        hint.num_requests: 1,
    }
    if device == "CPU":
        config[properties.num_streams] = 1
        if spec.threads:
            config[properties.inference_num_threads] = spec.threads
    if spec.precision != "auto":
        config[hint.inference_precision] = _TYPES[spec.precision]
    path = model.graph_file(graph)
    try:
        network = core.read_model(path)
        if shapes:
            network.reshape(dict(shapes))
        return core.compile_model(network, device, config)
    except RuntimeError as error:
        raise ModelUnavailable(f"{path}: OpenVINO cannot load it on {device}: {error}") from error


def precision_of(compiled: ov.CompiledModel) -> str:
    """The arithmetic that the device was given, in our words."""
    chosen = compiled.get_property(hint.inference_precision)
    return next((name for name, kind in _TYPES.items() if kind == chosen), str(chosen))


def _tensor_like(port: ov.ConstOutput) -> ov.Tensor:
    tensor = ov.Tensor(port.get_element_type(), port.get_shape())
    tensor.data[...] = 0
    return tensor
