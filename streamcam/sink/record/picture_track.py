"""PictureTrack: frames become H.264, 4:2:0, BT.709, in a track of a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import av
from av.container import OutputContainer
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from streamcam.frames import Frame, Pixels
from streamcam.sink import Format
from streamcam.sink.record.effort import EffortControl
from streamcam.sink.record.h264 import CODEC, EFFORTS, Coding
from streamcam.sink.record.timeline import Timeline


class PictureTrack:
    """Holds each picture until the next one tells how long it lasts. Used by one thread. Raises
    what PyAV raises.
    """

    def __init__(self, file: OutputContainer, form: Format, timeline: Timeline) -> None:
        self._file = file
        self._timeline = timeline
        # An .mp4 with B pictures has a wrong length unless all pictures last equally long.
        self._reordered = timeline.steady
        self._coding = Coding(form, timeline.rate, timeline.time_base, self._reordered)
        self._control = EffortControl() if self._coding.adjustable else None
        self._stream = file.add_stream(CODEC, timeline.rate)
        self._encoder = cast(VideoCodecContext, self._stream.codec_context)
        self._coding.configure(self._encoder, EFFORTS[0])
        self._convert = _to_yuv(form, timeline)
        self._waiting: av.VideoFrame | None = None
        self._lengths: dict[int, int] = {}  # by the picture's time, of those that are encoded now

    @property
    def empty(self) -> bool:
        """No picture has come yet."""
        return self._waiting is None

    def write(self, frame: Frame) -> bool:
        """Encode the picture before this one. False, and nothing done, if this one is too early."""
        at = self._timeline.place(frame)
        if at is None:
            return False
        before, self._waiting = self._waiting, self._converted(frame.pixels, at)
        if before is not None:
            self._encode(before, until=at)
        return True

    def finish(self) -> None:
        """Encode the last picture. Once."""
        last, self._waiting = self._waiting, None
        if last is not None:
            if self._reordered:
                # A picture on its own comes out last. The .mp4 takes for its end that of the
                # picture which came out last, and would lose one that came out before.
                last.pict_type = PictureType.I
            self._encode(last, until=self._timeline.end())
        self._mux(self._encoder.encode(None))

    def abandon(self) -> None:
        """Free what is held."""
        self._waiting = None

    def _converted(self, pixels: Pixels, at: int) -> av.VideoFrame:
        self._convert.push(av.VideoFrame.from_numpy_buffer(pixels, "rgb24"))
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
        self._encoder = cast(VideoCodecContext, av.CodecContext.create(CODEC, "w"))
        self._coding.configure(self._encoder, EFFORTS[level])

    def _mux(self, packets: Iterable[av.Packet[Any]]) -> None:
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._lengths.pop(packet.pts, 0)
            packet.stream = self._stream
            self._file.mux(packet)


def _to_yuv(form: Format, timeline: Timeline) -> Graph:
    """RGB to BT.709 4:2:0, limited range. Its pictures are recycled once the encoder is done.

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
            f"video_size={form.width}x{form.height}:pix_fmt=rgb24:pixel_aspect=1/1"
            f":time_base={base.numerator}/{base.denominator}",
        ),
        graph.add("scale", "out_color_matrix=bt709:out_range=tv:flags=area+full_chroma_inp"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph
