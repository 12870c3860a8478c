"""Gate "hysteresis": asleep after `calm_frames` similar frames in a row, awake at any motion.
The deterministic alternative to "similarity": all frames or, in front of a still scene, none."""

from __future__ import annotations

from streamcam.frames import Pixels
from streamcam.frames.motion import Motion
from streamcam.gate import Gate, GateSettings


class HysteresisGate:
    """Passes everything while awake; asleep, one frame after every `max_skip`. See `Gate`."""

    def __init__(self, settings: GateSettings, drain: int) -> None:
        self._threshold = settings.threshold
        self._max_skip = settings.max_skip
        self._drain = drain
        self._calm_frames = max(settings.calm_frames, drain)
        self._motion = Motion()
        self._skipped = 0  # in a row
        self._awake = 0  # calm frames that still pass

    def passes(self, pixels: Pixels) -> bool:
        if self._motion.similarity(pixels) <= self._threshold:
            self._awake = self._calm_frames
        elif self._awake:
            self._awake -= 1
        elif self._skipped < self._max_skip:
            self._skipped += 1
            return False
        else:
            self._awake = self._drain  # a forced frame is a picture that must come out, too
        self._skipped = 0
        self._motion.keep()
        return True

    def wake(self) -> None:
        self._awake = max(self._calm_frames, self._drain + 1)


def open_gate(settings: GateSettings, drain: int) -> Gate:
    """The gate of this policy."""
    return HysteresisGate(settings, drain)
