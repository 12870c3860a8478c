"""How a picture lies in its file, and the way to stand it upright."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame

from streamcam.frames import Pixels

_MATRIX = struct.Struct("=9i")  # of a display, row by row: x' = a x + c y, y' = b x + d y


@dataclass(frozen=True, slots=True)
class Orientation:
    """What stands a picture upright. All eight ways are a choice of these, in this order:

    transposed  rows become columns
    mirrored    then left and right change places
    flipped     then top and bottom do
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of what lies in the file as `width` x `height`."""
        return (height, width) if self.transposed else (width, height)

    def upright(self, lying: Pixels, into: Pixels) -> None:
        """Write the upright picture into other memory, whose size is `size`."""
        if not self.transposed:
            cv2.flip(lying, _FLIPS[self.mirrored, self.flipped], into)
        elif self.mirrored != self.flipped:
            turn = cv2.ROTATE_90_CLOCKWISE if self.mirrored else cv2.ROTATE_90_COUNTERCLOCKWISE
            cv2.rotate(lying, turn, into)
        elif self.mirrored:
            cv2.transpose(cv2.flip(lying, _FLIPS[True, True]), into)
        else:
            cv2.transpose(lying, into)


AS_IT_LIES = Orientation()
_FLIPS = {(True, False): 1, (False, True): 0, (True, True): -1}


def of_exif(value: int) -> Orientation:
    """As the number 1 … 8 in a photograph says."""
    return _EXIF.get(value, AS_IT_LIES)


_EXIF = {
    2: Orientation(mirrored=True),
    3: Orientation(mirrored=True, flipped=True),
    4: Orientation(flipped=True),
    5: Orientation(transposed=True),
    6: Orientation(transposed=True, mirrored=True),
    7: Orientation(transposed=True, mirrored=True, flipped=True),
    8: Orientation(transposed=True, flipped=True),
}
_TURNS = (AS_IT_LIES, of_exif(8), of_exif(3), of_exif(6))  # by quarters, counter-clockwise


def of_film(picture: VideoFrame) -> Orientation:
    """As the display matrix of this picture says; angles between are taken as the nearest quarter.

    The plain angle is not enough: a camera that sees a mirror writes a matrix that flips.
    """
    try:
        told = cast(SideDataContainer, picture.side_data)  # PyAV's annotation knows one kind only
        matrix = told[Type.DISPLAYMATRIX]
    except KeyError:
        return AS_IT_LIES
    except ValueError:  # PyAV 18 gives nothing out beside what it does not know (EXIF, 3D views)
        return _TURNS[round(picture.rotation / 90) % 4]
    a, b, _, c, d, *_ = _MATRIX.unpack(bytes(matrix))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(mirrored=a < 0, flipped=d < 0)
    return Orientation(transposed=True, mirrored=c < 0, flipped=b < 0)


def apply(picture: Pixels, orientation: Orientation) -> Pixels:
    """The upright picture, in memory of its own if it has to be moved."""
    if orientation == AS_IT_LIES:
        return picture
    height, width = picture.shape[:2]
    width, height = orientation.size(width, height)
    upright = np.empty((height, width, picture.shape[2]), np.uint8)
    orientation.upright(picture, upright)
    return upright
