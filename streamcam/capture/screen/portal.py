"""The desktop portal's screen cast, over D-Bus: the desktop asks its user which screen to share.

The protocol is that of org.freedesktop.portal.ScreenCast: a session is created, says what it
wants, and is started. Each of these is a request that is answered later, by a signal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, NamedTuple

from jeepney import (
    DBusAddress,
    DBusErrorResponse,
    HeaderFields,
    MatchRule,
    Message,
    Properties,
    message_bus,
    new_method_call,
)
from jeepney.wrappers import unwrap_msg

from streamcam.capture.screen.session_bus import connect
from streamcam.errors import words

_PORTAL = "org.freedesktop.portal"
_DESKTOP = f"{_PORTAL}.Desktop"
_PLACE = "/org/freedesktop/portal/desktop"
_SCREEN_CAST = DBusAddress(_PLACE, _DESKTOP, f"{_PORTAL}.ScreenCast")
_TIMEOUT_SECONDS = 25.0  # seconds for a call; the first one may have to start the portal
_MONITOR = 1
_CURSOR_EMBEDDED = 2  # drawn into the picture
_PERSISTENT = 2  # until the user revokes it
_GRANTED, _REFUSED = 0, 1

VarDict = dict[str, tuple[str, Any]]  # name: D-Bus type and value


class NoPortal(Exception):
    """No portal can be asked, or it has no screens to share. The message says why."""


class Refused(Exception):
    """The user said no."""


class Failed(Exception):
    """The portal did not do what it was asked for. The message says why."""


class Shared(NamedTuple):
    """What a user agreed to.

    node   the number of the screen in PipeWire's graph
    token  shows that they agreed, so that they need not be asked again; good for one time.
           "" if they want to be asked
    """

    node: int
    token: str


class ScreenCast:
    """A screen cast session of the portal. For one thread.

    The screen is shared until `close`: the desktop then takes it away, as it does when this
    process ends.
    """

    def __init__(self) -> None:
        """Connect. Asks the user nothing. Raises `NoPortal`."""
        self._session = ""
        self._tokens = 0
        self._signals: deque[Message] = deque()
        try:
            self._bus = connect()
        except ConnectionError as error:
            raise NoPortal(str(error)) from error
        try:
            sources, cursors = self._offers()
        except Failed as error:
            self.close()
            raise NoPortal(f"no desktop portal offers the screen ({error})") from error
        if not sources & _MONITOR:
            self.close()
            raise NoPortal("the desktop portal that runs has no screens to offer")
        self._cursor = cursors & _CURSOR_EMBEDDED

    def share(self, token: str) -> Shared:
        """Have the user choose a screen, unless `token` says that they did.

        Waits for the user for as long as they take. Raises `Refused` and `Failed`.
        """
        with _as_failed():
            return self._share(token)

    def remote(self) -> int:
        """A connection to PipeWire that can see the screen, a file descriptor to be closed by
        the caller. Raises `Failed`.
        """
        call = new_method_call(_SCREEN_CAST, "OpenPipeWireRemote", "oa{sv}", (self._session, {}))
        with _as_failed():
            (descriptor,) = self._call(call)
            number: int = descriptor.to_raw_fd()
            return number

    def ended(self, patience: float = 0.0) -> bool:
        """Whether the desktop has ended the session, most likely because its user wanted so.

        patience  seconds to wait for the news
        """
        deadline = monotonic() + patience
        while True:
            try:
                signal = self._next_signal(max(deadline - monotonic(), 0.0))
                if self._is_end(signal):
                    return True
            except TimeoutError:
                return False
            except Exception:  # noqa: BLE001  # the bus is gone, and with it the portal
                return True

    def close(self) -> None:
        """Share the screen no longer. May be called twice."""
        with suppress(Exception):  # what is gone is shared no longer
            self._bus.close()

    def _offers(self) -> tuple[int, int]:
        """What the portal can share, and how it can show the pointer, as bits."""
        with _as_failed():
            self._bus.filter(MatchRule(type="signal"), queue=self._signals)
            for rule in (MatchRule(type="signal", sender=_DESKTOP), _owner_changes()):
                self._call(message_bus.AddMatch(rule))
            (found,) = self._call(Properties(_SCREEN_CAST).get_all())
            sources, cursors = (
                int(found.get(f"Available{kind}", ("u", 0))[1])
                for kind in ("SourceTypes", "CursorModes")
            )
            return sources, cursors

    def _share(self, token: str) -> Shared:
        created = self._request(
            "CreateSession", "a{sv}", (), {"session_handle_token": ("s", "streamcam")}
        )
        self._session = _text(created, "session_handle")
        wish: VarDict = {
            "types": ("u", _MONITOR),
            "multiple": ("b", False),
            "persist_mode": ("u", _PERSISTENT),
        }
        if self._cursor:
            wish["cursor_mode"] = ("u", _CURSOR_EMBEDDED)
        if token:
            wish["restore_token"] = ("s", token)
        self._request("SelectSources", "oa{sv}", (self._session,), wish)
        # The second argument is the window above which to show the dialog: there is none.
        started = self._request("Start", "osa{sv}", (self._session, ""), {}, patience=None)
        streams = started.get("streams", ("a(ua{sv})", []))[1]
        if not streams:
            raise Failed("it shared no screen")
        return Shared(int(streams[0][0]), _text(started, "restore_token"))

    def _request(
        self,
        method: str,
        signature: str,
        arguments: tuple[Any, ...],
        options: VarDict,
        patience: float | None = _TIMEOUT_SECONDS,
    ) -> VarDict:
        """Call a method that answers with a signal; what the signal says."""
        self._tokens += 1
        options = options | {"handle_token": ("s", f"streamcam{self._tokens}")}
        call = new_method_call(_SCREEN_CAST, method, signature, (*arguments, options))
        (request,) = self._call(call)
        response, results = self._response(request, method, patience)
        if response == _REFUSED:
            raise Refused
        if response != _GRANTED:
            raise Failed(f"{method} was ended by the desktop")
        return results

    def _response(self, request: str, method: str, patience: float | None) -> tuple[int, VarDict]:
        deadline = None if patience is None else monotonic() + patience
        try:
            while True:
                rest = None if deadline is None else max(deadline - monotonic(), 0.0)
                signal = self._next_signal(rest)
                if _is(signal, request, "Response"):
                    response, results = signal.body
                    return response, results
                if self._is_end(signal):
                    raise Failed(f"{method} was ended by the desktop")
        except OSError as error:
            raise Failed(f"{method}: {_reason(error)}") from error

    def _is_end(self, signal: Message) -> bool:
        """Whether it says that the session is closed, or that the portal itself is gone."""
        gone = _is(signal, message_bus.object_path, "NameOwnerChanged") and not signal.body[2]
        return bool(gone) or _is(signal, self._session, "Closed")

    def _next_signal(self, patience: float | None) -> Message:
        return self._bus.recv_until_filtered(self._signals, timeout=patience)

    def _call(self, message: Message) -> tuple[Any, ...]:
        try:
            reply = self._bus.send_and_get_reply(message, timeout=_TIMEOUT_SECONDS)
            answer: tuple[Any, ...] = unwrap_msg(reply)
        except DBusErrorResponse as error:
            said = error.data[0] if error.data else error.name
            raise Failed(str(said).rstrip(".")) from error
        except OSError as error:
            raise Failed(_reason(error)) from error
        return answer


@contextmanager
def _as_failed() -> Iterator[None]:
    """Every other error in the dialogue, such as an answer of another shape, becomes `Failed`."""
    try:
        yield
    except (Refused, Failed):
        raise
    except Exception as error:
        raise Failed(f"the conversation with it went wrong ({words(error)})") from error


def _owner_changes() -> MatchRule:
    rule = MatchRule(type="signal", sender=message_bus.bus_name, member="NameOwnerChanged")
    rule.add_arg_condition(0, _DESKTOP)
    return rule


def _is(signal: Message, path: str, member: str) -> bool:
    fields = signal.header.fields
    return (fields[HeaderFields.path], fields[HeaderFields.member]) == (path, member)


def _text(results: VarDict, name: str) -> str:
    return str(results.get(name, ("s", ""))[1])


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return f"the D-Bus session broke off ({error})"
