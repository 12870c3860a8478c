"""Spec → Engine: pick the family, pick the backend, join them."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import cast

from engines.api import Engine, EngineSpec
from engines.backends import Runner
from engines.errors import BackendUnavailable
from engines.model import Model, frame_step_graph, model_folder
from engines.stream import StreamEngine


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
    model = open_model(spec.model)
    spec = replace(spec, backend=choose_backend(spec, model))
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


def open_model(name: str) -> Model:
    """Read a model's description; loads no framework. Raises `ModelUnavailable`."""
    folder = model_folder(name)
    family = import_module("engines.families.nano")
    return cast(Model, family.open_model("nano" if name == "auto" else name, folder))


def choose_backend(spec: EngineSpec, model: Model) -> str:
    """What "auto" means for this model here: its exported graphs with OpenVINO, else torch."""
    if spec.backend != "auto":
        return spec.backend
    if (model.folder / f"{frame_step_graph(spec)}.onnx").is_file() or find_spec("torch") is None:
        return "openvino"
    return "torch"


def backend_names() -> list[str]:
    """The files of engines/backends."""
    folder = Path(__file__).parent / "backends"
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))
