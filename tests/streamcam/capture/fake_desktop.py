"""A Wayland desktop that shares its screen, in parts: PipeWire's library, a session bus with a
portal, and what a source is made of once both have done their work."""

import ctypes
import os
from collections import deque
from fractions import Fraction
from itertools import count

import cv2
import numpy as np
from jeepney import DBusAddress, HeaderFields, new_error, new_method_return, new_signal

from streamcam.pipewire import library as pw
from streamcam.pipewire import pods

RED, GREEN, BLUE = (200, 20, 30), (20, 200, 30), (20, 30, 200)
VIDEO, LARGER = pods.Video(pods.BGRX, 48, 32), pods.Video(pods.BGRX, 64, 48)
_FROM_RGB = {
    pods.BGRX: cv2.COLOR_RGB2BGRA,
    pods.BGRA: cv2.COLOR_RGB2BGRA,
    pods.RGBX: cv2.COLOR_RGB2RGBA,
    pods.RGBA: cv2.COLOR_RGB2RGBA,
}


class FakePipeWire:
    """The library, and a compositor that delivers pictures; calls back as PipeWire does.

    alive    handles that were given out and not freed yet, by what they are
    video    what both sides agree on as soon as the stream runs; None: on nothing
    missing  what cannot be made: "loop", "context", "core" or "stream"
    queue    buffers that wait for the program; `free`: those that it has given back
    """

    def __init__(self, video=VIDEO):
        self.alive, self.properties = {}, {}
        self.video, self.missing = video, None
        self.queue, self.free = deque(), []
        self.wishes = []
        self.connected = None
        self.locked = 0
        self._handles = count(1)
        self._events = None
        self._kept = []  # what C's pointers lead to

    # -- what the compositor does ----------------------------------------------------------------

    def agree(self, video):
        """On a format; None: on none any more."""
        if video is None:
            self._events.param_changed(None, pods.FORMAT, None)
            return
        pod = pods._format(
            [pods._id(video.pixels)],
            [pods._size(video.width, video.height)],
            [pods._rate(Fraction(0))],
        )
        memory = ctypes.create_string_buffer(pod)
        self._events.param_changed(None, pods.FORMAT, ctypes.addressof(memory))

    def become(self, state, message=None):
        self._events.state_changed(None, 0, state, message)

    def deliver(self, rgb, padding=0, offset=0, **chunk):
        """A picture, `padding` bytes after each row and `offset` before the first."""
        pixels = cv2.cvtColor(rgb, _FROM_RGB[self.video.pixels])
        rows = np.zeros((rgb.shape[0], rgb.shape[1] * 4 + padding), np.uint8)
        rows[:, : rgb.shape[1] * 4] = pixels.reshape(rgb.shape[0], -1)
        memory = np.concatenate([np.zeros(offset, np.uint8), rows.ravel()])
        filled = {"offset": offset, "size": rows.nbytes, "stride": rows.strides[0]} | chunk
        return self.enqueue(memory, pw.Chunk(**filled))

    def enqueue(self, memory, chunk):
        block = pw.Data(
            maxsize=memory.nbytes,
            data=memory.ctypes.data if memory.nbytes else None,
            chunk=ctypes.pointer(chunk),
        )
        blocks = pw.Blocks(n_datas=1, datas=ctypes.pointer(block))
        buffer = pw.Buffer(buffer=ctypes.pointer(blocks))
        self._kept.append((memory, chunk, block, blocks, buffer))
        self.queue.append(buffer)
        self._events.process(None)
        return buffer

    def remove(self, buffer):
        self._events.remove_buffer(None, ctypes.pointer(buffer))

    # -- the library -----------------------------------------------------------------------------

    def pw_properties_new_string(self, text):
        return next(self._handles)

    def pw_properties_set(self, properties, key, value):
        self.properties[key.decode()] = value.decode()

    def pw_thread_loop_new(self, name, properties):
        return self._make("loop")

    def pw_thread_loop_get_loop(self, loop):
        return loop

    def pw_thread_loop_start(self, loop):
        self.become(pw.CONNECTING)
        self.become(pw.PAUSED)
        if self.video:
            self.agree(self.video)
            self.become(pw.STREAMING)

    def pw_thread_loop_stop(self, loop):
        assert not self.locked

    def pw_thread_loop_destroy(self, loop):
        assert self.alive.pop(loop) == "loop"

    def pw_thread_loop_lock(self, loop):
        self.locked += 1

    def pw_thread_loop_unlock(self, loop):
        self.locked -= 1

    def pw_context_new(self, loop, properties, size):
        return self._make("context")

    def pw_context_connect_fd(self, context, descriptor, properties, size):
        assert self.alive[context] == "context"
        os.close(descriptor)  # also if it fails
        return None if self.missing == "core" else next(self._handles)

    def pw_context_destroy(self, context):
        assert self.alive.pop(context) == "context"
        assert "stream" not in self.alive.values()

    def pw_stream_new(self, core, name, properties):
        return self._make("stream")

    def pw_stream_add_listener(self, stream, hook, events, data):
        assert ctypes.sizeof(hook._obj) == 6 * ctypes.sizeof(ctypes.c_void_p)
        self._events = events._obj

    def pw_stream_connect(self, stream, direction, target, flags, parameters, number):
        self.connected = (direction, target, flags)
        return 0

    def pw_stream_update_params(self, stream, parameters, number):
        (address,) = ctypes.cast(parameters, ctypes.POINTER(ctypes.c_void_p * number)).contents
        size = int.from_bytes(ctypes.string_at(address, 4), "little")
        self.wishes.append(ctypes.string_at(address, 8 + size))

    def pw_stream_dequeue_buffer(self, stream):
        assert stream is not None
        return ctypes.pointer(self.queue.popleft()) if self.queue else None

    def pw_stream_queue_buffer(self, stream, buffer):
        self.free.append(ctypes.addressof(buffer.contents))

    def pw_stream_destroy(self, stream):
        assert self.alive.pop(stream) == "stream"

    def _make(self, kind):
        if self.missing == kind:
            return None
        handle = next(self._handles)
        self.alive[handle] = kind
        return handle


class FakeBus:
    """A session bus with a portal on it.

    offers   the portal's properties; None: there is no portal
    answers  what the user and the desktop say to a request, by its method: (code, results);
             None: nothing
    errors   the error that a method is answered with, by its name
    calls    methods that were called, with their arguments
    """

    def __init__(self):
        self.offers = {"AvailableSourceTypes": ("u", 7), "AvailableCursorModes": ("u", 7)}
        session = {"session_handle": ("s", "/session")}
        screen = {
            "streams": ("a(ua{sv})", [(42, {})]),
            "restore_token": ("s", "next time"),
        }
        self.answers = {
            "CreateSession": (0, session),
            "SelectSources": (0, {}),
            "Start": (0, screen),
        }
        self.errors = {}
        self.calls = []
        self.closed = 0
        self.broken = None
        self._waiting = deque()
        self._requests = count(1)

    def options(self, method):
        """What a method was called with, without the types."""
        (arguments,) = (body for name, body in self.calls if name == method)
        return {name: value for name, (_, value) in arguments[-1].items()}

    def emit(self, path, interface, member, *body):
        self._waiting.append(new_signal(DBusAddress(path, interface=interface), member, "", body))

    # -- jeepney's connection --------------------------------------------------------------------

    def filter(self, rule, queue):
        self.queue = queue

    def send_and_get_reply(self, call, timeout):
        assert timeout
        fields = call.header.fields
        member = fields[HeaderFields.member]
        self.calls.append((member, call.body))
        if self.broken:
            raise self.broken
        if member in self.errors:
            return new_error(call, "org.freedesktop.DBus.Error.Failed", "s", (self.errors[member],))
        return new_method_return(call, "", self._result(member))

    def recv_until_filtered(self, queue, timeout):
        assert queue is self.queue
        if self.broken:
            raise self.broken
        if not self._waiting:
            assert timeout is not None, "would wait for ever"
            raise TimeoutError
        return self._waiting.popleft()

    def close(self):
        self.closed += 1

    def _result(self, member):
        if member == "GetAll":
            return (self.offers,)
        if member == "OpenPipeWireRemote":
            return (FakeDescriptor(),)
        if member not in self.answers:
            return ()
        request = f"/request/{next(self._requests)}"
        if self.answers[member] is not None:
            # Another program's request, which is none of our business, comes first.
            self.emit("/request/other", "org.freedesktop.portal.Request", "Response", 1, {})
            self.emit(request, "org.freedesktop.portal.Request", "Response", *self.answers[member])
        return (request,)


class FakeDescriptor:
    def to_raw_fd(self):
        return 7


class FakeCast:
    """A session that lasts until `over`; `late`: this is known only to who waits."""

    def __init__(self):
        self.over = self.late = False
        self.closed = 0

    def ended(self, patience=0.0):
        return self.over or (self.late and patience > 0)

    def close(self):
        self.closed += 1


class FakePictures:
    """Hands out what is in `waiting`: colours, or what is to be raised."""

    def __init__(self, video=LARGER, *waiting):
        self.video = video
        self.waiting = deque(waiting)
        self.closed = 0

    def newest(self, fit):
        if not self.waiting:
            return None
        item = self.waiting.popleft()
        if isinstance(item, Exception):
            raise item
        pool, place = fit(self.video)
        picture = np.full((self.video.height, self.video.width, 3), item, np.uint8)
        buffer = pool.take()
        buffer[:] = picture[place]
        return buffer

    def close(self):
        self.closed += 1


class EndlessPictures(FakePictures):
    """A new one each time: a red, in which the blue rises."""

    def newest(self, fit):
        self.number = getattr(self, "number", 0) + 1
        self.waiting.append((RED[0], RED[1], RED[2] + 6 * (self.number % 10)))
        return super().newest(fit)
