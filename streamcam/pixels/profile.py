"""ICC profiles: the colours of a photograph on a screen, which shows sRGB (by littlecms)."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from streamcam.frames import Pixels

_SCREEN = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_screen(pixels: Pixels, profile: bytes) -> Pixels:
    """RGB for a screen, of RGB of this profile."""
    return np.asarray(image_to_screen(Image.fromarray(pixels), profile), np.uint8)


def image_to_screen(image: Image.Image, profile: bytes) -> Image.Image:
    """An RGB image for a screen, of one of this profile in RGB, grey, CMYK or LAB.

    A profile that is damaged or for other kinds of pictures counts as none, as in browsers.
    """
    try:
        shown = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            _SCREEN,
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    return shown or image
