"""Gates: decide whether a frame is worth the engine. One file each; the file name is the policy."""

from __future__ import annotations

from typing import Protocol

from streamcam import plugins
from streamcam.frames import Pixels
from streamcam.frames.geometry import Box


class GateSettings(Protocol):
    """What the policies read, from a preset's [gate].

    threshold    θ: similarity above which a frame may be skipped; 1.0 skips nothing
    max_skip     frames skipped in a row at most; 0 skips nothing
    calm_frames  similar frames in a row before "hysteresis" sleeps
    """

    @property
    def threshold(self) -> float: ...
    @property
    def max_skip(self) -> int: ...
    @property
    def calm_frames(self) -> int: ...


class Gate(Protocol):
    """Decides frame by frame. Used by the thread "infer" alone; never keeps the pixels."""

    @property
    def changed(self) -> Box | None:
        """Where a frame that has just passed differs from what the engine has seen; None: all of
        it may."""
        ...

    def passes(self, pixels: Pixels) -> bool:
        """True: run the engine on this (H, W, 3) uint8 frame. False: the last picture will do."""
        ...

    def wake(self) -> None:
        """Let the next frames through (S − 1 drain frames included): the look has changed."""
        ...


def open_gate(policy: str, settings: GateSettings, drain: int) -> Gate:
    """The gate of that policy, which lets the first frame pass.

    drain  frames that must pass after the last change until its picture comes out of the
           engine: `Engine.delay`
    Raises `UnknownChoice` for a policy that does not exist.
    """
    gate: Gate = plugins.load(__name__, policy).open_gate(settings, drain)
    return gate
