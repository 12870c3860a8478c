"""Styling: what frames are restyled with."""

from __future__ import annotations

from dataclasses import dataclass

from engines.api import Engine
from streamcam.looks.params import ParamsBox


@dataclass(frozen=True, slots=True, eq=False)
class Styling:
    """An engine with its live parameters, which that engine encodes. They change together."""

    engine: Engine
    params: ParamsBox
