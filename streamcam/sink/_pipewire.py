"""A camera in PipeWire's graph: everybody can see it, and it works only while somebody looks."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from threading import Event
from typing import TypeVarTuple

import cv2
import numpy as np

from streamcam.frames import Pixels
from streamcam.sink import Format
from streamcam.sink import _pipewire_library as pw
from streamcam.sink import _pipewire_pods as pods

_ANSWER = 5.0  # seconds that PipeWire may take to make a camera known
_FINEST_RATE = 1001  # the largest denominator of a frame rate that is in use: 30000/1001
_YUY2_BYTES = 2  # a pixel
_KEYS = {  # what programs look for when they list cameras
    b"media.type": b"Video",
    b"media.category": b"Capture",
    b"media.role": b"Camera",
    b"media.class": b"Video/Source",
}
_NAME_KEYS = (b"node.name", b"node.description", b"node.nick")

_Arguments = TypeVarTuple("_Arguments")


class Unreachable(Exception):
    """PipeWire cannot be reached, or does not take the camera. The message says why."""


class Broken(Exception):
    """A camera that was open cannot go on. The message says why."""


def _kept(
    callback: Callable[[Stream, *_Arguments], None],
) -> Callable[[Stream, int | None, *_Arguments], None]:
    """`callback` for C to call: what it raises, which C would lose, the next `show` raises."""

    def call(self: Stream, _user_data: int | None, *arguments: *_Arguments) -> None:
        try:
            callback(self, *arguments)
        except BaseException as error:  # noqa: BLE001  # kept for `show`
            self._error = error

    return call


class Stream:
    """The camera `name`, which shows pictures of `form`; their width is even.

    Opened, shown and closed by one thread at a time. PipeWire calls back on a thread of its own,
    and while it has its lock, which `show` takes, too. What `show` and `watched` read without it
    are single attributes that callbacks replace as a whole.
    """

    def __init__(self, library: ctypes.CDLL, name: str, form: Format) -> None:
        """Make the camera known. Raises `Unreachable` with nothing left open."""
        self._library = library
        self._state = pw.UNCONNECTED
        self._lost: str | None = None  # why there is no connection any more
        self._error: BaseException | None = None  # what a callback raised
        self._settled = Event()  # there is a camera, or a reason why not
        # Protected by PipeWire's lock:
        self._picture: Pixels = np.empty((form.height, form.width, _YUY2_BYTES), np.uint8)
        self._drawn = False
        self._events = pw.Events(
            version=pw.EVENTS_VERSION,
            state_changed=pw.StateChanged(self._state_changed),
            param_changed=pw.ParamChanged(self._param_changed),
            process=pw.Process(self._process),
        )
        self._loop: int | None = library.pw_thread_loop_new(b"pipewire", None)
        self._stream: int | None = None
        try:
            self._connect(name, form)
        except BaseException:
            self.close()
            raise

    @property
    def watched(self) -> bool:
        """Whether a client takes pictures. For any thread."""
        return self._state == pw.STREAMING

    def show(self, rgb: Pixels) -> None:
        """Hand the picture to whoever watches. Raises `Broken`."""
        if self._error is not None:
            raise Broken(repr(self._error)) from self._error
        if self._stream is None:
            raise Broken("it is closed")
        if self._lost is not None:
            raise Broken(self._lost)
        if not self.watched:
            return
        self._library.pw_thread_loop_lock(self._loop)
        try:
            cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_YUY2, dst=self._picture)
            self._drawn = True
            self._library.pw_stream_trigger_process(self._stream)
        finally:
            self._library.pw_thread_loop_unlock(self._loop)

    def close(self) -> None:
        """Take the camera away and free all that belongs to it. May be called twice."""
        loop, self._loop = self._loop, None
        stream, self._stream = self._stream, None
        if loop is None:
            return
        self._library.pw_thread_loop_stop(loop)
        if stream is not None:
            self._library.pw_stream_destroy(stream)
        self._library.pw_thread_loop_destroy(loop)

    def _connect(self, name: str, form: Format) -> None:
        library = self._library
        if self._loop is None:
            raise Unreachable("its client library gets no thread")
        self._stream = library.pw_stream_new_simple(
            library.pw_thread_loop_get_loop(self._loop),
            name.encode(),
            self._properties(name),
            ctypes.byref(self._events),
            None,
        )
        if self._stream is None:
            raise Unreachable("its client library cannot be set up")
        rate = Fraction(form.fps).limit_denominator(_FINEST_RATE)
        result = library.pw_stream_connect(
            self._stream,
            pw.OUTPUT,
            pw.ANY_NODE,
            pw.DRIVER | pw.MAP_BUFFERS,
            *_parameters([pods.video_format(form.width, form.height, rate)]),
        )
        if result < 0:
            raise Unreachable(os.strerror(-result).lower())
        library.pw_thread_loop_start(self._loop)
        if not self._settled.wait(_ANSWER):
            raise Unreachable(f"it did not answer within {_ANSWER:g} seconds")
        if self._lost is not None:
            raise Unreachable(self._lost)

    def _properties(self, name: str) -> int | None:
        properties: int | None = self._library.pw_properties_new_string(b"")
        for key, value in (_KEYS | dict.fromkeys(_NAME_KEYS, name.encode())).items():
            self._library.pw_properties_set(properties, key, value)
        return properties

    @_kept
    def _state_changed(self, _before: int, state: int, message: bytes | None) -> None:
        self._state = state
        if state != pw.STREAMING:  # who looks next shall not see what was there before
            self._drawn = False
        if state in (pw.ERROR, pw.UNCONNECTED):
            self._lost = message.decode(errors="replace") if message else "the connection broke"
        if state != pw.CONNECTING:
            self._settled.set()

    @_kept
    def _param_changed(self, parameter: int, pod: int | None) -> None:
        if parameter == pods.FORMAT and pod:  # a client took the format
            height, width, _ = self._picture.shape
            wish = pods.buffers(width * _YUY2_BYTES, height)
            self._library.pw_stream_update_params(self._stream, *_parameters([wish]))

    @_kept
    def _process(self) -> None:
        """A client can take a picture: now, within `show`, where this camera sets the pace of
        the graph; else whenever the one that does wants it."""
        if not self._drawn:
            return
        buffer = self._library.pw_stream_dequeue_buffer(self._stream)
        if not buffer:  # the clients have them all: this picture is not for them
            return
        try:
            self._fill(buffer.contents.buffer.contents.datas[0])
        finally:
            self._library.pw_stream_queue_buffer(self._stream, buffer)

    def _fill(self, block: pw.Data) -> None:
        size = self._picture.nbytes
        if not block.data or block.maxsize < size:
            raise ValueError(f"PipeWire gave {block.maxsize} bytes for a picture of {size}")
        ctypes.memmove(block.data, self._picture.ctypes.data, size)
        chunk = block.chunk.contents
        chunk.offset, chunk.size, chunk.flags = 0, size, 0
        chunk.stride = self._picture.strides[0]


def _parameters(encoded: Sequence[bytes]) -> tuple[ctypes.Array[ctypes.c_char_p], int]:
    """Pods as a C function takes them: an array of pointers, and its length."""
    return (ctypes.c_char_p * len(encoded))(*encoded), len(encoded)
