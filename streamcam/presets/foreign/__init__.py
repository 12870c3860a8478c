"""Foreign: what other programs keep of a look, as a preset's table.

    styles.csv   AUTOMATIC1111's styles, a line each
    a picture    with the text that AUTOMATIC1111 and its kin, or ComfyUI, write into it

What a preset has no place for, or what a few steps cannot follow, is left out and said.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Table = dict[str, Any]


# What the shipped presets are drawn with, where the other program says nothing that fits.
USUAL: Table = {"strength": 0.8, "guidance_mode": "self"}


class Foreign(NamedTuple):
    """A look of another program.

    table     of a preset
    left_out  what of the look is not in it, a sentence each
    """

    table: Table
    left_out: tuple[str, ...]
