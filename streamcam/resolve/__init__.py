"""Resolve: a current, sharp and steady picture at every tick, of the newest camera frame and what
the engine made of an earlier one.

The engine gives a *pair*: the small picture that it was given, and what it made of that. Optical
flow says where each pixel of the newest frame was in the pair (reprojection), the fit of the pair's
two pictures says how the look depends on luma (guide), and the guide is then applied to the newest
frame's luma at full size. No pixel of the camera is shown: luma enters by slopes that were fitted
to the look.
"""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """How much of it runs; each level includes those below.

    HELD    the engine's newest picture, enlarged
    WARPED  moved to where its parts are in the newest camera frame
    GUIDED  with the detail of that frame's luma
    """

    HELD = 0
    WARPED = 1
    GUIDED = 2
