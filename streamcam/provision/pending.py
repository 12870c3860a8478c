"""Pending: a preset that waits for its engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engines.api import EngineSpec
from engines.recipe import Recipe
from streamcam.frames.geometry import Size
from streamcam.notices import Notice, NoticeBoard
from streamcam.presets import Preset


@dataclass(slots=True, eq=False)
class Pending:
    """For its engine, or for a better one than the one that runs already. A later preset with the
    same spec takes its place.

    mends      in place of an engine that broke; `recipe` is then another one once that is found
    better     its last engine is faster than the first of its size, which it takes the place of
    grows      for a larger picture than the running engine's, if it is as fast as it was thought
    shrinks    for a smaller one, since the running engine does not hold the rate
    announced  that it takes long was said
    """

    preset: Preset
    recipe: Recipe
    mends: bool = False
    better: bool = False
    grows: bool = False
    shrinks: bool = False
    announced: bool = False

    @property
    def spec(self) -> EngineSpec:
        return self.recipe.spec

    @classmethod
    def resized(cls, preset: Preset, running: Recipe, size: Size) -> Pending:
        """For the running preset in another size, for the rate."""
        grows = size[0] * size[1] > running.spec.width * running.spec.height
        return cls(preset, running.at(*size), grows=grows, shrinks=not grows)

    @property
    def paces(self) -> bool:
        """Its size is chosen for the rate."""
        return self.grows or self.shrinks

    def left_of(self, order: list[Recipe], done: int) -> list[Recipe]:
        """What is still to be built on the way to the best engine, of which `done` are there
        already. Another size for the rate waits for the best one: others would be slower."""
        self.better = len(order) > 1 or done > 0
        return order[-1:] if self.paces else order[done:]

    def resizes(self, running: Preset, spec: EngineSpec) -> bool:
        """Whether it is for the running preset, in another size than that of the running `spec`."""
        return self.preset is running and self.spec != spec

    def named(self, running: Preset, spec: EngineSpec) -> str:
        """What it is for, for people."""
        if self.resizes(running, spec):
            return f"an engine of {self.spec.width}x{self.spec.height}"
        return f"preset {self.preset.name}"

    def announce(self, stage: str, notices: NoticeBoard, say: Callable[[str], None]) -> None:
        """Its build takes long and is at `stage`; calls `say` once."""
        notices.put(Notice("preset", f"faster engine: {stage}"))
        if not self.announced:
            self.announced = True
            say("engine: a faster one is built, which will take over by itself")

    def serves(self, spec: EngineSpec, broken: EngineSpec) -> bool:
        """Whether a preset of `spec` can wait for the same engine."""
        return spec == self.spec or (self.mends and spec == broken)
