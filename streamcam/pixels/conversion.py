"""Conversion: one decoded picture becomes RGB pixels, upright and in its own shape."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import cv2
import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from streamcam.frames import FramePool, Pixels
from streamcam.pixels import colours, orientation
from streamcam.pixels.grading import BITS, Grade
from streamcam.pixels.orientation import AS_IT_LIES, Orientation
from streamcam.pixels.paper import on_paper

_UNSPECIFIED = 2  # matrix of H.273
# Players' rule for unlabelled colours: what is larger than any format of old television is BT.709.
# 1280x544 is a film in high definition, 720x576 is a DVD.
_WIDEST, _TALLEST = 1279, 576
_FULL_RANGE = 2
_CINEMA = "xyz"  # formats that swscale brings to a screen by itself
# Without full_chroma_int swscale makes 253 of the white of NV12 and of 10 bits (FFmpeg 8.1), and
# greys 1.8 levels darker. With it they are exact, at 8.3 ms for 8.2 a picture of 1280x720; but only
# bilinear, as bicubic takes 19 to 36.
_FLAGS = "bilinear+full_chroma_int"
_ANY_TIME = Fraction(1, 1000)  # of the graphs, which use no times
# What a picture is brought to, by whether it needs grading and whether it has an alpha channel.
_TARGETS = {
    (False, False): "rgb24",
    (False, True): "rgba",
    (True, False): "gbrp12le",
    (True, True): "gbrap12le",
}

_Sample = TypeVar("_Sample", np.uint8, np.uint16)


@dataclass(frozen=True, slots=True)
class _Form:
    """What one filter graph is made for."""

    width: int
    height: int
    format: str
    high_definition: bool  # read it as BT.709, since nothing says what it is
    target: str


class Conversion:
    """Turns decoded pictures of any size and kind into RGB. Used by one thread.

    Size, shape of the pixels, turn, mirror and colours are those of each picture, whatever those
    before it had. The ground under transparent ones is white.

    buffers       of what it returns, unless that is swscale's own memory
    pixel_aspect  width of a pixel over its height as the container says, which goes before what
                  the pictures say; None: each picture says it
    """

    def __init__(self, pixel_aspect: Fraction | None = None) -> None:
        self._pixel_aspect = pixel_aspect
        self._form: _Form | None = None
        self._graph: Graph | None = None
        self._grade: Grade | None = None
        self.buffers = _Buffers()
        self._lying = _Buffers()  # what is still to be turned

    def pixels(self, picture: VideoFrame, lies: Orientation | None = None) -> Pixels:
        """(height, width, 3) RGB, C-contiguous, for a Frame to keep. `lies`: its orientation; None
        takes the picture's own.

        swscale writes into memory of its own, which a Frame can keep: the pixels are copied once
        more only if they are to be turned or graded, show paper, or have padded rows.
        """
        grade = self._grade_for(picture)
        transparent = picture.format.has_palette or any(
            part.is_alpha for part in picture.format.components
        )
        shown = self._filtered(picture, _TARGETS[grade is not None, transparent])
        upright = orientation.of_film(picture) if lies is None else lies
        lying = self._rgb(shown, grade, straight=upright == AS_IT_LIES)
        if upright == AS_IT_LIES:
            return lying
        target = self.buffers.take(*upright.size(shown.width, shown.height))
        upright.upright(lying, target)
        return target

    def _grade_for(self, picture: VideoFrame) -> Grade | None:
        """What brings its colours to a screen; None if they are a screen's."""
        light = colours.light(picture.color_trc, picture.color_primaries)
        if light is None or picture.format.name.startswith(_CINEMA):
            return None
        white = _white(picture)
        if self._grade is None or self._grade.made_for != (light, white):
            self._grade = Grade(light, white)
        return self._grade

    def _filtered(self, picture: VideoFrame, target: str) -> VideoFrame:
        large = picture.width > _WIDEST or picture.height > _TALLEST
        unlabelled = large and picture.colorspace == _UNSPECIFIED
        form = _Form(picture.width, picture.height, picture.format.name, unlabelled, target)
        if self._graph is None or form != self._form:
            self._graph, self._form = self._new_graph(form), form
        self._graph.vpush(picture)
        return self._graph.vpull()

    def _new_graph(self, form: _Form) -> Graph:
        """What a picture of this form goes through. `scale` alone knows the shape of the pixels
        of every picture: PyAV tells what the decoder last read, which is some pictures ahead.
        """
        graph = Graph()
        source = graph.add_buffer(
            width=form.width,
            height=form.height,
            format=VideoFormat(form.format),
            time_base=_ANY_TIME,
        )
        nodes = [source]
        if self._pixel_aspect is not None:
            nodes.append(graph.add("setsar", sar=str(self._pixel_aspect)))
        matrix = {"in_color_matrix": "bt709"} if form.high_definition else {}
        width = "max(1,round(iw*if(sar,sar,1)))"
        nodes.append(graph.add("scale", w=width, h="ih", eval="frame", flags=_FLAGS, **matrix))
        nodes.append(graph.add("format", form.target))
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
        return graph

    def _rgb(self, shown: VideoFrame, grade: Grade | None, *, straight: bool) -> Pixels:
        """RGB of what came out of the graph; if it is not `straight`, to be turned at once."""
        if shown.format.name == "rgb24":
            pixels: Pixels = _samples(shown, 0, np.uint8, 3)
            if pixels.flags.c_contiguous or not straight:
                return pixels
            kept = self.buffers.take(shown.width, shown.height)
            np.copyto(kept, pixels)
            return kept
        into = (self.buffers if straight else self._lying).take(shown.width, shown.height)
        if grade is None:
            rgba = _samples(shown, 0, np.uint8, 4)
            cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB, into)
            on_paper(into, rgba[..., 3], into)
            return into
        green, blue, red, *alpha = (
            _samples(shown, plane, np.uint16, 1)[..., 0] for plane in range(len(shown.planes))
        )
        grade.apply(red, green, blue, into)
        if alpha:
            on_paper(into, (alpha[0] >> (BITS - 8)).astype(np.uint8), into)
        return into


def _white(picture: VideoFrame) -> int:
    """The number that swscale makes of white: it shifts a depth to a larger one, so that 255
    becomes 255 · 16; in YUV of limited range white is always that.
    """
    depth = picture.format.components[0].bits
    if not picture.format.is_rgb and picture.color_range != _FULL_RANGE:
        depth = 8
    return ((1 << depth) - 1) << BITS >> depth


def _samples(
    picture: VideoFrame, index: int, kind: type[_Sample], channels: int
) -> NDArray[_Sample]:
    """(height, width, channels) of a plane, in the picture's own memory."""
    plane = picture.planes[index]
    row = plane.line_size // np.dtype(kind).itemsize
    rows = np.frombuffer(memoryview(plane), kind).reshape(picture.height, row)
    return rows[:, : picture.width * channels].reshape(picture.height, picture.width, channels)


class _Buffers:
    """A `FramePool` of the size that was asked for last."""

    def __init__(self) -> None:
        self._size = 0, 0
        self._pool = FramePool(0, 0)

    def take(self, width: int, height: int) -> Pixels:
        if (width, height) != self._size:
            self._size, self._pool = (width, height), FramePool(width, height)
        return self._pool.take()

    def __len__(self) -> int:
        return len(self._pool)
