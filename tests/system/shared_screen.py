"""What a Wayland desktop is to a program that captures its screen: a node in PipeWire's graph with
the pictures, and the portal on the session bus that hands out access to it."""

import ctypes
import threading
from contextlib import suppress
from fractions import Fraction

import cv2
import numpy as np
from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    message_bus,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import open_dbus_connection
from pipewire_session import Session

from streamcam.pipewire import library as pw
from streamcam.pipewire import pods
from streamcam.pipewire.stream import Stream

_PADDING = 64  # bytes after each row, and before the first one, as graphics cards like them
_KEYS = {b"media.class": b"Video/Source", b"node.description": b"a monitor"}
_PORTAL = "org.freedesktop.portal"
_PLACE = "/org/freedesktop/portal/desktop"
GRANTED, REFUSED = 0, 1


class Monitor(Stream):
    """A node that sends a picture when one is shown, and none in between, as compositors do.

    name    of the node
    pixels  how it sends colours: pods.BGRX or pods.RGBX
    """

    def __init__(self, name: str, size: tuple[int, int], pixels: int = pods.BGRX) -> None:
        library = pw.load()
        super().__init__(library)
        width, height = size
        self._name = name.encode()
        self._code = cv2.COLOR_RGB2BGRA if pixels == pods.BGRX else cv2.COLOR_RGB2RGBA
        self._padded = np.zeros((height, width * 4 + _PADDING), np.uint8)
        self._shown = False
        self._pixels = pixels
        flags = pw.DRIVER | pw.MAP_BUFFERS
        self._open(pw.OUTPUT, pw.ANY_NODE, flags, self._offer(width, height))

    @property
    def watched(self) -> bool:
        return self._state == pw.STREAMING

    def show(self, rgb: np.ndarray) -> None:
        height, width, _ = rgb.shape
        with self._locked():
            self._padded[:, : width * 4] = cv2.cvtColor(rgb, self._code).reshape(height, -1)
            self._shown = True
            self._library.pw_stream_trigger_process(self._stream)

    def resize(self, width: int, height: int) -> None:
        """Another resolution, in the same node, as compositors do it. The next picture has it."""
        with self._locked():
            self._padded = np.zeros((height, width * 4 + _PADDING), np.uint8)
            self._shown = False
            self._update(self._offer(width, height))

    def _offer(self, width: int, height: int) -> bytes:
        return pods._format(
            [pods._id(self._pixels)], [pods._size(width, height)], [pods._rate(Fraction(0))]
        )

    def _make(self, loop: int) -> int | None:
        properties = self._properties(_KEYS | {b"node.name": self._name})
        return self._library.pw_stream_new_simple(
            loop, self._name, properties, ctypes.byref(self._events), None
        )

    def _state_changed(self) -> None:
        if self._state != pw.CONNECTING:
            self._settled.set()

    def _format_changed(self, pod: int | None) -> None:
        if pod:
            height, stride = self._padded.shape
            self._update(pods.camera_buffers(stride, height + 1))  # a row more than it takes

    def _process(self) -> None:
        if not self._shown:
            return
        buffer = self._library.pw_stream_dequeue_buffer(self._stream)
        if not buffer:
            return
        block = buffer.contents.buffer.contents.datas[0]
        chunk = block.chunk.contents
        ctypes.memmove(block.data + _PADDING, self._padded.ctypes.data, self._padded.nbytes)
        chunk.offset, chunk.size, chunk.flags = _PADDING, self._padded.nbytes, 0
        chunk.stride = self._padded.strides[0]
        self._library.pw_stream_queue_buffer(self._stream, buffer)


class Portal:
    """A portal whose user answers at once, or not at all. `close` it.

    answer  GRANTED or REFUSED, what the user says when asked; None: nothing
    node    the number of the screen that they choose
    asked   what was wanted each time that there would have been a dialog
    tokens  what spares a dialog, and was given out for one time each
    """

    def __init__(self, session: Session, node: int) -> None:
        self.answer: int | None = GRANTED
        self.node = node
        self.asked: list[dict] = []
        self.wishes: list[dict] = []
        self.tokens: list[str] = []
        self.session = session
        self._opened = ""
        self._clients: set[str] = set()
        self._bus = open_dbus_connection(
            session.environment["DBUS_SESSION_BUS_ADDRESS"], enable_fds=True
        )
        self._bus.send_and_get_reply(message_bus.RequestName(f"{_PORTAL}.Desktop"))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def end_session(self) -> None:
        """As a user does with the desktop's button for it."""
        self._emit(self._opened, "Session", "Closed", "", ())

    def close(self) -> None:
        self._bus.sock.shutdown(2)
        self._thread.join()
        self._bus.close()

    def _serve(self) -> None:
        with suppress(ConnectionResetError):
            while True:
                call = self._bus.receive()
                if call.header.message_type is MessageType.method_call:
                    self._answer(call)

    def _answer(self, call: Message) -> None:
        member = call.header.fields[HeaderFields.member]
        arguments = call.body
        if member == "GetAll":
            known = {
                "version": ("u", 4),
                "AvailableSourceTypes": ("u", 7),
                "AvailableCursorModes": ("u", 7),
            }
            self._bus.send(new_method_return(call, "a{sv}", (known,)))
        elif member == "OpenPipeWireRemote":
            assert arguments[0] == self._opened
            with self.session.connection() as remote:
                self._bus.send(new_method_return(call, "h", (remote,)))
        elif member in ("CreateSession", "SelectSources", "Start"):
            self._request(call, member, arguments)
        else:
            self._bus.send(new_error(call, "org.freedesktop.DBus.Error.UnknownMethod"))

    def _request(self, call: Message, member: str, arguments: tuple) -> None:
        sender = call.header.fields[HeaderFields.sender]
        mark = sender[1:].replace(".", "_")
        options = {name: value for name, (_, value) in arguments[-1].items()}
        request = f"{_PLACE}/request/{mark}/{options['handle_token']}"
        self._bus.send(new_method_return(call, "o", (request,)))
        answer, results = GRANTED, {}
        if member == "CreateSession":
            self._opened = f"{_PLACE}/session/{mark}/{options['session_handle_token']}"
            results = {"session_handle": ("s", self._opened)}
        else:
            assert arguments[0] == self._opened
        if member == "SelectSources":
            self.wishes.append(options)
        if member == "Start":
            answer, results = self._start()
        if answer is not None:
            self._emit(request, "Request", "Response", "ua{sv}", (answer, results))

    def _start(self) -> tuple[int | None, dict]:
        token = self.wishes[-1].get("restore_token")
        if token in self.tokens:
            self.tokens.remove(token)
        else:
            self.asked.append(self.wishes[-1])
            if self.answer != GRANTED:
                return self.answer, {}
        self.tokens.append(f"token {len(self.wishes)}")
        stream = (self.node, {"source_type": ("u", 1)})
        return GRANTED, {
            "streams": ("a(ua{sv})", [stream]),
            "restore_token": ("s", self.tokens[-1]),
        }

    def _emit(self, place: str, interface: str, member: str, signature: str, body: tuple) -> None:
        emitter = DBusAddress(place, interface=f"{_PORTAL}.{interface}")
        self._bus.send(new_signal(emitter, member, signature or None, body))
