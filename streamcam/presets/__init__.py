"""Presets: one TOML file a look, shipped, the user's own, or anywhere. Read again when saved."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from streamcam.errors import quoted
from streamcam.presets.find import (
    Outline,
    outline,
    preset_names,
    shipped_presets,
    user_presets,
)

if TYPE_CHECKING:
    from streamcam.presets.load import load_preset
    from streamcam.presets.model import Preset
    from streamcam.presets.save import save_preset
    from streamcam.presets.tables import (
        ControlChoice,
        GateChoice,
        LookChange,
        MaskChoice,
        Modulation,
        ObsChoice,
        OutputFormat,
        ResolveChoice,
        ScheduleEntry,
    )
    from streamcam.presets.watch import watch_preset

__all__ = [
    "ControlChoice",
    "GateChoice",
    "LookChange",
    "MaskChoice",
    "Modulation",
    "ObsChoice",
    "Outline",
    "OutputFormat",
    "Preset",
    "ResolveChoice",
    "ScheduleEntry",
    "json_schema",
    "load_preset",
    "outline",
    "preset_names",
    "save_preset",
    "shipped_presets",
    "user_presets",
    "watch_preset",
]

_LATER = {
    "load": ("load_preset",),
    "model": ("Preset",),
    "save": ("save_preset",),
    "tables": (
        "ControlChoice",
        "GateChoice",
        "LookChange",
        "MaskChoice",
        "Modulation",
        "ObsChoice",
        "OutputFormat",
        "ResolveChoice",
        "ScheduleEntry",
    ),
    "watch": ("watch_preset",),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """What checks a preset comes with pydantic, a tenth of a second: it is loaded when it is first
    named, and lists of presets and `streamcam switch` name none of it."""
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__} has no attribute {quoted(name)}")


def json_schema() -> dict[str, Any]:
    """JSON Schema of a preset file, for editors and the web page."""
    from streamcam.presets.model import Preset

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Preset.model_json_schema(),
        "title": "streamcam preset",
    }
