"""AAC: sound of any kind becomes a track that starts with the first picture and has no gaps."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet

_RATES = frozenset({96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025})
_USUAL = 48000
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
_BITS = 96_000  # a second and channel: hardly to be told from the original
_FORMAT = "fltp"


class Aac:
    """Used by one thread. Sound that cannot be encoded is passed over.

    stream  the track, for its labels
    """

    def __init__(self, file: OutputContainer, rate: int, channels: int, *, drift: int = 1) -> None:
        """
        rate, channels  of what will come, about
        drift  samples a second by which sound may be stretched where its times drift apart from
               its length; 1: gaps are filled alone
        """
        self._file = file
        self._rate = rate if rate in _RATES else _USUAL
        self._layout = _LAYOUTS.get(channels, "stereo")
        self._drift = drift
        self.stream: AudioStream = file.add_stream("aac", self._rate)
        self._encoder = self.stream.codec_context
        self._encoder.layout, self._encoder.format = self._layout, _FORMAT
        self._encoder.bit_rate = _BITS * self._encoder.channels
        self._graph: Graph | None = None
        self._form: tuple[str, str, int] | None = None  # what the graph is made for

    def write(self, frame: AudioFrame, at: float) -> None:
        """Encode what is heard from `at` on, seconds of media time, which the frame then says."""
        form = frame.format.name, frame.layout.name, frame.sample_rate
        with suppress(av.FFmpegError, ValueError):
            if self._graph is None or form != self._form:
                self._drain()
                self._graph, self._form = self._graph_for(form, at), form
            frame.time_base = Fraction(1, frame.sample_rate)
            frame.pts = round(at * frame.sample_rate)
            self._graph.push(frame)
            self._pull(self._graph)

    def finish(self) -> None:
        """Encode what is held back. Once."""
        with suppress(av.FFmpegError):
            self._drain()
            self._mux(self._encoder.encode(None))

    def _graph_for(self, form: tuple[str, str, int], at: float) -> Graph:
        name, layout, rate = form
        first = "" if self._graph else ":first_pts=0"
        graph = Graph()
        nodes = [
            graph.add_abuffer(
                sample_rate=rate, format=name, layout=layout, time_base=Fraction(1, rate)
            ),
            graph.add("aresample", f"{self._rate}:async={self._drift}{first}"),
            graph.add(
                "aformat",
                f"sample_fmts={_FORMAT}:sample_rates={self._rate}:channel_layouts={self._layout}",
            ),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph

    def _drain(self) -> None:
        if self._graph is not None:
            self._graph.push(None)
            self._pull(self._graph)

    def _pull(self, graph: Graph) -> None:
        while True:
            try:
                frame = graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            if isinstance(frame, AudioFrame):
                self._mux(self._encoder.encode(frame))

    def _mux(self, packets: Iterable[Packet[Any]]) -> None:
        for packet in packets:
            packet.stream = self.stream
            self._file.mux(packet)
