"""Conversation: one connection to an engine elsewhere, from `Hello` to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from streamcam.errors import StreamcamError, reason, told
from streamcam.remote import words
from streamcam.remote.asked import Asked, Outbox
from streamcam.remote.fitting import Fitting
from streamcam.remote.pictures import largest, packed, unpacked
from streamcam.remote.wire import (
    LARGEST_GREETING,
    Codec,
    Hello,
    Here,
    Made,
    Missed,
    Misspoken,
    Refusal,
    Sent,
    Welcome,
    Why,
    greeting,
    pack,
    unpack,
)

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

GREETING_SECONDS = 10.0  # for the connection, and for the answer to `Hello`
_HERE_SECONDS = 5.0  # between signs of life while there is no frame to send
# Of the wanted rate, below which a seat is not worth having; a rate that is low already is that.
_LEAST_SHARE, _LOW_RATE = 0.5, 14.0


class Lost(StreamcamError):
    """The connection cannot be had, or is no longer one. `retry_after` seconds; None: as usual."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears what comes of frames. Both settle the frame.

    made    its picture, of the frame's own size
    missed  there is none; a sentence, "" where that is no fault
    """

    made: Callable[[Asked, Made], None]
    missed: Callable[[Asked, str], None]


class Conversation:
    """Used in the event loop of the thread "link"."""

    def __init__(self, socket: ClientConnection, outbox: Outbox, listener: Listener) -> None:
        self._socket = socket
        self._outbox = outbox
        self._listener = listener
        self._unanswered: dict[int, Asked] = {}
        self._due = 0.0  # when the next frame may be sent

    async def greet(self, fps: float) -> Welcome:
        """Ask for a seat for so many frames a second. Raises `Lost`."""
        least = fps if fps < _LOW_RATE else _LEAST_SHARE * fps
        await self._socket.send(Hello(fps=fps, least_fps=least).model_dump_json())
        answer = await asyncio.wait_for(self._socket.recv(), GREETING_SECONDS)
        if not isinstance(answer, str) or len(answer) > LARGEST_GREETING:
            raise Misspoken("what answers there is not streamcam.")
        said = greeting(answer, Welcome, Refusal)
        if isinstance(said, Welcome):
            return said
        assert isinstance(said, Refusal)
        raise Lost(said.refused, said.retry_after_s)

    async def hold(self, welcome: Welcome, codec: Codec) -> None:
        """Send frames and hear the answers, until the outbox is closed. Raises what ended it."""
        work = (self._send(welcome, codec), self._receive(welcome))
        try:
            await _first_of(*work, self._outbox.until(lambda: False))
        finally:
            for asked in self._unanswered.values():
                asked.settle()

    async def _send(self, welcome: Welcome, codec: Codec) -> None:
        fitting, number = Fitting((welcome.width, welcome.height)), 0

        def may_send() -> bool:  # the time of an answer is then that of one frame
            return self._outbox.full and not self._unanswered

        while not self._outbox.closed:
            await self._outbox.until(may_send, _HERE_SECONDS)
            asked = self._outbox.take() if may_send() else None
            if asked is None:
                await self._socket.send(pack(Here()))
                continue
            await self._in_rate(welcome)
            number = (number + 1) % 2**32
            asked.sent_at = perf_counter()
            try:
                values = words.dump(asked.params)
                picture = packed(fitting.there(asked.pixels), codec)
                data = pack(Sent(number, asked.sent_at, values, codec, picture))
            except StreamcamError as error:  # a look that cannot be said
                self._listener.missed(asked, str(error))
                continue
            self._unanswered[number] = asked
            await self._socket.send(data)

    async def _in_rate(self, welcome: Welcome) -> None:
        """Wait until a frame may be sent, in the rate that was granted."""
        now = perf_counter()
        self._due = max(self._due + 1.0 / welcome.fps, now)
        if self._due > now:
            await asyncio.sleep(self._due - now)

    async def _receive(self, welcome: Welcome) -> None:
        size = (welcome.width, welcome.height)
        most = largest(size) + LARGEST_GREETING
        async for data in self._socket:
            if isinstance(data, str) or len(data) > most:
                raise Misspoken("what answers there is not streamcam.")
            answer = unpack(data)
            if not isinstance(answer, Made | Missed) or answer.number not in self._unanswered:
                raise Misspoken("it answers what it was not asked.")
            asked = self._unanswered.pop(answer.number)
            self._outbox.wake()
            if isinstance(answer, Missed):
                ours = answer.why in (Why.NEWER, Why.RATE)
                self._listener.missed(asked, "" if ours else answer.text)
                continue
            height, width = asked.pixels.shape[:2]
            made = unpacked(answer.picture, answer.codec, size)
            asked.made = Fitting((width, height)).back(made)
            self._listener.made(asked, answer)
        raise Lost(self._socket.close_reason or "the connection broke off")


async def _first_of(*work: Coroutine[object, object, None]) -> None:
    """Until one of them ends, which ends the others. Raises what it raises."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def in_words(error: Exception) -> str:
    """What ended a connection, or kept it from being one, for people."""
    from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        known = {401: _NO_TOKEN, 403: _NO_TOKEN}
        return known.get(status, f"it answers with HTTP status {status}")
    if isinstance(error, ConnectionClosed):
        said = error.rcvd.reason if error.rcvd else ""
        return said or "the connection broke off"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return reason(error) if isinstance(error, OSError | WebSocketException) else told(error)


_NO_TOKEN = "the token is not that of the server"
