"""What shows through transparent pixels: white paper, as under a cut-out."""

from __future__ import annotations

import cv2

from streamcam.frames import Pixels


def on_paper(colour: Pixels, alpha: Pixels, into: Pixels) -> None:
    """Write RGB (height, width, 3) as its alpha (height, width) lets it show on white.

    What is left out of white is what the colour lacks, as far as it covers: the stored colour of
    a transparent pixel does not matter.
    """
    cv2.bitwise_not(colour, into)
    cv2.multiply(into, cv2.merge([alpha] * 3), into, scale=1 / 255)
    cv2.bitwise_not(into, into)
