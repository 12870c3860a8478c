"""A spec becomes an engine, in one call: now, or beforehand for a machine that is not here."""

from __future__ import annotations

from pathlib import Path

from engines.api import UNWATCHED, Engine, EngineSpec, Watch
from engines.backends.tensorrt.card import tensorrt_for
from engines.backends.tensorrt.plan_process import with_plans
from engines.recipe import Recipe


def build(spec: EngineSpec, watch: Watch = UNWATCHED) -> Engine:
    """A ready engine, for a program that wants one of its model and no more.

    Takes, and raises, what `Recipe.build` does.
    """
    return Recipe(spec).build(watch)


def prebuild(spec: EngineSpec, architecture: str | None, watch: Watch) -> Path:
    """The file of the TensorRT engine of a spec, built if it is not there. Needs no GPU.

    architecture  as `tensorrt_for` takes it

    Raises `InvalidSpec`, `ModelUnavailable`, `BackendUnavailable`.
    """
    flavour, named = tensorrt_for(architecture)
    plans = with_plans(Recipe(spec).model, spec, flavour, named, watch).plans
    assert plans is not None
    return plans.frame_step
