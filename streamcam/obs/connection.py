"""Connection: OBS as obs-websocket 5 shows it, over simpleobsws.

That library is by the author of obs-websocket, MIT, and has requests and events on one connection.
obsws-python, the other that is kept up, is GPL-3, wants a second connection for events, takes any
answer for that of its request, and writes the password into its log.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamcam.errors import StreamcamError, UsageError, reason
from streamcam.obs.server import PASSWORD_VARIABLE, ObsServer

# obs-websocket's numbers. Close codes, request statuses, events.
_WRONG_PASSWORD, _KICKED = 4009, 4011
_NOT_READY = 207  # OBS still loads its scenes, or changes the collection
NO_SUCH = 600  # source, scene, slot: there is none of that name
NO_SOUND = 604  # of what has no sound
_SCENE_EVENTS = 1 << 2

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_LOADING_SECONDS, _LOADING_POLL = 30.0, 0.2
SETTINGS = "Tools → WebSocket Server Settings"


class NotThere(StreamcamError):
    """Nobody answers; OBS may come."""


class Refused(StreamcamError):
    """Who answers will have nothing to do with us, until somebody changes a setting."""


class Lost(StreamcamError):
    """The connection broke; OBS may come back."""


class Kicked(StreamcamError):
    """The user has turned this program out, in OBS."""


class Denied(StreamcamError):
    """OBS does not do what it was asked for. `code`: obs-websocket's request status."""

    def __init__(self, request: str, code: int, comment: str) -> None:
        super().__init__(f"OBS does not do {request}: {comment or f'status {code}'}")
        self.code = code


class Connection:
    """An OBS that knows us. Used in one event loop; `close` it.

    version   of OBS and of obs-websocket, for people
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401  # simpleobsws has no types
        self.version = ""
        self._client = client
        self._news = asyncio.Event()

    @classmethod
    async def open(cls, server: ObsServer) -> Connection:
        """Connect, and wait until OBS has its scenes. Raises `NotThere`, `Refused`, `Lost`."""
        import simpleobsws

        wanted = simpleobsws.IdentificationParameters(eventSubscriptions=_SCENE_EVENTS)
        address = f"ws://127.0.0.1:{server.port}"
        made = cls(simpleobsws.WebSocketClient(address, server.password, wanted))
        made._client.register_event_callback(made._on_scene, "CurrentProgramSceneChanged")
        try:
            await made._connect(server.port)
            await made._identify(server)
            found = await made.ask("GetVersion")
            await made.ask("GetSceneList")  # as soon as it has any
        except BaseException:
            await made.close()
            raise
        made.version = (
            f"{found.get('obsVersion')} (obs-websocket {found.get('obsWebSocketVersion')})"
        )
        return made

    async def ask(self, request: str, **data: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
        """What OBS answers. Raises `Denied`, `Lost`, `Kicked`."""
        import simpleobsws

        tries = round(_LOADING_SECONDS / _LOADING_POLL)
        while True:
            call = self._client.call(simpleobsws.Request(request, data or None), _ANSWER_SECONDS)
            answer = await self._unless_closed(call)
            status = answer.requestStatus
            if status.code != _NOT_READY or tries <= 0:
                break
            tries -= 1
            await asyncio.sleep(_LOADING_POLL)
        if not answer.ok():
            raise Denied(request, int(status.code), str(status.comment or ""))
        return answer.responseData or {}

    async def scene(self) -> str:
        """The name of the scene on air. Raises as `ask` does."""
        self._news.clear()
        return str((await self.ask("GetCurrentProgramScene"))["currentProgramSceneName"])

    async def other_scene(self, seconds: float) -> bool:
        """Whether the scene on air has changed since `scene` was asked: True at once then, False
        after `seconds`. Raises `Lost`, `Kicked`."""
        news, closed = asyncio.ensure_future(self._news.wait()), self._client.recv_task
        await asyncio.wait({news, closed}, timeout=seconds, return_when="FIRST_COMPLETED")
        news.cancel()
        if closed.done():
            raise self._why_closed()
        return self._news.is_set()

    async def close(self) -> None:
        """Leave OBS. May be called twice."""
        task, self._client.recv_task = self._client.recv_task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._client.ws is not None:
            await self._client.ws.close()

    # -- inside ---------------------------------------------------------------------------------

    async def _connect(self, port: int) -> None:
        from websockets.exceptions import WebSocketException

        try:
            with _no_proxy():
                await asyncio.wait_for(self._client.connect(), _CONNECT_SECONDS)
        except TimeoutError:
            raise NotThere(f"it did not answer on port {port}") from None
        except OSError as error:
            raise NotThere(f"nothing answers on port {port}") from error
        except (WebSocketException, ValueError, EOFError) as error:
            raise Refused(_no_obs(port)) from error

    async def _identify(self, server: ObsServer) -> None:
        waiting = self._client.wait_until_identified(_CONNECT_SECONDS)
        try:
            known = await self._unless_closed(waiting)
        except Lost:
            if self._client.ws.close_code != _WRONG_PASSWORD:
                raise
            which = "another" if server.password else "a"
            raise Refused(
                f"it wants {which} password. Copy it in OBS ({SETTINGS} → Show Connect Info), "
                f"then set {PASSWORD_VARIABLE} to it"
            ) from None
        if not known:
            raise Refused(_no_obs(server.port))

    async def _unless_closed(self, doing: Any) -> Any:  # noqa: ANN401  # what a coroutine returns
        """What `doing` returns; the library would let it wait for an answer that cannot come."""
        import simpleobsws

        task = asyncio.ensure_future(doing)
        closed = self._client.recv_task
        if closed is None or closed.done():
            task.cancel()
            await asyncio.wait({task})
            raise self._why_closed()
        await asyncio.wait({task, closed}, return_when="FIRST_COMPLETED")
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            raise self._why_closed()
        try:
            return task.result()
        except (simpleobsws.MessageTimeout, simpleobsws.NotIdentifiedError) as error:
            raise Lost("OBS does not answer any more") from error
        # The socket broke while the request was sent: the websocket library's, or the system's.
        except Exception as error:
            raise Lost(f"the connection to OBS broke: {reason(error)}") from error

    def _why_closed(self) -> StreamcamError:
        if self._client.ws is not None and self._client.ws.close_code == _KICKED:
            return Kicked(f"OBS has turned streamcam out ({SETTINGS} → Disconnect)")
        return Lost("OBS has gone")

    async def _on_scene(self, data: object) -> None:
        del data  # the newest counts, which `scene` asks for
        self._news.set()


def check_library() -> None:
    """Raises `UsageError` if the library is missing."""
    try:
        import simpleobsws  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "streamcam obs needs one more library. Install it: pip install 'streamcam[obs]'"
        ) from error


@contextmanager
def _no_proxy() -> Iterator[None]:
    """websockets 15 and newer takes the system's proxy, even to this very machine."""
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = "*"
    try:
        yield
    finally:
        if before is None:
            del os.environ["no_proxy"]
        else:
            os.environ["no_proxy"] = before


def _no_obs(port: int) -> str:
    return (
        f"what answers on port {port} does not speak obs-websocket 5. OBS 28 and newer does; if "
        f"that is OBS, update it, else give its WebSocket server another port ({SETTINGS})"
    )
