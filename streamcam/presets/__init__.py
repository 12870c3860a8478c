"""Presets: one TOML file a look, shipped, the user's own, or anywhere. Read again when saved."""

from __future__ import annotations

from typing import Any

from streamcam.presets.find import load_preset, preset_names, shipped_presets, user_presets
from streamcam.presets.model import Preset
from streamcam.presets.tables import (
    GateChoice,
    LookChange,
    OutputFormat,
    ResolveChoice,
    ScheduleEntry,
)
from streamcam.presets.watch import watch_preset

__all__ = [
    "GateChoice",
    "LookChange",
    "OutputFormat",
    "Preset",
    "ResolveChoice",
    "ScheduleEntry",
    "json_schema",
    "load_preset",
    "preset_names",
    "shipped_presets",
    "user_presets",
    "watch_preset",
]


def json_schema() -> dict[str, Any]:
    """JSON Schema of a preset file, for editors and the web page."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Preset.model_json_schema(),
        "title": "streamcam preset",
    }
