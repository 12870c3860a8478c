"""Reading a picture file into upright RGB pixels for a screen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from streamcam.errors import UsageError
from streamcam.files.heif import layout as heif
from streamcam.files.heif.pieces import assembled
from streamcam.frames import Pixels
from streamcam.pixels import AS_IT_LIES, Conversion, Orientation, orientation
from streamcam.pixels.paper import on_paper
from streamcam.pixels.profile import image_to_screen

# Longest side of what is delivered. No engine sees more, and scaling a 50-megapixel photograph
# down again for every frame would cost more than the engine.
_LONGEST_SIDE = 2048
_MOST_PIXELS = 1 << 30  # a claim of more is no photograph
# What Pillow may read, by its own names: no formats for which it starts other programs.
FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "JPEG2000"),
    *("ICO", "ICNS", "PPM", "PCX", "PSD", "SGI", "QOI", "DDS"),
)
_EXIF_ORIENTATION = 274
_KNOWN = "a PNG, JPEG, WebP, HEIC, AVIF, GIF, TIFF or BMP"


def read_picture(path: Path) -> Pixels:
    """(height, width, 3) RGB of a picture file: upright, on white where it is transparent,
    its longest side at most 2048 pixels. Raises `UsageError`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}."
        ) from error
    try:
        return _limited(_decoded(data))
    # The libraries raise nearly any exception for bytes that they do not expect. Each one means
    # that they cannot read this file.
    except Exception as error:
        raise UsageError(f"{path} is no picture, or damaged: give {_KNOWN}.") from error


def _decoded(data: bytes) -> Pixels:
    layout = heif.layout(data)
    if layout is not None:
        return assembled(data, layout)
    Image.init()  # else a format that Pillow has not read yet is unknown to it
    try:
        return _by_pillow(data)
    except UnidentifiedImageError:  # TGA, EXR, TIFF of floats …
        return _by_ffmpeg(data, AS_IT_LIES)


def _by_pillow(data: bytes) -> Pixels:
    with _quiet(), Image.open(BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if width * height > _MOST_PIXELS:
            raise ValueError(f"{width}x{height} pixels")
        if _has_labels(data):
            return _by_ffmpeg(data, _lying(image))
        image.draft(None, (_LONGEST_SIDE, _LONGEST_SIDE))  # JPEGs can be read smaller
        image.load()  # it turns a TIFF upright and drops the orientation
        shown = _rgb(_plain(image), image.info.get("icc_profile"))
        return orientation.apply(shown, _lying(image))


def _lying(image: Image.Image) -> Orientation:
    return orientation.of_exif(image.getexif().get(_EXIF_ORIENTATION, 1))


def _has_labels(data: bytes) -> bool:
    """Whether it is a PNG that labels its colours as films do: FFmpeg reads those, for HDR too."""
    head = data[: data.find(b"IDAT")]
    if not data.startswith(b"\x89PNG") or b"iCCP" in head:
        return False
    return b"cICP" in head or (b"cHRM" in head and b"sRGB" not in head)


def _by_ffmpeg(data: bytes, lies: Orientation) -> Pixels:
    with av.open(BytesIO(data), "r") as container:
        return Conversion().pixels(next(container.decode(video=0)), lies)


def _plain(image: Image.Image) -> Image.Image:
    """In one of the modes L, RGB, RGBA, CMYK or LAB, 8 bits deep, not much larger than needed."""
    if image.mode.startswith(("I", "F")):
        image = _shallow(image)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    factor = max(image.size) // _LONGEST_SIDE
    return image.reduce(factor) if factor > 1 else image


def _shallow(image: Image.Image) -> Image.Image:
    """Grey of 8 bits, of grey with 16 or 32 bits or of floats."""
    grey = np.asarray(image)
    if grey.dtype.kind == "f":
        full = 1.0 if np.nanmax(grey) <= 1 else 255.0
    else:
        full = float(np.iinfo(np.uint16).max if grey.max() <= 65535 else np.iinfo(np.int32).max)
    scaled = np.nan_to_num(grey.astype(np.float32)) * (255 / full)
    return Image.fromarray(np.rint(np.clip(scaled, 0, 255)).astype(np.uint8))


def _rgb(image: Image.Image, profile: bytes | None) -> Pixels:
    """RGB for a screen, on white where it is transparent."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colour = image.convert("RGB") if alpha else image
    if colour.mode == "LAB" and not profile:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if profile:
        colour = image_to_screen(colour, profile)
    pixels = np.array(colour.convert("RGB"), np.uint8)
    if alpha is not None:
        on_paper(pixels, np.asarray(alpha, np.uint8), pixels)
    return pixels


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside, Pillow warns of nothing and reads pictures of any size: _MOST_PIXELS is the limit."""
    most = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = most


def _limited(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = _LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
