"""Numbered values: there are as many of them as the look that plays has parts of a blend, and live
LoRAs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamcam.presets.fields import LORAS_PLAYED, PARTS_PLAYED, LoraWeight, Share, WaveText

BLEND = "blend."  # and the number of a part of the prompt
LORAS = "loras."  # and the number of a live LoRA
NUMBERED = (BLEND, LORAS)


def numbered() -> Iterator[tuple[str, Any, str]]:
    """All that there can be, and the waves that swing them: key, type, description."""
    for number in range(1, PARTS_PLAYED + 1):
        of = f"part {number} of the prompt's blend"
        yield f"{BLEND}{number}", Share, f"Share of {of}, beside the others'."
        yield f"modulation.{BLEND}{number}", WaveText, f"What the share of {of} swings by."
    for number in range(1, LORAS_PLAYED + 1):
        of = f"live LoRA {number}, in the order of [loras]"
        yield f"{LORAS}{number}", LoraWeight, f"Weight of {of}: 0 is without, 1 as trained."
        yield f"modulation.{LORAS}{number}", WaveText, f"What the weight of {of} swings by."
