"""Spec → Engine: pick the family, pick the backend, join them."""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import cast

from engines.api import NOBODY, Engine, EngineSpec, Watch
from engines.backends import Runner
from engines.choice import backends_for, tensorrt_for, tensorrt_here
from engines.errors import BackendUnavailable, quoted
from engines.export import with_graphs
from engines.families import open_model
from engines.model import Model, frame_step_graph
from engines.plan_process import with_plans
from engines.stream import StreamEngine

logger = logging.getLogger("engines.build")


def build(spec: EngineSpec, watch: Watch = NOBODY) -> Engine:
    """A ready engine. Takes from half a second to seconds; minutes for backend "tensorrt" if its
    plans are not there, which "auto" does not wait for, and for the graphs of a new model.

    Raises `InvalidSpec`, `ModelUnavailable` or `BackendUnavailable`, each naming the fix, and
    `BuildAbandoned`.
    """
    _check_backend(spec)
    if spec.backend == "null":
        return cast(Engine, import_module("engines.backends.null").NullEngine(spec))
    model = open_model(spec)
    if spec.backend != "auto":
        return _build_on(spec.backend, spec, model, watch)
    chosen = backends_for(spec, model)[0]
    try:
        return _build_on(chosen, spec, model, watch)
    except BackendUnavailable as error:
        if chosen != "tensorrt":
            raise
        logger.warning("backend: torch, since TensorRT failed: %s", error)
        return _build_on("torch", spec, model, watch)


def engine_steps(spec: EngineSpec) -> list[EngineSpec]:
    """The specs to build one after another for a stream: each is ready within seconds but the
    last, which may take minutes and is better.

    Raises `InvalidSpec`, `ModelUnavailable` or `BackendUnavailable`.
    """
    _check_backend(spec)
    if spec.backend == "null":
        return [spec]
    return [replace(spec, backend=name) for name in backends_for(spec, open_model(spec))]


def prebuild(spec: EngineSpec, architecture: str | None, watch: Watch) -> Path:
    """The folder of the TensorRT engine of a spec, built if it is not there. Needs no GPU.

    architecture  as `engines.choice.tensorrt_for` takes it

    Raises `InvalidSpec`, `ModelUnavailable`, `BackendUnavailable`.
    """
    model = open_model(spec)
    flavour, named = tensorrt_for(architecture)
    plans = with_plans(model, spec, flavour, named, watch).plans
    assert plans is not None
    return plans


def _check_backend(spec: EngineSpec) -> None:
    backends = backend_names()
    if spec.backend not in ("auto", *backends):
        raise BackendUnavailable(
            f"backend {quoted(spec.backend)} is unknown. Known: auto, {', '.join(backends)}."
        )


def _build_on(name: str, spec: EngineSpec, model: Model, watch: Watch) -> Engine:
    """`spec` on a backend, with what that reads instead of the model's folder."""
    spec = replace(spec, backend=name)
    backend = _load_backend(name)
    if name == "openvino":
        model = with_graphs(model, ["text_encoder", frame_step_graph(spec)])
    if name == "tensorrt":
        backend.check_spec(spec)
        flavour, card = tensorrt_here(spec)
        model = with_plans(model, spec, flavour, card.architecture, watch)
    runner: Runner = backend.build_runner(model, spec)
    return StreamEngine(spec, model, runner)


def _load_backend(name: str) -> ModuleType:
    try:
        return import_module(f"engines.backends.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "engines":
            raise
        extra = "nvidia" if name == "tensorrt" else name
        raise BackendUnavailable(
            f"backend {quoted(name)} needs the package {error.name}, which is not installed. "
            f"Install it: pip install 'streamcam[{extra}]'. Or leave the choice to the program: "
            "--backend auto."
        ) from error


def backend_names() -> list[str]:
    """The files of engines/backends."""
    folder = Path(__file__).parent / "backends"
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))
