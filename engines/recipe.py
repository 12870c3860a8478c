"""Recipe: a spec with its model, and the engines that are built of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from typing import cast

from engines.api import UNWATCHED, Engine, EngineSpec, Watch
from engines.backends import backend_names, open_backend
from engines.choice import backends_for, compiles
from engines.errors import BackendUnavailable, quoted
from engines.families import open_model
from engines.memory import GIB, Need, is_held
from engines.model import Model
from engines.outages import broken_plan, compile_broke, outage_of, plan_broke
from engines.remedies import on_cpu, on_what_is_left
from engines.stream import StreamEngine

logger = logging.getLogger("engines.recipe")

_MODEL = (
    "model",
    "family",
    "autoencoder",
    "loras",
    "live_loras",
    "steps",
)  # what a model is opened for


class Recipe:
    """What every engine for the same picture is built of. May be used from any thread.

    Its model is opened once, when it is first needed, for all sizes, backends and ways of running
    it that are tried. Which backends are ready and which have failed is asked for every engine:
    that changes while a program runs.

    spec  as it was asked for: "auto" in it stays
    """

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self._opened = cache(partial(open_model, spec))

    @property
    def model(self) -> Model:
        """Raises `ModelUnavailable`, `InvalidSpec`."""
        return self._opened()

    def with_spec(self, spec: EngineSpec) -> Recipe:
        """The same model for another spec, which differs in what a model is not opened for."""
        assert all(getattr(spec, name) == getattr(self.spec, name) for name in _MODEL)
        other = copy(self)
        other.spec = spec
        return other

    def at(self, width: int, height: int) -> Recipe:
        """For another size."""
        return self.with_spec(replace(self.spec, width=width, height=height))

    def ready_sizes(self, sizes: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of `sizes` for which a TensorRT engine is kept that this machine runs. Raises as
        `build_order` does."""
        found: list[tuple[int, int]] = []
        if self.spec.backend not in ("auto", "tensorrt"):
            return found
        for size in sizes:
            spec = self.at(*size).spec
            names = backends_for(spec, self.model)
            if names == ("tensorrt",):
                found.append(size)
            elif "tensorrt" not in names and not broken_plan(spec):
                break  # it is not for this machine, whatever the size
        return found

    def build_order(self) -> list[Recipe]:
        """What to build one after another for a stream: each is ready within seconds but the last,
        which may take minutes and is better. On the processor if the device is gone.

        Raises `InvalidSpec`, `ModelUnavailable` or `BackendUnavailable`.
        """
        spec = _possible(self.spec)
        if spec.backend == "null":
            return [self]
        names = backends_for(spec, self.model)
        if names == ("tensorrt",):  # not named: "auto" goes on with torch where it does not load
            return [self.with_spec(spec)]
        order = [_run_on(name, spec) for name in names]
        if names == ("torch",) and compiles(spec):
            order.append(replace(order[0], execution="compile"))
        return [self.with_spec(one) for one in order]

    def build(self, watch: Watch = UNWATCHED) -> Engine:
        """A ready engine. Takes from half a second to seconds; minutes for backend "tensorrt" if
        its plans are not there, which "auto" does not wait for, and for the graphs of a new model.

        Raises `InvalidSpec`, `ModelUnavailable` or `BackendUnavailable`, each naming the fix, and
        `BuildAbandoned`.
        """
        spec = _possible(self.spec)
        if spec.backend == "null":
            return cast(Engine, import_module("engines.backends.null").NullEngine(spec))
        if spec.backend == "auto":
            return _build_on_best(spec, self.model, watch)
        return _build_executed(spec, self.model, watch)


def _possible(spec: EngineSpec) -> EngineSpec:
    """`spec`, on what has not failed. Raises `BackendUnavailable` for a backend that is unknown."""
    known = backend_names()
    if spec.backend not in ("auto", *known):
        raise BackendUnavailable(
            f"backend {quoted(spec.backend)} is unknown. Known: auto, {', '.join(known)}."
        )
    return on_what_is_left(spec)


def _run_on(name: str, spec: EngineSpec) -> EngineSpec:
    """`spec` on a backend. What stands in for a float8 engine until that is built, or where it
    failed, is float16."""
    stands_in = name == "torch" and spec.precision == "fp8"
    return replace(spec, backend=name, precision="float16" if stands_in else spec.precision)


def _build_on_best(spec: EngineSpec, model: Model, watch: Watch) -> Engine:
    """On what "auto" stands for, or on what follows if that fails: torch after TensorRT, and the
    processor after a device that is gone."""
    name = backends_for(spec, model)[0]
    while True:
        try:
            return _build_executed(_run_on(name, spec), model, watch)
        except BackendUnavailable as error:
            gone = outage_of(spec.device) if name != "openvino" else ""
            if gone:
                logger.warning("backend: openvino, since %s failed: %s", name, error)
                return _build_as_said(on_cpu(spec), model, watch)
            if name != "tensorrt":
                raise
            logger.warning("backend: torch, since TensorRT failed: %s", error)
            name = "torch"


def _build_executed(spec: EngineSpec, model: Model, watch: Watch) -> Engine:
    """As a CUDA graph where "auto" stands for that, or eagerly if none can be captured."""
    try:
        return _build_as_said(spec, model, watch)
    except BackendUnavailable as error:
        # On some drivers a capture that failed is the end of the device for this process.
        if error.cause != "capture" or spec.execution != "auto" or outage_of(spec.device):
            raise
        logger.warning("execution: eager, since %s", error)
        return _build_as_said(replace(spec, execution="eager"), model, watch)


def _build_as_said(spec: EngineSpec, model: Model, watch: Watch) -> Engine:
    """On the backend that `spec` names, whatever comes of it."""
    name = spec.backend
    if spec.precision == "fp8" and name != "tensorrt":
        raise BackendUnavailable(f"precision 'fp8' is TensorRT's, not {name}'s. Use 'auto'.")
    backend = open_backend(name)
    model = backend.prepared(model, spec, watch)
    _make_room(backend.needs(model, spec), model, watch)
    try:
        runner = backend.build_runner(model, spec)
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
