"""PictureTrack: frames become BT.709 video in a track of a file: H.264, or what keeps alpha."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from streamcam.frames import Frame, Pixels
from streamcam.sink import Format
from streamcam.sink.record.alpha import coding_for
from streamcam.sink.record.effort import EffortControl
from streamcam.sink.record.h264 import EFFORTS
from streamcam.sink.record.timeline import Timeline


class PictureTrack:
    """Holds each picture until the next one tells how long it lasts. Used by one thread. Raises
    what PyAV raises.
    """

    def __init__(self, file: OutputContainer, form: Format, timeline: Timeline) -> None:
        self._file = file
        self._timeline = timeline
        self._coding = coding_for(file.format.name, form, timeline)
        self._control = EffortControl() if self._coding.adjustable else None
        self._stream = file.add_stream(self._coding.codec, timeline.rate)
        self._encoder = cast(VideoCodecContext, self._stream.codec_context)
        self._coding.configure(self._encoder, EFFORTS[0])
        self._given = "rgba" if self._coding.alpha else "rgb24"
        self._convert = _to_yuv(form, timeline, self._given, self._coding.pix_fmt)
        self._waiting: av.VideoFrame | None = None
        self._lengths: dict[int, int] = {}  # by the picture's time, of those that are encoded now

    @property
    def label(self) -> str:
        """What the pictures become, for people."""
        return self._coding.label

    @property
    def alpha(self) -> bool:
        """Whether the file keeps it."""
        return self._coding.alpha

    @property
    def empty(self) -> bool:
        """No picture has come yet."""
        return self._waiting is None

    def write(self, frame: Frame) -> bool:
        """Encode the picture before this one. False, and nothing done, if this one is too early."""
        at = self._timeline.place(frame)
        if at is None:
            return False
        before, self._waiting = self._waiting, self._converted(frame, at)
        if before is not None:
            self._encode(before, until=at)
        return True

    def finish(self) -> None:
        """Encode the last picture. Once."""
        last, self._waiting = self._waiting, None
        if last is not None:
            if self._coding.reordered:
                # A picture on its own comes out last. The .mp4 takes for its end that of the
                # picture which came out last, and would lose one that came out before.
                last.pict_type = PictureType.I
            self._encode(last, until=self._timeline.end())
        self._mux(self._encoder.encode(None))

    def abandon(self) -> None:
        """Free what is held."""
        self._waiting = None

    def _converted(self, frame: Frame, at: int) -> av.VideoFrame:
        pixels = _with_alpha(frame) if self._coding.alpha else frame.pixels
        self._convert.push(av.VideoFrame.from_numpy_buffer(pixels, self._given))
        picture = self._convert.vpull()
        picture.pts, picture.time_base = at, self._timeline.time_base
        return picture

    def _encode(self, picture: av.VideoFrame, until: int) -> None:
        if self._control is not None and self._control.changed():
            self._go_on_with(self._control.level)
        if picture.pts is not None:
            self._lengths[picture.pts] = until - picture.pts
        self._mux(self._encoder.encode(picture))

    def _go_on_with(self, level: int) -> None:
        """Another encoder, whose first picture needs none of those before."""
        self._mux(self._encoder.encode(None))
        self._encoder = cast(VideoCodecContext, av.CodecContext.create(self._coding.codec, "w"))
        self._coding.configure(self._encoder, EFFORTS[level])

    def _mux(self, packets: Iterable[av.Packet[Any]]) -> None:
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._lengths.pop(packet.pts, 0)
            packet.stream = self._stream
            self._file.mux(packet)


def _with_alpha(frame: Frame) -> Pixels:
    """(height, width, 4): what is cut out, or all of it, solid."""
    if frame.cut_out is not None:
        return frame.cut_out
    return np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2RGBA), np.uint8)


def _to_yuv(form: Format, timeline: Timeline, given: str, made: str) -> Graph:
    """RGB to BT.709, limited range; alpha is whole. Its pictures are recycled once the encoder is
    done.

    `VideoFrame.reformat` makes a new one each time: at 1280x720 on two cores 2.0 ms and 220
    page faults a picture, against 1.0 ms and none. With these flags chroma is the mean of two by
    two pixels, at 59 dB for fine detail, where swscale's own choice (bicubic, of every second
    pixel) has 46 and takes twice the time.
    """
    graph = Graph()
    base = timeline.time_base
    chain = [
        graph.add(
            "buffer",
            f"video_size={form.width}x{form.height}:pix_fmt={given}:pixel_aspect=1/1"
            f":time_base={base.numerator}/{base.denominator}",
        ),
        graph.add("scale", "out_color_matrix=bt709:out_range=tv:flags=area+full_chroma_inp"),
        graph.add("format", made),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph
