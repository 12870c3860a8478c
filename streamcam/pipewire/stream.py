"""A stream in PipeWire's graph, called back on a thread of PipeWire's own."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import TypeVarTuple

from streamcam.pipewire import library as pw
from streamcam.pipewire import pods

_TIMEOUT_SECONDS = 5.0  # seconds that PipeWire may take to begin

_Arguments = TypeVarTuple("_Arguments")


class Unreachable(Exception):
    """PipeWire cannot be reached, or refuses the stream. The message says why."""


class Broken(Exception):
    """A stream that was open cannot go on. The message says why."""


def _kept(
    callback: Callable[[Stream, *_Arguments], None],
) -> Callable[[Stream, int | None, *_Arguments], None]:
    """`callback` for C to call. C would lose what it raises, so the next `check` raises it."""

    def call(self: Stream, _user_data: int | None, *arguments: *_Arguments) -> None:
        try:
            callback(self, *arguments)
        except BaseException as error:  # noqa: BLE001  # kept for `check`
            self._error = error

    return call


class Stream:
    """What a camera and a captured screen have in common; each is a class derived from this.

    Opened, used and closed by one thread at a time. PipeWire calls back on a thread of its own,
    and within calls that are made under its lock (`_locked`); `_process` on another one, which
    knows no such lock, in a stream that is opened with RT_PROCESS. What is read without the lock
    are single attributes that callbacks replace as a whole.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        """Connects nothing yet: the derived class calls `_open` once it is ready for callbacks."""
        self._library = library
        self._state = pw.UNCONNECTED
        self._lost: str | None = None  # why there is no connection any more
        self._error: BaseException | None = None  # what a callback raised
        self._settled = Event()  # the stream is open, or there is a reason why not
        self._events = pw.Events(
            version=pw.EVENTS_VERSION,
            state_changed=pw.StateChanged(self._on_state),
            param_changed=pw.ParamChanged(self._on_parameter),
            remove_buffer=pw.RemoveBuffer(self._on_remove_buffer),
            process=pw.Process(self._on_process),
        )
        self._loop: int | None = library.pw_thread_loop_new(b"pipewire", None)
        self._context: int | None = None  # of a stream that does not make its own
        self._stream: int | None = None

    def check(self) -> None:
        """Raise `Broken` unless the stream is well."""
        if self._error is not None:
            raise Broken(repr(self._error)) from self._error
        if self._stream is None:
            raise Broken("it is closed")
        if self._lost is not None:
            raise Broken(self._lost)

    def close(self) -> None:
        """Leave the graph and free all that belongs to the stream. May be called twice."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        self._library.pw_thread_loop_stop(loop)
        stream, self._stream = self._stream, None  # until then, callbacks on that thread use it
        if stream is not None:
            self._library.pw_stream_destroy(stream)
        if self._context is not None:
            self._library.pw_context_destroy(self._context)
        self._library.pw_thread_loop_destroy(loop)

    # -- for the derived class ------------------------------------------------------------------

    def _make(self, loop: int) -> int | None:
        """The stream, not connected yet; None if there cannot be one."""
        raise NotImplementedError

    def _state_changed(self) -> None:
        """`_state` is another. Sets `_settled` when the stream is open."""

    def _format_changed(self, pod: int | None) -> None:
        """Both sides agreed on the format at this address; None: there is no format any more."""

    def _remove_buffer(self, buffer: pw.BufferPointer) -> None:
        """The buffer is about to be freed."""

    def _process(self) -> None:
        """Time for another picture."""

    def _open(self, direction: int, target: int, flags: int, form: bytes) -> None:
        """Make the stream and connect it, with one format on offer.

        Raises `Unreachable` with nothing left open.
        """
        try:
            self._connect((direction, target, flags), form)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """PipeWire's thread does nothing meanwhile."""
        self._library.pw_thread_loop_lock(self._loop)
        try:
            yield
        finally:
            self._library.pw_thread_loop_unlock(self._loop)

    def _update(self, wish: bytes) -> None:
        """Tell the other side how the buffers should be."""
        self._library.pw_stream_update_params(self._stream, *_parameters(wish))

    def _properties(self, values: Mapping[bytes, bytes]) -> int | None:
        """`values` as PipeWire's own object, for the function that takes it over."""
        properties: int | None = self._library.pw_properties_new_string(b"")
        for key, value in values.items():
            self._library.pw_properties_set(properties, key, value)
        return properties

    # -- inside ---------------------------------------------------------------------------------

    def _connect(self, way: tuple[int, int, int], form: bytes) -> None:
        if self._loop is None:
            raise Unreachable("its client library gets no thread")
        self._stream = self._make(self._library.pw_thread_loop_get_loop(self._loop))
        if self._stream is None:
            raise Unreachable("its client library cannot be set up")
        result = self._library.pw_stream_connect(self._stream, *way, *_parameters(form))
        if result < 0:
            raise Unreachable(os.strerror(-result).lower())
        self._library.pw_thread_loop_start(self._loop)
        if not self._settled.wait(_TIMEOUT_SECONDS):
            raise Unreachable(f"it did not answer within {_TIMEOUT_SECONDS:g} seconds")
        if self._lost is not None:
            raise Unreachable(self._lost)

    def _lose(self, reason: str) -> None:
        self._lost = reason
        self._settled.set()

    @_kept
    def _on_state(self, _before: int, state: int, message: bytes | None) -> None:
        self._state = state
        if state in (pw.ERROR, pw.UNCONNECTED):
            self._lose(message.decode(errors="replace") if message else "the connection broke")
        self._state_changed()

    @_kept
    def _on_parameter(self, parameter: int, pod: int | None) -> None:
        if parameter == pods.FORMAT:
            self._format_changed(pod)

    @_kept
    def _on_remove_buffer(self, buffer: pw.BufferPointer) -> None:
        self._remove_buffer(buffer)

    @_kept
    def _on_process(self) -> None:
        self._process()


def _parameters(pod: bytes) -> tuple[ctypes.Array[ctypes.c_char_p], int]:
    """A pod as a C function takes it: in an array of pointers, with its length."""
    return (ctypes.c_char_p * 1)(pod), 1
