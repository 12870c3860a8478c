"""A Batch of single engines, one a seat."""

from __future__ import annotations

from collections.abc import Sequence

from engines.api import Embedding, Engine, EngineSpec, Params, Picture
from engines.recipe import Recipe


class SingleEngines:
    def __init__(self, spec: EngineSpec, capacity: int) -> None:
        self._recipe = Recipe(spec)
        self._first = self._recipe.build()
        self.spec, self.capacity = self._first.spec, capacity

    def open(self) -> Engine:
        return self._recipe.build()

    def encode(self, prompt: str) -> Embedding:
        return self._first.encode(prompt)

    def run(self, frames: Sequence[tuple[Engine, Picture, Params]]) -> list[Picture]:
        return [engine.run(frame, params) for engine, frame, params in frames]

    def close(self) -> None:
        self._first.close()
