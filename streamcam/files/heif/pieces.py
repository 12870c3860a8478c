"""Decoding the pieces of a HEIF file and putting its picture together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from streamcam.files.heif.layout import Crop, Labels, Layout, Mirror, Step
from streamcam.frames import Pixels
from streamcam.pixels import AS_IT_LIES, Conversion
from streamcam.pixels.paper import on_paper
from streamcam.pixels.profile import to_screen

# What the numbers are where neither the file nor the coded piece says it (ISO/IEC 23000-22).
_USUAL_MATRIX = 5
_UNSPECIFIED = 2
_SQUARE = Fraction(1)


def assembled(data: bytes, layout: Layout) -> Pixels:
    """(height, width, 3) RGB of the picture, upright, on white where it is transparent.

    Raises `ValueError` for pieces that are missing or do not fit, and what PyAV raises.
    """
    wanted = {*layout.pieces, *(layout.alpha.pieces if layout.alpha else ())}
    pictures = dict(_decoded(data, wanted))
    colour = _whole(layout, pictures)
    if layout.profile is not None:
        colour = to_screen(colour, layout.profile)
    if layout.alpha is not None:
        alpha = _whole(replace(layout.alpha, steps=()), pictures)[..., 0]
        if alpha.shape != colour.shape[:2]:
            alpha = np.asarray(cv2.resize(alpha, colour.shape[1::-1]), np.uint8)
        on_paper(colour, alpha, colour)
    for step in layout.steps:
        colour = _done(step, colour)
    return np.ascontiguousarray(colour)


def _decoded(data: bytes, wanted: set[int]) -> Iterator[tuple[int, VideoFrame]]:
    """The first picture of each of these streams, by number."""
    with av.open(BytesIO(data), "r") as container:
        streams = [stream for stream in container.streams.video if stream.id in wanted]
        for stream in streams:
            stream.thread_count = 1 if len(streams) > 1 else 0  # a telephone's has 48 or more
        missing = {stream.id for stream in streams}
        for packet in container.demux(streams):
            for picture in packet.decode():
                number = packet.stream.id
                if isinstance(picture, VideoFrame) and number in missing:
                    missing.discard(number)
                    yield number, picture


def _whole(layout: Layout, pictures: dict[int, VideoFrame]) -> Pixels:
    """The pieces beside each other, in a screen's colours; with a profile, in the profile's."""
    conversion = Conversion(_SQUARE)
    canvas: Pixels | None = None
    for index, number in enumerate(layout.pieces):
        if number not in pictures:
            raise ValueError(f"piece {number} is missing")
        picture = pictures.pop(number)  # converted, it is not needed any more
        _label(picture, layout.labels, profiled=layout.profile is not None)
        piece = conversion.pixels(picture, AS_IT_LIES)
        if layout.size is None:
            return piece
        height, width = piece.shape[:2]
        if canvas is None:
            rows = -(-len(layout.pieces) // layout.columns)
            canvas = np.zeros((rows * height, layout.columns * width, 3), np.uint8)
        top, left = index // layout.columns * height, index % layout.columns * width
        canvas[top : top + height, left : left + width] = piece
    if canvas is None or layout.size is None:
        raise ValueError("a picture without pieces")
    return canvas[: layout.size[1], : layout.size[0]]


def _label(picture: VideoFrame, labels: Labels | None, *, profiled: bool) -> None:
    """Say on the picture what its numbers are. A profile says it better than any label."""
    if labels is not None:
        picture.colorspace = labels.matrix
        picture.color_range = 2 if labels.full_range else 1
        picture.color_trc, picture.color_primaries = labels.transfer, labels.primaries
    if picture.colorspace == _UNSPECIFIED:
        picture.colorspace = _USUAL_MATRIX
    if profiled:
        picture.color_trc = picture.color_primaries = _UNSPECIFIED


def _done(step: Step, picture: Pixels) -> Pixels:
    if isinstance(step, Crop):
        height, width = picture.shape[:2]
        left = round((width - step.width) / 2 + step.right)
        top = round((height - step.height) / 2 + step.down)
        return picture[
            max(0, top) : top + round(step.height), max(0, left) : left + round(step.width)
        ]
    if isinstance(step, Mirror):
        return picture[:, ::-1] if step.sideways else picture[::-1]
    return np.rot90(picture, step.quarters)
