"""Stands in for libpipewire: its functions, in Python, and a client that looks at the camera."""

import ctypes
from itertools import count

import cv2
import numpy as np

from streamcam.pipewire import library as pw
from streamcam.pipewire import pods


class FakePipeWire:
    """One stream at a time, which calls back as PipeWire does: under its lock, with C's types.

    alive      handles that were given out and not freed yet, by what they are
    formats    pods the camera offered; `wishes`: what it wanted for its buffers
    seen       pictures that were queued, YUY2
    refusal    an error number, if the server refuses the connection
    """

    def __init__(self):
        self.alive = {}
        self.properties = {}
        self.formats, self.wishes, self.seen = [], [], []
        self.locked = self.locks = 0
        self.first_state, self.first_message = pw.PAUSED, None  # what a connection comes to
        self.refusal = 0
        self.missing = None  # "loop" or "stream": cannot be made
        self.size = 48 * 32 * 2  # of the client's buffers in bytes
        self.free = 8  # buffers that the client has given back
        self._handles = count(1)
        self._state = pw.UNCONNECTED
        self._events = self._memory = None

    # -- what the client and the server do --------------------------------------------------

    def look(self):
        """A client takes the format, and starts."""
        self._events.param_changed(None, pods.FORMAT, 1)
        self.become(pw.STREAMING)

    def look_away(self):
        self.become(pw.PAUSED)
        self._events.param_changed(None, pods.FORMAT, None)

    def become(self, state, message=None):
        before, self._state = self._state, state
        self._events.state_changed(None, before, state, message)

    def want(self):
        """Another driver of the graph asks for a picture."""
        self._events.process(None)

    # -- the library --------------------------------------------------------------------------

    def pw_properties_new_string(self, text):
        assert text == b""
        return next(self._handles)

    def pw_properties_set(self, properties, key, value):
        self.properties[key.decode()] = value.decode()

    def pw_thread_loop_new(self, name, properties):
        return self._make("loop")

    def pw_thread_loop_get_loop(self, loop):
        assert self.alive[loop] == "loop"
        return loop

    def pw_thread_loop_start(self, loop):
        assert self.alive[loop] == "loop"
        self.become(pw.CONNECTING)
        if self.first_state != pw.CONNECTING:
            self.become(self.first_state, self.first_message)

    def pw_thread_loop_stop(self, loop):
        assert self.alive[loop] == "loop"
        assert not self.locked

    def pw_thread_loop_destroy(self, loop):
        assert self.alive.pop(loop) == "loop"

    def pw_thread_loop_lock(self, loop):
        assert self.alive[loop] == "loop"
        self.locked += 1
        self.locks += 1

    def pw_thread_loop_unlock(self, loop):
        self.locked -= 1

    def pw_stream_new_simple(self, loop, name, properties, events, data):
        self._events = events._obj
        assert self._events.version == 2
        return self._make("stream")

    def pw_stream_connect(self, stream, direction, target, flags, parameters, number):
        assert self.alive[stream] == "stream"
        assert (direction, target, flags) == (1, 0xFFFFFFFF, 0b11100)
        self.formats += read_pods(parameters, number)
        return -self.refusal

    def pw_stream_update_params(self, stream, parameters, number):
        self.wishes += read_pods(parameters, number)
        self._memory = np.zeros(self.size, np.uint8)

    def pw_stream_trigger_process(self, stream):
        assert self.locked
        self._events.process(None)

    def pw_stream_dequeue_buffer(self, stream):
        if not self.free:
            return None
        self.free -= 1
        address = self._memory.ctypes.data if self._memory.size else None
        self._chunk = pw.Chunk()
        block = pw.Data(maxsize=self._memory.size, data=address, chunk=ctypes.pointer(self._chunk))
        blocks = pw.Blocks(n_datas=1, datas=ctypes.pointer(block))
        return ctypes.pointer(pw.Buffer(buffer=ctypes.pointer(blocks)))

    def pw_stream_queue_buffer(self, stream, buffer):
        self.free += 1
        chunk = self._chunk
        if chunk.size:
            picture = self._memory[chunk.offset : chunk.offset + chunk.size]
            self.seen.append(picture.reshape(-1, chunk.stride // 2, 2).copy())

    def pw_stream_destroy(self, stream):
        assert self.alive.pop(stream) == "stream"
        if self._state != pw.UNCONNECTED:
            self.become(pw.UNCONNECTED)

    def _make(self, kind):
        if self.missing == kind:
            return None
        handle = next(self._handles)
        self.alive[handle] = kind
        return handle


def read_pods(parameters, number):
    """The pods an array of pointers leads to."""
    pointers = ctypes.cast(parameters, ctypes.POINTER(ctypes.c_void_p))
    found = []
    for index in range(number):
        head = ctypes.string_at(pointers[index], 4)
        found.append(ctypes.string_at(pointers[index], 8 + int.from_bytes(head, "little")))
    return found


def rgb(picture):
    """A picture that was seen, as RGB."""
    return cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_YUY2)
