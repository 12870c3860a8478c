"""Spec → Engine: pick the family, pick the backend, join them."""

from __future__ import annotations

import sys
from ctypes.util import find_library
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import cast

from engines.api import Engine, EngineSpec
from engines.backends import Runner
from engines.errors import BackendUnavailable
from engines.export import with_graphs
from engines.families import open_model
from engines.model import Model, frame_step_graph
from engines.stream import StreamEngine

_COMPILERS = ("openvino",)  # backends that read a model's graphs instead of its folder


def build(spec: EngineSpec) -> Engine:
    """A ready engine. Takes from half a second to seconds.

    Raises `InvalidSpec`, `ModelUnavailable` or `BackendUnavailable`, each naming the fix.
    """
    backends = backend_names()
    if spec.backend not in ("auto", *backends):
        raise BackendUnavailable(
            f"backend {spec.backend!r} is unknown. Known: auto, {', '.join(backends)}."
        )
    if spec.backend == "null":
        return cast(Engine, import_module("engines.backends.null").NullEngine(spec))
    model = open_model(spec)
    spec = replace(spec, backend=choose_backend(spec, model))
    if spec.backend in _COMPILERS:
        model = with_graphs(model, ["text_encoder", frame_step_graph(spec)])
    runner: Runner = _load_backend(spec.backend).build_runner(model, spec)
    return StreamEngine(spec, model, runner)


def _load_backend(name: str) -> ModuleType:
    try:
        return import_module(f"engines.backends.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "engines":
            raise
        raise BackendUnavailable(
            f"backend {name!r} needs the package {error.name}, which is not installed. Install "
            f"it: pip install 'streamcam[{name}]'. Or leave the choice to the program: "
            "--backend auto."
        ) from error


def choose_backend(spec: EngineSpec, model: Model) -> str:
    """What "auto" means for this model here: torch where it has a GPU or where an execution is
    asked for that only torch has, else OpenVINO."""
    if spec.backend != "auto":
        return spec.backend
    if spec.execution in ("eager", "graph"):
        return "torch"
    return "torch" if _torch_has_gpu(model) else "openvino"


def _torch_has_gpu(model: Model) -> bool:
    """Asked without loading torch where there is surely none: that would take seconds."""
    nvidia = Path("/dev/nvidiactl").exists() or find_library("nvcuda") is not None
    apple = sys.platform == "darwin" and model.family != "nano"
    amd = Path("/dev/kfd").exists()
    if not (nvidia or apple or amd) or find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def backend_names() -> list[str]:
    """The files of engines/backends."""
    folder = Path(__file__).parent / "backends"
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))
