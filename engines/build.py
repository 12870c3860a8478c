"""Spec → Engine: pick the family, pick the backend, join them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import cast

from engines import backends
from engines.api import UNWATCHED, Engine, EngineSpec, Watch
from engines.backends import Runner
from engines.backends.tensorrt.plan_process import with_plans
from engines.choice import backends_for, compiles, tensorrt_for, tensorrt_here
from engines.errors import BackendUnavailable, quoted
from engines.families import open_model
from engines.graphs.export import with_graphs
from engines.memory import GIB, Need, is_held
from engines.model import Model, frame_step_graph
from engines.outages import broken_plan, compile_broke, outage_of, plan_broke
from engines.remedies import on_cpu, on_what_is_left
from engines.stream import StreamEngine

logger = logging.getLogger("engines.build")


def build(spec: EngineSpec, watch: Watch = UNWATCHED) -> Engine:
    """A ready engine. Takes from half a second to seconds; minutes for backend "tensorrt" if its
    plans are not there, which "auto" does not wait for, and for the graphs of a new model.

    Raises `InvalidSpec`, `ModelUnavailable` or `BackendUnavailable`, each naming the fix, and
    `BuildAbandoned`.
    """
    _check_backend(spec)
    spec = on_what_is_left(spec)
    if spec.backend == "null":
        return cast(Engine, import_module("engines.backends.null").NullEngine(spec))
    model = open_model(spec)
    if spec.backend != "auto":
        return _build_executed(spec.backend, spec, model, watch)
    return _build_on_best(spec, model, watch)


def _build_on_best(spec: EngineSpec, model: Model, watch: Watch) -> Engine:
    """On what "auto" stands for, or on what follows if that fails: torch after TensorRT, and the
    processor after a device that is gone."""
    name = backends_for(spec, model)[0]
    while True:
        try:
            return _build_executed(name, _run_on(name, spec), model, watch)
        except BackendUnavailable as error:
            gone = outage_of(spec.device) if name != "openvino" else ""
            if gone:
                logger.warning("backend: openvino, since %s failed: %s", name, error)
                return _build_on("openvino", on_cpu(spec), model, watch)
            if name != "tensorrt":
                raise
            logger.warning("backend: torch, since TensorRT failed: %s", error)
            name = "torch"


def _build_executed(name: str, spec: EngineSpec, model: Model, watch: Watch) -> Engine:
    """As a CUDA graph where "auto" stands for that, or eagerly if none can be captured."""
    try:
        return _build_on(name, spec, model, watch)
    except BackendUnavailable as error:
        # On some drivers a capture that failed is the end of the device for this process.
        if error.cause != "capture" or spec.execution != "auto" or outage_of(spec.device):
            raise
        logger.warning("execution: eager, since %s", error)
        return _build_on(name, replace(spec, execution="eager"), model, watch)


def engine_steps(spec: EngineSpec) -> list[EngineSpec]:
    """The specs to build one after another for a stream: each is ready within seconds but the
    last, which may take minutes and is better. On the processor if the device is gone.

    Raises `InvalidSpec`, `ModelUnavailable` or `BackendUnavailable`.
    """
    _check_backend(spec)
    spec = on_what_is_left(spec)
    if spec.backend == "null":
        return [spec]
    names = backends_for(spec, open_model(spec))
    if names == ("tensorrt",):
        return [spec]  # not named: "auto" goes on with torch where the engine does not load
    steps = [replace(_run_on(name, spec), backend=name) for name in names]
    if names == ("torch",) and compiles(spec):
        steps.append(replace(steps[0], execution="compile"))
    return steps


def _run_on(name: str, spec: EngineSpec) -> EngineSpec:
    """What stands in for a float8 engine until that is built, or where it failed, is float16."""
    stands_in = name == "torch" and spec.precision == "fp8"
    return replace(spec, precision="float16") if stands_in else spec


def ready_plans(specs: Sequence[EngineSpec]) -> list[EngineSpec]:
    """Those for which a TensorRT engine is kept that this machine runs, of specs that differ in
    their size alone. Raises as `engine_steps` does."""
    found: list[EngineSpec] = []
    for spec in specs:
        names = backends_for(spec, open_model(spec))
        if names == ("tensorrt",):
            found.append(spec)
        elif "tensorrt" not in names and not broken_plan(spec):
            break  # it is not for this machine, whatever the size
    return found


def prebuild(spec: EngineSpec, architecture: str | None, watch: Watch) -> Path:
    """The file of the TensorRT engine of a spec, built if it is not there. Needs no GPU.

    architecture  as `engines.choice.tensorrt_for` takes it

    Raises `InvalidSpec`, `ModelUnavailable`, `BackendUnavailable`.
    """
    model = open_model(spec)
    flavour, named = tensorrt_for(architecture)
    plans = with_plans(model, spec, flavour, named, watch).plans
    assert plans is not None
    return plans.frame_step


def _check_backend(spec: EngineSpec) -> None:
    known = backend_names()
    if spec.backend not in ("auto", *known):
        raise BackendUnavailable(
            f"backend {quoted(spec.backend)} is unknown. Known: auto, {', '.join(known)}."
        )


def _build_on(name: str, spec: EngineSpec, model: Model, watch: Watch) -> Engine:
    """`spec` on a backend, with what that reads instead of the model's folder."""
    if spec.precision == "fp8" and name != "tensorrt":
        raise BackendUnavailable(f"precision 'fp8' is TensorRT's, not {name}'s. Use 'auto'.")
    spec = replace(spec, backend=name)
    backend = _load_backend(name)
    if name == "openvino":
        model = with_graphs(model, ["text_encoder", frame_step_graph(spec)])
    if name == "tensorrt":
        backend.check_spec(spec)
        flavour, card = tensorrt_here(spec)
        model = with_plans(model, spec, flavour, card.target(flavour), watch)
    if name == "torch" and spec.execution == "compile":
        watch.tell("torch.compile")
    _make_room(backend.needs(model, spec), model, watch)
    try:
        runner: Runner = backend.build_runner(model, spec)
    except BackendUnavailable as error:
        if name == "tensorrt" and error.cause not in ("memory", "capture"):
            plan_broke(spec, str(error))
        if spec.execution == "compile" and error.cause != "memory":
            compile_broke(str(error))
        raise
    return StreamEngine(spec, model, runner)


def _make_room(need: Need | None, model: Model, watch: Watch) -> None:
    """Before an engine takes memory beside others of this process. Raises `BackendUnavailable` if
    there is too little and no engine gives some up; an engine that is alone may try in any case."""
    if need is None or need.needed <= need.free or not is_held(need.device):
        return
    if watch.make_room():
        return
    raise BackendUnavailable(
        f"{model.name} needs about {need.needed / GIB:.1f} GiB on {need.device} beside the engine "
        f"that runs, and {need.free / GIB:.1f} GiB are free. Choose a smaller --size or fewer "
        "steps, or close what else uses the device.",
        cause="memory",
    )


def _load_backend(name: str) -> ModuleType:
    try:
        return import_module(f"engines.backends.{name}.runner")
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
    """What lies in engines/backends: a file, or a folder with a `runner.py`."""
    return sorted(found.name for found in iter_modules(backends.__path__))
