"""Encoder: H.264, 4:2:0, BT.709, in a container that can be played wherever it is cut off."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av.filter import Graph
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.record.part import PartFile
from streamcam.sink.record.timeline import Timeline

# A piece of the file that is written at once ends with the first of these: what a cut costs,
# beside the pictures that the encoder holds back.
_PIECE_MS = 400
_PIECE_BYTES = 128 * 1024
_LOOKAHEAD = 10  # pictures that the encoder holds back, of a live recording
# A fragmented file has its index in pieces among the pictures. At the end it gets one for all of
# it as well, and a few bytes at its front, which tell that, turn it into a plain file.
_FRAGMENTED = {
    "movflags": "hybrid_fragmented+delay_moov",
    "frag_duration": str(1000 * _PIECE_MS),  # microseconds
    "frag_size": str(_PIECE_BYTES),
}
_CONTAINERS = {
    ".mp4": ("mp4", _FRAGMENTED),
    ".mov": ("mov", _FRAGMENTED),
    ".mkv": (
        "matroska",
        {"cluster_time_limit": str(_PIECE_MS), "cluster_size_limit": str(_PIECE_BYTES)},
    ),
}
SUFFIXES = frozenset(_CONTAINERS)


class Encoder:
    """Holds each picture until the next one tells how long it lasts. Used by one thread. Raises
    what PyAV raises. What it writes stays in `file` until that commits it.
    """

    def __init__(self, file: PartFile, suffix: str, form: Format, timeline: Timeline) -> None:
        name, options = _CONTAINERS[suffix]
        self._timeline = timeline
        # B pictures shrink the file by a quarter and take a third of the encoder's time. But an
        # .mp4 with them has a wrong length unless all pictures last equally long.
        self._reordered = timeline.steady
        self._waiting: av.VideoFrame | None = None
        self._lengths: dict[int, int] = {}  # by the picture's time, of those that are encoded now
        self._file = av.open(file, "w", format=name, options=options)
        try:
            self._stream = self._file.add_stream(
                "libx264",
                timeline.rate,
                options={**self._quality(form), "bf": "3" if self._reordered else "0"},
                time_base=timeline.time_base,
            )
            self._describe(form)
            self._file.start_encoding()
        except BaseException:
            self._file.close()
            raise
        self._convert = _to_yuv(form, timeline.time_base)

    @property
    def empty(self) -> bool:
        """No picture has come yet."""
        return self._waiting is None

    def write(self, frame: Frame) -> None:
        """Encode the picture before this one, if there is one and this one is not too early."""
        at = self._timeline.place(frame)
        if at is None:
            return
        self._convert.push(av.VideoFrame.from_numpy_buffer(frame.pixels, "rgb24"))
        picture = self._convert.vpull()
        picture.pts, picture.time_base = at, self._timeline.time_base
        before, self._waiting = self._waiting, picture
        if before is not None:
            self._encode(before, until=at)

    def finish(self) -> None:
        """Encode the last picture, and write the index. Once, and not without a picture."""
        last, self._waiting = self._waiting, None
        if last is not None:
            if self._reordered:
                # A picture on its own comes out last. The .mp4 takes for its end that of the
                # picture which came out last, and would lose one that came out before.
                last.pict_type = PictureType.I
            self._encode(last, until=self._timeline.end())
        self._mux(self._stream.encode(None))
        self._file.close()

    def abandon(self) -> None:
        """Free everything. What the muxer writes meanwhile is not read any more."""
        self._waiting = None
        with suppress(Exception):
            self._file.close()

    def _encode(self, picture: av.VideoFrame, until: int) -> None:
        if picture.pts is not None:
            self._lengths[picture.pts] = until - picture.pts
        self._mux(self._stream.encode(picture))

    def _mux(self, packets: Iterable[av.Packet[Any]]) -> None:
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._lengths.pop(packet.pts, 0)
            self._file.mux(packet)

    def _describe(self, form: Format) -> None:
        self._stream.width, self._stream.height = form.width, form.height
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        context.colorspace = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
        if form.realtime:
            # The engine needs the cores more than the encoder does.
            context.thread_count = max(1, (os.cpu_count() or 4) // 4)

    def _quality(self, form: Format) -> dict[str, str]:
        """Visually lossless; how small the file gets depends on the time there is."""
        if not form.realtime:
            return {"crf": "16", "preset": "medium"}
        # A key picture every two seconds makes the file easy to cut. The encoder looks ahead for a
        # third of a second at most: what it holds is lost if the program is killed. superfast takes
        # 8.1 ms of a core for a restyled 1280x720 picture where veryfast takes 13.4 (Zen 5), with
        # the same PSNR (41.6 dB) and 1.4 times the file: cores are what a live run is short of.
        return {
            "crf": "18",
            "preset": "superfast",
            "g": str(max(1, round(2 * form.fps))),
            "rc-lookahead": str(min(_LOOKAHEAD, int(form.fps / 3))),
        }


def _to_yuv(form: Format, time_base: Fraction) -> Graph:
    """RGB to BT.709 4:2:0, limited range. Its pictures are recycled once the encoder is done.

    `VideoFrame.reformat` makes a new one each time: at 1280x720 on two cores 2.0 ms and 220
    page faults a picture, against 1.0 ms and none.
    """
    graph = Graph()
    chain = [
        graph.add(
            "buffer",
            f"video_size={form.width}x{form.height}:pix_fmt=rgb24:pixel_aspect=1/1"
            f":time_base={time_base.numerator}/{time_base.denominator}",
        ),
        graph.add("scale", "out_color_matrix=bt709:out_range=tv"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph
