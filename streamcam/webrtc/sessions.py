"""Sessions: the WebRTC connections of cameras and viewers. On the server's event loop.

Imported when the first offer comes. Only this machine's own addresses are offered: aiortc 1.16 asks
a server of Google's for the address that the internet sees, unless it is told that there is none.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from threading import Event
from time import perf_counter
from typing import Any, cast

from aiortc import (
    MediaStreamError,
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from av.video.frame import VideoFrame

from streamcam.errors import UsageError, words
from streamcam.webrtc.incoming import Incoming
from streamcam.webrtc.outgoing import Outgoing, Viewer

_POLL_SECONDS = 0.1  # between looks at whether the server stops
_CONNECTING_SECONDS = 20.0  # a connection that is not there by then is given up
_OVER = ("failed", "closed")
_CLOCK = Fraction(1, 90_000)  # of RTP video

# What they have to say of a peer that went away would go to the terminal.
for _library in ("aiortc", "aioice"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Answer:
    """`name`: of the session, to end it by; `sdp`: for who made the offer."""

    name: str
    sdp: str


class Sessions:
    """A session is a connection and what goes through it. It ends when either side ends it, when
    the connection fails, and with the server.

    One camera sends at a time; the newest one does.
    """

    def __init__(self, incoming: Incoming, outgoing: Outgoing, stopping: Event) -> None:
        """`stopping`: of the server."""
        self._incoming, self._outgoing = incoming, outgoing
        self._stopping = stopping
        self._open: dict[str, RTCPeerConnection] = {}
        self._camera = ""  # name of the session that sends
        self._tasks: set[asyncio.Task[None]] = set()

    async def publish(self, offer: str) -> Answer:
        """A camera's offer. Raises `UsageError` for one that is none, or has no video."""

        def prepare(connection: RTCPeerConnection) -> None:
            @connection.on("track")
            def receive(track: MediaStreamTrack) -> None:
                self._begin(self._receive(track) if track.kind == "video" else _drop(track))

        if not any(line.startswith("m=video") for line in offer.splitlines()):
            raise UsageError("the offer has no video")
        before, answer = self._camera, await self._connect(offer, prepare)
        self._camera = answer.name
        await self.end(before)
        return answer

    async def view(self, offer: str) -> Answer:
        """A viewer's offer. Raises `UsageError` for one that is none, and if there are too many."""
        watching = self._outgoing.watch(asyncio.get_running_loop())
        viewer = watching.__enter__()
        try:
            answer = await self._connect(
                offer, lambda connection: connection.addTrack(_NewestPictures(viewer))
            )
        except BaseException:
            watching.__exit__(None, None, None)
            raise
        connection = self._open[answer.name]
        self._begin(_after(connection, lambda: watching.__exit__(None, None, None)))
        return answer

    async def end(self, name: str) -> bool:
        """End that session; whether there was one."""
        connection = self._open.pop(name, None)
        if connection is None:
            return False
        with suppress(Exception):  # whatever it says, it is gone
            await connection.close()
        return True

    async def _connect(self, offer: str, prepare: Callable[[RTCPeerConnection], object]) -> Answer:
        """Answer with everything in it: what comes later (trickle ICE) is not waited for."""
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        try:
            prepare(connection)
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
        except Exception as error:
            with suppress(Exception):
                await connection.close()
            raise UsageError(f"the offer cannot be answered: {words(error)}") from error
        name = secrets.token_urlsafe(12)
        self._open[name] = connection
        self._begin(self._watch_over(name, connection))
        return Answer(name, connection.localDescription.sdp)

    async def _watch_over(self, name: str, connection: RTCPeerConnection) -> None:
        """Until it is over, or the server is."""
        deadline = perf_counter() + _CONNECTING_SECONDS
        while not self._stopping.is_set() and connection.connectionState not in _OVER:
            waiting = connection.connectionState != "connected"
            if waiting and perf_counter() > deadline:
                break
            if not waiting:
                deadline = perf_counter() + _CONNECTING_SECONDS
            await asyncio.sleep(_POLL_SECONDS)
        await self.end(name)

    async def _receive(self, track: MediaStreamTrack) -> None:
        """Every picture as soon as it is decoded; the newest is kept. aiortc's own queue has no
        bound, so it is emptied whether somebody reads the pictures or not."""
        camera = self._incoming.arrive()
        try:
            while True:
                picture = cast(VideoFrame, await track.recv())
                self._incoming.put(camera, picture, perf_counter())
        except MediaStreamError:
            pass
        finally:
            self._incoming.leave(camera)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._tasks.discard)


class _NewestPictures(MediaStreamTrack):
    """What one viewer gets: the newest picture each time that its encoder is free."""

    kind = "video"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._began: float | None = None

    async def recv(self) -> VideoFrame:
        picture = await self._viewer.next()
        if picture is None:
            self.stop()
            raise MediaStreamError
        own = VideoFrame.from_ndarray(picture, format="yuv420p")  # a copy: encoders write into it
        now = perf_counter()
        self._began = now if self._began is None else self._began
        own.pts, own.time_base = int((now - self._began) / _CLOCK), _CLOCK
        return own


async def _drop(track: MediaStreamTrack) -> None:
    """Sound that comes along is of no use here, and piles up if nobody takes it."""
    with suppress(MediaStreamError):
        while True:
            await track.recv()


async def _after(connection: RTCPeerConnection, then: Callable[[], object]) -> None:
    try:
        while connection.connectionState not in _OVER:
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        then()
