"""A camera and a player that speak WebRTC, as other programs would: WHIP and WHEP over HTTP."""

import asyncio
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlsplit

import numpy as np
from aiortc import (
    MediaStreamError,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from av.video.frame import VideoFrame
from real_command import LONG


def send(method: str, url: str, body: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=LONG)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, parts.path, body or None, named)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read().decode()
    finally:
        connection.close()


class Peer:
    """A connection on an event loop of its own. Close it."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection = self._on_loop(self._connect())

    def prepare(self, connection: RTCPeerConnection) -> None:
        raise NotImplementedError

    def close(self) -> int:
        """End the session; the status of the answer."""
        status, _, _ = send("DELETE", self._session, Authorization=f"Bearer {self._token}")
        self.vanish()
        return status

    def vanish(self) -> None:
        """Go without a word over HTTP."""
        self._on_loop(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LONG)
        self._loop.close()

    def _on_loop(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LONG)

    async def _connect(self) -> RTCPeerConnection:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.prepare(connection)
        await connection.setLocalDescription(await connection.createOffer())
        status, headers, answer = await asyncio.to_thread(
            send,
            "POST",
            self._url,
            connection.localDescription.sdp,
            Content_Type="application/sdp",
            Authorization=f"Bearer {self._token}",
        )
        assert status == 201, answer
        self._session = f"{self._url.rpartition('/')[0]}{headers['location']}"
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return connection


class Camera(Peer):
    """Sends whatever `pixels()` gives, RGB, 30 times a second, with silence beside it."""

    def __init__(self, url: str, token: str, pixels: Callable[[], np.ndarray]) -> None:
        self._pixels = pixels
        super().__init__(url, token)

    def prepare(self, connection: RTCPeerConnection) -> None:
        camera = self

        class Track(VideoStreamTrack):
            async def recv(self) -> VideoFrame:
                pts, time_base = await self.next_timestamp()
                picture = VideoFrame.from_ndarray(camera._pixels(), format="rgb24")
                picture.pts, picture.time_base = pts, time_base
                return picture

        connection.addTrack(Track())


class Player(Peer):
    """`picture` is the newest that came, RGB; None until the first."""

    def __init__(self, url: str, token: str) -> None:
        self.picture: np.ndarray | None = None
        self.over = False
        super().__init__(url, token)

    def prepare(self, connection: RTCPeerConnection) -> None:
        connection.addTransceiver("video", direction="recvonly")

        @connection.on("track")
        def receive(track) -> None:
            self._task = asyncio.ensure_future(self._receive(track))

    async def _receive(self, track) -> None:
        try:
            while True:
                picture = await track.recv()
                self.picture = picture.to_ndarray(format="rgb24")
        except MediaStreamError:
            self.over = True
