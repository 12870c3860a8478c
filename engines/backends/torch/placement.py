"""Where and how torch runs an engine: device, arithmetic, memory layout, execution."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engines.api import EngineSpec
from engines.backends.torch.compiler import compiler_obstacle
from engines.errors import BackendUnavailable, quoted

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class Placement:
    """What every "auto" of a spec became.

    precision  of the networks; what is around them stays float32
    execution  "eager", "graph" or "compile"
    library    what computes on the device, for people
    half_accumulation  as in `EngineSpec`
    """

    device: torch.device
    precision: str
    execution: str
    library: str = "torch"
    half_accumulation: bool = True

    @property
    def dtype(self) -> torch.dtype:
        """Of the networks' weights and arithmetic."""
        return TYPES[self.precision]

    @property
    def layout(self) -> torch.memory_format:
        """Of convolution weights. Channels last is what cuDNN's half-precision kernels read, and
        saves a CPU an eighth of a nano frame of 448x256; MPS has its own layout."""
        return torch.contiguous_format if self.device.type == "mps" else torch.channels_last

    @property
    def captured(self) -> bool:
        """Whether the step is replayed as a CUDA graph."""
        return self.execution != "eager" and _why_no_graphs(self.device) is None


def place(spec: EngineSpec) -> Placement:
    """Replace every "auto" of the spec. Raises `BackendUnavailable` for what cannot be had here."""
    if spec.precision == "fp8":
        raise BackendUnavailable("precision 'fp8' is TensorRT's. Use 'auto'.")
    device = _device(spec.device)
    # float16 is the native type of GPUs; CPUs run it slower than float32.
    automatic = "float32" if device.type == "cpu" else "float16"
    precision = automatic if spec.precision == "auto" else spec.precision
    execution = _execution(spec.execution, device)
    return Placement(device, precision, execution, half_accumulation=spec.half_accumulation)


def _execution(wanted: str, device: torch.device) -> str:
    obstacle = _why_no_graphs(device)
    if wanted == "auto":
        return "eager" if obstacle else "graph"
    if wanted == "graph" and obstacle:
        raise BackendUnavailable(
            f"execution 'graph' needs CUDA graphs, and {obstacle}. Use 'eager', or 'auto'."
        )
    if wanted == "compile" and device.type == "cuda" and (obstacle := compiler_obstacle()):
        raise BackendUnavailable(f"execution 'compile' on {device}: {obstacle}. Or use 'graph'.")
    return wanted


def _why_no_graphs(device: torch.device) -> str | None:
    if device.type != "cuda":
        return f"device {device} is no CUDA device"
    if torch.version.hip is not None:
        return f"device {device} is an AMD GPU, where the step runs eagerly"
    return None


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.zeros(1, device=name.lower()).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BackendUnavailable(
            f"device {quoted(name)} cannot be used by torch: {reason}"
        ) from error
