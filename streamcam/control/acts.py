"""Acts: what a door may ask for, and which of them wait for the beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streamcam.control.values import Scope, value_of

LOOK, PRESET, CURTAIN, VALUE = "look", "preset", "curtain", "value"
SETTLING = {"off": 0.0, "beat": 1.0}  # beats; those that count bars are `bars` of them
BARS = {"bar": 1, "2 bars": 2, "4 bars": 4}
_STEADY = ("number", "wave")  # kinds that are played at once: they have no moment of their own


@dataclass(frozen=True, slots=True)
class Act:
    """Something to be done: a look, preset or curtain by its name, or a value by its key.

    kind   LOOK, PRESET, CURTAIN or VALUE
    name   of the look and so on, or the key
    value  of a VALUE, checked
    """

    kind: str
    name: str
    value: Any = None

    @property
    def place(self) -> str:
        """Two acts of one place: the newer one counts."""
        return f"{VALUE} {self.name}" if self.kind == VALUE else self.kind

    @property
    def waits(self) -> bool:
        """It is seen at one moment, which may be a beat."""
        if self.kind == CURTAIN:
            return False  # covers at once
        if self.kind == VALUE:
            return value_of(self.name).kind not in _STEADY and not self.name.startswith("control.")
        return True

    @property
    def of_look(self) -> bool:
        """Another look takes it away."""
        return self.kind == VALUE and value_of(self.name).scope is Scope.LOOK


def beats(quantise: str, bar: int) -> float:
    """How many beats `control.quantise` means; 0 for "off"."""
    return float(BARS[quantise] * bar) if quantise in BARS else SETTLING[quantise]
