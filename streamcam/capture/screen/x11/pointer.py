"""The mouse pointer, drawn into a picture of the desktop.

mss would draw it (`with_cursor`), but pixel by pixel in Python: 12 ms for a pointer of 128x128, as
large displays have it. It also takes X's colours for unmultiplied ones, so that shadows come out
too dark, and gives no picture at all where X refuses to show the pointer.
"""

from __future__ import annotations

import numpy as np

from streamcam.capture.screen.x11 import PointerImage
from streamcam.frames import Pixels


def draw(pointer: PointerImage, bgra: Pixels, left: int, top: int) -> None:
    """Draw it into a picture (height, width, 4) whose corner is at `left`, `top` of the desktop.

    What of it is outside is left out.
    """
    height, width = bgra.shape[:2]
    rows, columns = pointer.pixels.shape[:2]
    x, y = pointer.x - left, pointer.y - top
    from_x, to_x = max(x, 0), min(x + columns, width)
    from_y, to_y = max(y, 0), min(y + rows, height)
    if from_x >= to_x or from_y >= to_y:
        return
    image = pointer.pixels[from_y - y : to_y - y, from_x - x : to_x - x].astype(np.uint16)
    below = bgra[from_y:to_y, from_x:to_x, :3]
    shining_through = (below * (255 - image[..., 3:]) + 127) // 255
    below[:] = np.minimum(image[..., :3] + shining_through, 255)
