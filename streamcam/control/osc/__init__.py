"""OSC: values, looks and the beat over UDP (extra `osc`).

/streamcam/strength 0.7          a value; /streamcam/gate/threshold is gate.threshold
/streamcam/strength              without an argument: the answer goes back to who asks
/streamcam/look "noir"           likewise preset and curtain
/streamcam/tap                   the beat, tapped
"""

from __future__ import annotations

import select
import socket
import time
from collections import defaultdict, deque
from contextlib import suppress
from threading import Event
from time import perf_counter
from typing import TYPE_CHECKING, Any

from streamcam.config import parse_listening
from streamcam.control.acts import CURTAIN, LOOK, PRESET, Act
from streamcam.control.beat import Beat
from streamcam.control.desk import Desk
from streamcam.errors import UsageError, reason

if TYPE_CHECKING:
    from streamcam.control.osc.packets import Message

_PREFIX = "/streamcam/"
_NAMED = {"look": LOOK, "preset": PRESET, "curtain": CURTAIN}
_LARGEST = 65_536  # bytes of a datagram
_LOOK_SECONDS = 0.2  # seconds between looks at whether to stop
_KEPT_BYTES = 1 << 20  # that the system is asked to keep while this program is busy
_MOST_WAITING = 4096  # datagrams


class OscDoor:
    """The thread "osc" is `work`. Nothing that comes in ends it.

    packets  that came; broken  of these, those that were no OSC; dropped  those that newer ones
             took the place of
    unknown  messages for nothing that there is
    """

    def __init__(self, desk: Desk, beat: Beat, where: str) -> None:
        """`where`: see `parse_listening`. Takes the port. Raises `UsageError`."""
        try:
            from streamcam.control.osc import packets
        except ImportError as error:
            raise UsageError("OSC needs another library: pip install 'streamcam[osc]'") from error
        self.packets = self.broken = self.dropped = self.unknown = 0
        self._read = packets.messages
        self._broken = packets.BrokenPacket
        self._desk, self._beat = desk, beat
        self._stop = Event()
        self._socket = _bound(where)
        self.address = "{}:{}".format(*self._socket.getsockname()[:2])

    def work(self) -> None:
        """Until `close`."""
        with self._socket as listener:
            while not self._stop.is_set():
                if select.select([listener], [], [], _LOOK_SECONDS)[0]:
                    self._take_all(listener)

    def close(self) -> None:
        """End `work` within a fifth of a second; what was never begun is closed at once."""
        self._stop.set()

    def abandon(self) -> None:
        """Free the port of a door that was never begun."""
        self._socket.close()

    def _take_all(self, listener: socket.socket) -> None:
        """What has come, and what comes meanwhile. The system keeps some 500 small datagrams, and
        of a flood drops the newest, so all are fetched before the next one is read."""
        waiting: deque[tuple[bytes, Any]] = deque()
        while not self._stop.is_set():
            while _fetch(listener, waiting):
                self.packets += 1
                if len(waiting) > _MOST_WAITING:
                    waiting.popleft()
                    self.dropped += 1
            if not waiting:
                return
            self._take(*waiting.popleft())

    def _take(self, datagram: bytes, sender: Any) -> None:  # noqa: ANN401  # as the socket has it
        try:
            found = self._read(datagram)
        except self._broken:
            self.broken += 1
            return
        acts: dict[float | None, list[Act]] = defaultdict(list)  # a bundle acts as one
        for message in found:
            act = self._act(message, sender)
            if act is not None:
                acts[message.at].append(act)
        for at, together in acts.items():
            self._desk.post(together, None if at is None else _on_our_clock(at))

    def _act(self, message: Message, sender: Any) -> Act | None:  # noqa: ANN401
        if not message.address.startswith(_PREFIX):
            self.unknown += 1
            return None
        name = message.address.removeprefix(_PREFIX).strip("/")
        if not message.arguments and name != "tap":
            self._answer(name, sender)
            return None
        if name == "tap":
            self._beat.tap()
            return None
        if name in _NAMED:
            return self._desk.named(_NAMED[name], str(message.arguments[0]))
        return self._desk.sent(name.replace("/", "."), message.arguments[0])

    def _answer(self, name: str, sender: Any) -> None:  # noqa: ANN401
        from pythonosc.osc_message_builder import build_msg

        program = self._desk.program
        found = program.values() | {
            "look": program.stats.snapshot().look,
            "preset": program.preset_name,
            "curtain": program.curtain,
        }
        key = name.replace("/", ".")
        if key not in found:
            self.unknown += 1
            return
        with suppress(OSError):  # whoever asked has gone
            self._socket.sendto(build_msg(f"{_PREFIX}{name}", _sendable(found[key])).dgram, sender)


def _fetch(listener: socket.socket, into: deque[tuple[bytes, Any]]) -> bool:
    """The next datagram; False if there is none."""
    try:
        into.append(listener.recvfrom(_LARGEST))
    except BlockingIOError:
        return False
    except OSError:  # an answer that nobody took, as the system says here
        return False
    return True


def _sendable(value: Any) -> list[Any]:  # noqa: ANN401  # of whatever kind
    """OSC's whole numbers end at 2³¹."""
    return [float(value)] if isinstance(value, int) and abs(value) >= 2**31 else [value]


def _on_our_clock(at: float) -> float:
    """A time of day as `time.perf_counter()` seconds."""
    return perf_counter() + at - time.time_ns() / 1e9


def _bound(where: str) -> socket.socket:
    try:
        host, port = parse_listening(where)
    except ValueError as error:
        raise UsageError(f"OSC at {where}: {error}") from error
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise UsageError(f"OSC at {where}: {reason(error)}.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KEPT_BYTES)
        listener.bind(address)
        listener.settimeout(0.0)  # what is not there is not waited for
    except OSError as error:
        listener.close()
        raise UsageError(f"OSC at {where}: {reason(error)}.") from error
    return listener
