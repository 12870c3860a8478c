"""Gates: decide whether a frame is worth the engine. One file each; the file name is the policy."""

from __future__ import annotations

from typing import Protocol

from streamcam.frames import Pixels


class Gate(Protocol):
    """Decides frame by frame. Used by the thread "infer" alone; never keeps the pixels.

    similarity  of the last frame to the last one that passed, 0 … 1, for the status line
    """

    similarity: float

    def passes(self, pixels: Pixels) -> bool:
        """True: run the engine on this (H, W, 3) uint8 frame. False: the last picture will do."""
        ...

    def wake(self) -> None:
        """Let the next frames through (S − 1 drain frames included): the look has changed."""
        ...
