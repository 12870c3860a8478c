"""A camera in PipeWire's graph: every program can see it. It works only while one shows it."""

from __future__ import annotations

import ctypes
from fractions import Fraction
from threading import Lock

import cv2
import numpy as np

from streamcam.frames import Pixels
from streamcam.pipewire import library as pw
from streamcam.pipewire import pods
from streamcam.pipewire.stream import Stream
from streamcam.sink import Format

_FINEST_RATE = 1001  # the largest denominator of a frame rate that is in use: 30000/1001
_YUY2_BYTES = 2  # a pixel
_KEYS = {  # what programs look for when they list cameras
    b"media.type": b"Video",
    b"media.category": b"Capture",
    b"media.role": b"Camera",
    b"media.class": b"Video/Source",
}
_NAME_KEYS = (b"node.name", b"node.description", b"node.nick")


class CameraStream(Stream):
    """The camera `name`, which shows pictures of `form`; their width is even."""

    def __init__(self, library: ctypes.CDLL, name: str, form: Format) -> None:
        """Make the camera known. Raises `Unreachable` with nothing left open."""
        super().__init__(library)
        self._name = name.encode()
        self._drawing = Lock()
        # Protected by _drawing:
        self._picture: Pixels = np.empty((form.height, form.width, _YUY2_BYTES), np.uint8)
        self._drawn = False  # since a client began to look
        rate = Fraction(form.fps).limit_denominator(_FINEST_RATE)
        offer = pods.camera_format(form.width, form.height, rate)
        self._open(pw.OUTPUT, pw.ANY_NODE, pw.DRIVER | pw.MAP_BUFFERS | pw.RT_PROCESS, offer)

    @property
    def watched(self) -> bool:
        """Whether a client takes pictures. For any thread."""
        return self._state == pw.STREAMING

    def show(self, rgb: Pixels) -> None:
        """Hand the picture to the programs that show the camera. Raises `Broken`."""
        self.check()
        if not self.watched:
            return
        with self._locked():
            with self._drawing:
                cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_YUY2, dst=self._picture)
                self._drawn = True
            self._library.pw_stream_trigger_process(self._stream)

    def _make(self, loop: int) -> int | None:
        properties = self._properties(_KEYS | dict.fromkeys(_NAME_KEYS, self._name))
        made: int | None = self._library.pw_stream_new_simple(
            loop, self._name, properties, ctypes.byref(self._events), None
        )
        return made

    def _state_changed(self) -> None:
        if self._state != pw.STREAMING:
            with self._drawing:
                self._drawn = False  # the next client must not see an old picture
        if self._state != pw.CONNECTING:
            self._settled.set()

    def _format_changed(self, pod: int | None) -> None:
        if pod:  # a client took the format
            height, width, _ = self._picture.shape
            self._update(pods.camera_buffers(width * _YUY2_BYTES, height))

    def _process(self) -> None:
        """A client can take a picture. If this camera drives the graph, `show` is the cause; else
        the driver of the graph asks.

        On the thread that runs the graph (RT_PROCESS): handed over from PipeWire's main thread, a
        picture would miss this cycle and wait for the next tick.
        """
        stream = self._stream
        with self._drawing:
            if self._drawn and stream is not None:
                self._hand_over(stream)

    def _hand_over(self, stream: int) -> None:
        buffer = self._library.pw_stream_dequeue_buffer(stream)
        if not buffer:  # clients hold all buffers: this picture is dropped
            return
        try:
            self._fill(buffer.contents.buffer.contents.datas[0])
        finally:
            self._library.pw_stream_queue_buffer(stream, buffer)

    def _fill(self, block: pw.Data) -> None:
        size = self._picture.nbytes
        if not block.data or block.maxsize < size:
            raise ValueError(f"PipeWire gave {block.maxsize} bytes for a picture of {size}")
        ctypes.memmove(block.data, self._picture.ctypes.data, size)
        chunk = block.chunk.contents
        chunk.offset, chunk.size, chunk.flags = 0, size, 0
        chunk.stride = self._picture.strides[0]
