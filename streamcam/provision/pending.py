"""Pending: a preset that waits for its engine."""

from __future__ import annotations

from dataclasses import dataclass

from engines.api import EngineSpec
from streamcam.presets import Preset


@dataclass(slots=True, eq=False)
class Pending:
    """For its engine, or for a better one than the one that runs already. A later preset with the
    same spec takes its place.

    mends      in place of an engine that broke; `spec` is then another one once that is found
    announced  that it takes long was said
    """

    preset: Preset
    spec: EngineSpec
    mends: bool = False
    announced: bool = False

    def serves(self, spec: EngineSpec, broken: EngineSpec) -> bool:
        """Whether a preset of `spec` can wait for the same engine."""
        return spec == self.spec or (self.mends and spec == broken)
