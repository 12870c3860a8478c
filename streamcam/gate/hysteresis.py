"""Gate "hysteresis": asleep after `calm_frames` similar frames in a row, awake at any motion.
The deterministic alternative to "similarity": all frames or, in front of a still scene, none."""

from __future__ import annotations

from streamcam.frames import Pixels
from streamcam.frames.geometry import Box
from streamcam.frames.motion import Motion
from streamcam.gate import Gate, GateSettings


class HysteresisGate:
    """Passes everything while awake; asleep, one frame after every `max_skip`. See `Gate`."""

    def __init__(self, settings: GateSettings, drain: int) -> None:
        self._threshold = settings.threshold
        self._max_skip = settings.max_skip
        self._drain = drain
        self._calm_frames = max(settings.calm_frames, drain)
        self.changed: Box | None = None
        self._motion = Motion()
        self._woken = True
        self._skipped = 0  # in a row
        self._awake = 0  # calm frames that still pass

    def passes(self, pixels: Pixels) -> bool:
        similarity = self._motion.similarity(pixels)
        self.changed = None
        if similarity <= self._threshold:
            self._awake = self._calm_frames
            self.changed = self._motion.changed(self._threshold)
        elif self._awake:
            self._awake -= 1
            self.changed = self._motion.changed(similarity)  # where it changed most
        elif self._skipped < self._max_skip:
            self._skipped += 1
            return False
        else:
            self._awake = self._drain  # a forced frame is a picture that must come out, too
        self._skipped = 0
        if self._woken:
            self.changed, self._woken = None, False
        self._motion.keep(self.changed)
        return True

    def wake(self) -> None:
        self._awake = max(self._calm_frames, self._drain + 1)
        self._woken = True


def open_gate(settings: GateSettings, drain: int) -> Gate:
    """The gate of this policy."""
    return HysteresisGate(settings, drain)
