"""Deinterlacer: the pictures of a decoder without combs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from av.error import BlockingIOError as NothingYet
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from streamcam.capture.video.decoder import Decoder

if TYPE_CHECKING:
    from streamcam.capture.video.animation import Animation

_SMALLEST = 4  # lines and columns that bwdif needs


class Deinterlacer:
    """Hands on the pictures of a decoder, the interlaced ones rebuilt. Used by one thread.

    Television of old shows the odd lines of a picture a moment after the even ones: where things
    move, a screen that shows both at once shows combs. `bwdif` (FFmpeg) makes one whole picture
    out of the first field and what the neighbours add. One picture for one, not one a field: the
    film keeps its rate, and the engine, the slowest part, gets no more work than it can do.

    Films without interlaced pictures never meet the filter. Once it is there, it holds a picture
    back until the next one comes; pictures that are not interlaced pass unchanged.
    """

    def __init__(self, decoder: Decoder | Animation) -> None:
        self._decoder = decoder
        self._graph: Graph | None = None
        self._form: tuple[int, int, str] | None = None
        self._ready: deque[VideoFrame] = deque()

    def next(self) -> VideoFrame:
        """The next picture. See `Decoder.next`, whose exceptions it hands on."""
        while not self._ready:
            try:
                picture = self._decoder.next()
            except EOFError:
                if self._graph is None:
                    raise
                self._flush()
                continue
            self._take(picture)
        return self._ready.popleft()

    def rewind(self) -> None:
        """Go back to the beginning. See `Decoder.rewind`."""
        self._graph = None
        self._ready.clear()
        self._decoder.rewind()

    def seek(self, time: float) -> None:
        """Go to a picture at or before `time`. See `Decoder.seek`."""
        self._graph = None
        self._ready.clear()
        self._decoder.seek(time)

    def _take(self, picture: VideoFrame) -> None:
        form = picture.width, picture.height, picture.format.name
        if self._graph is not None and form != self._form:
            self._flush()
        if self._graph is None:
            if not picture.interlaced_frame or min(form[:2]) < _SMALLEST:
                self._ready.append(picture)
                return
            self._graph, self._form = _graph(picture), form
        self._graph.vpush(picture)
        self._collect(self._graph)

    def _flush(self) -> None:
        """Let out the picture that is held back, and the filter with it."""
        graph, self._graph = self._graph, None
        if graph is not None:
            graph.vpush(None)
            self._collect(graph)

    def _collect(self, graph: Graph) -> None:
        while True:
            try:
                self._ready.append(graph.vpull())
            except (NothingYet, EOFError):
                return


def _graph(picture: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=picture.width,
        height=picture.height,
        format=VideoFormat(picture.format.name),
        time_base=picture.time_base,
    )
    bwdif = graph.add("bwdif", mode="send_frame", parity="auto", deint="interlaced")
    graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
    return graph
