"""Masks: where a person is in a camera's picture, and what is shown there and around.

`source/` says where the mask comes from, `background/` what is shown behind the person. A mask is
of the very frame that is shown. The camera itself is shown only where a preset says "as it is".
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streamcam.frames import Pixels

Plane = NDArray[np.float32]  # (height, width), 0 … 1: how much of a pixel is the person

STYLED, AS_IT_IS, LOOK, TRANSPARENT = "styled", "as it is", "look", "transparent"


class MaskSettings(Protocol):
    """What masks read, from a preset's [mask].

    source      "off", "person", "green", "plate" or a network's file
    person      "styled" or "as it is"
    background  "styled", "as it is", "look", "blur", "colour", "picture" or "transparent"
    look        the name of a look, for the background "look"
    colour      "#rrggbb"
    picture     a file, for the background "picture"
    plate       a file with a picture of the empty room, for the source "plate"; "" takes the user's
    """

    @property
    def source(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def background(self) -> str: ...
    @property
    def look(self) -> str: ...
    @property
    def colour(self) -> str: ...
    @property
    def picture(self) -> str: ...
    @property
    def plate(self) -> str: ...


class NoMask(Exception):
    """There is no telling where the person is; the message says why, for people."""


class MaskSource(Protocol):
    """Says where the person is. Used by one thread at a time.

    exact  `shares` says it of single pixels by their colours; otherwise edges are refined
    """

    exact: bool

    def look_at(self, picture: Pixels) -> Plane:
        """The mask of (height, width, 3) RGB, which shows what outputs show of the camera, not
        mirrored, at half their size; at any size. Raises `NoMask`."""
        ...

    def shares(self, colours: Pixels) -> Plane:
        """How much of each pixel of (height, width, 3) RGB is the person, where `exact`."""
        ...

    def clean(self, colours: Pixels) -> None:
        """Take the light that the background throws on the person out of (height, width, 3)."""
        ...
