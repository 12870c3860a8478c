"""Gate "always": every frame goes to the engine. For files and for measurements."""

from __future__ import annotations

from streamcam.frames import Pixels
from streamcam.frames.geometry import Box
from streamcam.gate import Gate, GateSettings


class Always:
    """Lets everything pass and looks at nothing."""

    changed: Box | None = None

    def passes(self, pixels: Pixels) -> bool:
        return True

    def wake(self) -> None:
        """Nothing to do: it never sleeps."""


def open_gate(settings: GateSettings, drain: int) -> Gate:
    """The gate of this policy; it has no settings."""
    return Always()
