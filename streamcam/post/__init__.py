"""What happens to a picture between the engine and the sinks."""

from __future__ import annotations

from typing import Protocol

from streamcam.frames import Pixels


class Step(Protocol):
    """One change to a picture. Used by the thread "post" alone."""

    def apply(self, pixels: Pixels) -> Pixels:
        """The changed picture, in a buffer of the step's own pool; the input is not written."""
        ...
