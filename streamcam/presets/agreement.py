"""Agreement: what a preset says in one place, and must have said in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamcam.config import display
from streamcam.errors import UnknownChoice, UsageError, quoted
from streamcam.looks.curtains import CURTAINS
from streamcam.presets.fields import LORAS_PLAYED

if TYPE_CHECKING:
    from pathlib import Path

    from streamcam.presets.model import Preset


def check_agreement(preset: Preset, path: Path) -> None:
    """Raises `UsageError` naming file, key and value."""
    file = display(path)
    _check_looks(preset, file)
    _check_scenes(preset, file)
    _check_loras(preset, file)


def _check_looks(preset: Preset, file: str) -> None:
    if preset.name in preset.looks:
        raise UsageError(
            f"{file}: looks.{preset.name} has the preset's own name, which stands for the base "
            "look. Give it another."
        )
    for number, entry in enumerate(preset.schedule or ()):
        if entry.look not in (preset.name, *preset.looks):
            unknown = UnknownChoice("look", entry.look, [preset.name, *preset.looks])
            raise UsageError(f"{file}: schedule[{number}].look: {unknown}")


def _check_scenes(preset: Preset, file: str) -> None:
    looks = (preset.name, *preset.looks)
    for scene, shown in preset.obs.scenes.items():
        where = f"{file}: obs.scenes.{quoted(scene)}"
        if shown in looks and shown in CURTAINS:
            raise UsageError(
                f"{where}: {shown} is a curtain, and a look of this preset. Give the look another "
                "name."
            )
        if shown not in looks and shown not in CURTAINS:
            raise UsageError(
                f"{where}: {UnknownChoice('look or curtain', shown, [*looks, *CURTAINS])}"
            )


def _check_loras(preset: Preset, file: str) -> None:
    for source in preset.fused_loras:
        if source not in preset.loras:
            unknown = UnknownChoice("LoRA", source, preset.loras)
            raise UsageError(f"{file}: fused_loras: {unknown}")
    live = preset.live_loras
    if len(live) > LORAS_PLAYED:
        raise UsageError(
            f"{file}: [loras] has {len(live)} live ones, and {LORAS_PLAYED} can be played. Name "
            f"the others in fused_loras, {quoted(list(live)[LORAS_PLAYED])} for one."
        )
    for look, change in preset.looks.items():
        for source in change.loras or ():
            if source not in live:
                unknown = UnknownChoice("live LoRA", source, live)
                raise UsageError(f"{file}: looks.{look}.loras: {unknown}")
