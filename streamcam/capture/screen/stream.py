"""A screen that the desktop shares, as PipeWire delivers it: the newest picture, when asked for."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np

from streamcam.frames import FramePool, Pixels
from streamcam.pipewire import library as pw
from streamcam.pipewire import pods
from streamcam.pipewire.stream import Broken, Stream

_BYTES = 4  # a pixel, in every format that is asked for
_TO_RGB = {
    pods.BGRX: cv2.COLOR_BGRA2RGB,
    pods.BGRA: cv2.COLOR_BGRA2RGB,
    pods.RGBX: cv2.COLOR_RGBA2RGB,
    pods.RGBA: cv2.COLOR_RGBA2RGB,
}
_KEYS = {
    b"media.type": b"Video",
    b"media.category": b"Capture",
    b"media.role": b"Screen",
    b"node.name": b"streamcam",
}
Place = tuple[slice, slice]  # rows and columns of the picture
BuffersFor = Callable[[pods.Video], tuple[FramePool, Place]]


class ScreenStream(Stream):
    """The pictures of the node `node`, at most about `fps` a second, fewer while nothing changes.

    remote  a connection to PipeWire that can see the node; belongs to the stream from now on
    video   what is agreed on; another one when the resolution changes
    """

    def __init__(self, library: ctypes.CDLL, remote: int, node: int, fps: float) -> None:
        """Returns once pictures can come. Raises `Unreachable` with nothing left open."""
        super().__init__(library)
        self.video = pods.Video(0, 0, 0)
        self._remote: int | None = remote  # until PipeWire takes it over
        self._hook = pw.Hook()
        # Protected by PipeWire's lock:
        self._newest: pw.BufferPointer | None = None  # the compositor gets it back once it is read
        # Never another node when this one goes: it would show what the user did not agree to.
        flags = pw.AUTOCONNECT | pw.MAP_BUFFERS | pw.DONT_RECONNECT
        rate = Fraction(fps).limit_denominator(1001)
        self._open(pw.INPUT, node, flags, pods.screen_format(rate))

    def newest(self, fit: BuffersFor) -> Pixels | None:
        """A part of the picture, RGB; None: nothing new.

        fit  says which part is wanted of what comes now, and has the buffers for it. Called on this
             thread; `video` does not change meanwhile
        Raises `Broken`, and what `fit` raises.
        """
        self.check()
        with self._locked():
            buffer, self._newest = self._newest, None
            if buffer is None:
                return None
            try:
                pool, place = fit(self.video)
                picture = self._pixels(buffer.contents.buffer.contents.datas[0])[place]
                code = _TO_RGB[self.video.pixels]
                return np.asarray(cv2.cvtColor(picture, code, dst=pool.take()), np.uint8)
            finally:
                self._library.pw_stream_queue_buffer(self._stream, buffer)

    def close(self) -> None:
        """Take no more pictures. May be called twice."""
        super().close()
        remote, self._remote = self._remote, None
        if remote is not None:
            os.close(remote)

    def _make(self, loop: int) -> int | None:
        library = self._library
        self._context = library.pw_context_new(loop, None, 0)
        if self._context is None:
            return None
        remote, self._remote = self._remote, None
        core = library.pw_context_connect_fd(self._context, remote, None, 0)
        if core is None:
            return None
        made: int | None = library.pw_stream_new(core, b"streamcam", self._properties(_KEYS))
        if made is not None:
            library.pw_stream_add_listener(
                made, ctypes.byref(self._hook), ctypes.byref(self._events), None
            )
        return made

    def _format_changed(self, pod: int | None) -> None:
        if not pod:
            if self.video.pixels:  # there was one
                self._lose("the desktop ended it")
            return
        # The buffers of the format before have been taken away by now.
        self.video = pods.read_video(pod)
        self._update(pods.screen_buffers())
        self._settled.set()

    def _process(self) -> None:
        while buffer := self._library.pw_stream_dequeue_buffer(self._stream):
            if _has_picture(buffer):
                buffer, self._newest = self._newest, buffer
            if buffer is not None:
                self._library.pw_stream_queue_buffer(self._stream, buffer)

    def _remove_buffer(self, buffer: pw.BufferPointer) -> None:
        if self._newest is not None and _address(self._newest) == _address(buffer):
            self._newest = None

    def _pixels(self, block: pw.Data) -> Pixels:
        """The picture in a block, without a copy. Raises `Broken` if it is not all there."""
        chunk = block.chunk.contents
        shape = (self.video.height, self.video.width, _BYTES)
        row = self.video.width * _BYTES
        stride = chunk.stride or row
        size = chunk.offset + stride * (self.video.height - 1) + row
        if not block.data or stride < row or size > block.maxsize:
            raise Broken(f"PipeWire gave {block.maxsize} bytes for a picture that takes {size}")
        memory = (ctypes.c_uint8 * size).from_address(block.data)
        return np.ndarray(shape, np.uint8, memory, chunk.offset, (stride, _BYTES, 1))


def _has_picture(buffer: pw.BufferPointer) -> bool:
    """A compositor also sends buffers that only say where the pointer is."""
    chunk = buffer.contents.buffer.contents.datas[0].chunk.contents
    return chunk.size > 0 and not chunk.flags & pw.CORRUPTED


def _address(buffer: pw.BufferPointer) -> int:
    return ctypes.addressof(buffer.contents)
