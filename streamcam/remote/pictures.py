"""Pictures on the way: packed, and unpacked without trust in who packed them."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size
from streamcam.remote.wire import Codec, Misspoken

# Measured in streamcam/serve/README.md: what it costs the restyled picture, and bytes.
_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 85)


def largest(size: Size) -> int:
    """Bytes of a packed picture of `size`, at most: what it has raw."""
    return 3 * size[0] * size[1]


def packed(pixels: Pixels, codec: Codec) -> bytes:
    """RGB uint8 (height, width, 3), packed. 448x256 as JPEG: about 1 ms and 27 kB."""
    if codec is Codec.RAW:
        return pixels.tobytes()
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _QUALITY)
    assert done
    return data.tobytes()


def unpacked(data: bytes, codec: Codec, size: Size) -> Pixels:
    """RGB uint8 (height, width, 3) of `size`. Raises `Misspoken` for anything else.

    A JPEG's size is read before any of it is decoded: a few bytes may claim gigabytes.
    """
    width, height = size
    if codec is Codec.RAW:
        if len(data) != largest(size):
            raise Misspoken(f"a raw picture of {width}x{height} has {largest(size)} bytes.")
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)
    found = _size_of(data)
    if found != size:
        what = "no JPEG picture" if found is None else f"of {found[0]}x{found[1]}"
        raise Misspoken(f"a picture must be a JPEG of {width}x{height}, and one is {what}.")
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | _AS_IT_IS)
    except cv2.error:
        decoded = None
    if decoded is None or decoded.shape != (height, width, 3):
        raise Misspoken("a picture is a damaged JPEG.")
    return decoded  # type: ignore[return-value]  # uint8


_AS_IT_IS = cv2.IMREAD_IGNORE_ORIENTATION  # no side of it is turned


def _size_of(data: bytes) -> Size | None:
    try:
        with Image.open(BytesIO(data), formats=("JPEG",)) as opened:
            return opened.size
    # Pillow's readers raise what a damaged header makes them raise: SyntaxError, struct.error …
    except (UnidentifiedImageError, Exception):  # noqa: BLE001
        return None
