"""Gate "similarity": the more a frame resembles the last processed one, the likelier it is
skipped, with probability (s − θ)/(1 − θ). Spares most of the work in front of a still scene
without ever freezing it."""

from __future__ import annotations

from random import Random

from streamcam.frames import Pixels
from streamcam.frames.geometry import Box
from streamcam.frames.motion import Motion
from streamcam.gate import Gate, GateSettings

_SEED = 7  # of the choice which of the similar frames pass; fixed, so that runs repeat


class SimilarityGate:
    """The policy of StreamDiffusion's similarity filter, with drain frames. See `Gate`."""

    def __init__(self, settings: GateSettings, drain: int) -> None:
        self._threshold = settings.threshold
        self._max_skip = settings.max_skip
        self._drain = drain
        self.changed: Box | None = None
        self._motion = Motion()
        self._random = Random(_SEED)
        self._skipped = 0  # in a row
        self._owed = drain + 1  # frames that pass whatever they look like

    def passes(self, pixels: Pixels) -> bool:
        """A frame that passes on its own account owes `drain` more."""
        similarity = self._motion.similarity(pixels)
        limit = self._limit(similarity)
        self.changed = None
        if similarity <= limit:
            if not self._owed:
                self.changed = self._motion.changed(limit)
            self._owed = self._drain
        elif self._owed:
            self._owed -= 1
        elif self._skipped < self._max_skip:
            self._skipped += 1
            return False
        else:
            self._owed = self._drain  # a forced frame is a picture that must come out, too
        self._skipped = 0
        self._motion.keep(self.changed)
        return True

    def wake(self) -> None:
        self._owed = self._drain + 1

    def _limit(self, similarity: float) -> float:
        """The similarity up to which this frame, or a part of one, must pass: θ, or for a frame
        above it anything from θ to 1."""
        if similarity <= self._threshold:
            return self._threshold
        return self._threshold + self._random.random() * (1.0 - self._threshold)


def open_gate(settings: GateSettings, drain: int) -> Gate:
    """The gate of this policy."""
    return SimilarityGate(settings, drain)
