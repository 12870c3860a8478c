"""Scenes: what the program is asked to show when another scene goes on air in OBS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from streamcam.looks.curtains import CURTAINS, OPEN


@dataclass(frozen=True, slots=True)
class Change:
    """What to ask for."""

    kind: Literal["look", "curtain"]
    name: str


class Scenes:
    """Remembers which curtain a scene has drawn: that one goes with the scene. One that somebody
    drew by hand hides something, and no scene lifts it, but for one that says "live"."""

    def __init__(self) -> None:
        self._drawn = ""

    def changes(self, scene: str, table: Mapping[str, str], curtain: str) -> list[Change]:
        """What to ask for now that `scene` is on air, in this order.

        table    scenes with their looks and curtains; another scene keeps the look
        curtain  that hangs now, or "live"
        """
        wish = table.get(scene)
        if wish in CURTAINS:
            self._drawn = wish if wish != OPEN else ""
            return [Change("curtain", wish)] if wish != curtain else []
        asked = [Change("look", wish)] if wish is not None else []
        drawn, self._drawn = self._drawn, ""
        if drawn and drawn == curtain:  # the look first: it is there when the curtain rises
            asked.append(Change("curtain", OPEN))
        return asked
