"""Session: one laptop's WebSocket, from its `Hello` to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from engines.api import Params, Picture
from engines.errors import EngineError
from streamcam.errors import told
from streamcam.remote import words
from streamcam.remote.pictures import largest, packed, unpacked
from streamcam.remote.wire import (
    CLOSED_FULL,
    CLOSED_MISSPOKEN,
    CLOSED_SILENT,
    LARGEST_VALUES,
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
from streamcam.serve.admission import Admission, Pace, Refused
from streamcam.serve.figures import SESSIONS, TOOK, WAITED, Figures
from streamcam.serve.machine import Job, Machine, Place, Result

logger = logging.getLogger("streamcam.serve")

CREDITS = 2  # frames of a session that may be unanswered
SILENCE_SECONDS = 15.0  # after which a session has ended; a laptop says that it is there every 5 s
_GREETING_SECONDS, _LONGEST_REASON = 5.0, 120  # bytes; the WebSocket's own limit is 123


@dataclass(frozen=True, slots=True)
class Room:
    """What the sessions of a replica share."""

    machine: Machine
    admission: Admission
    figures: Figures
    label: str


class Session:
    """Used by the event loop."""

    def __init__(self, room: Room, socket: WebSocket, silence: float = SILENCE_SECONDS) -> None:
        self._room = room
        self._socket = socket
        self._silence = silence
        self._answers: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()
        self._hearing: asyncio.Future[Message] | None = None
        self._fault: Misspoken | None = None  # of a message that was being answered
        self._params: tuple[bytes, Params] | None = None  # of the values that came last

    async def run(self) -> None:
        """Until either side ends it, or the laptop falls silent. Raises nothing."""
        try:
            await self._greeted()
        except WebSocketDisconnect:
            return
        except TimeoutError:
            await self._close(CLOSED_SILENT, "nothing was said for too long")
        except Misspoken as error:
            self._room.figures.count("streamcam_misspoken")
            await self._close(CLOSED_MISSPOKEN, str(error))

    async def _greeted(self) -> None:
        await self._socket.accept()
        text = await self._receive(_GREETING_SECONDS)
        if not isinstance(text, str):
            raise Misspoken("a session begins with Hello, as text.")
        hello = greeting(text, Hello)
        if hello.least_fps > hello.fps:
            raise Misspoken("least_fps is more than fps.")
        admission, figures = self._room.admission, self._room.figures
        granted = admission.admit(self, hello.fps, hello.least_fps)
        if isinstance(granted, Refused):
            figures.count("streamcam_refused")
            said = Refusal(refused=granted.why, retry_after_s=granted.retry_after)
            await self._socket.send_text(said.model_dump_json())
            await self._close(CLOSED_FULL, granted.why)
            return
        try:
            figures.measure(SESSIONS, admission.sessions)
            await self._seated(granted)
        finally:
            admission.release(self)
            figures.measure(SESSIONS, admission.sessions)

    async def _seated(self, granted: float) -> None:
        machine = self._room.machine
        try:
            place = await asyncio.to_thread(machine.enter)
        except EngineError as error:
            await self._close(CLOSED_FULL, str(error))
            return
        try:
            spec = machine.spec
            welcome = Welcome(
                width=spec.width,
                height=spec.height,
                fps=granted,
                credits=CREDITS,
                label=self._room.label,
            )
            await self._socket.send_text(welcome.model_dump_json())
            await self._hear(place, Pace(granted, perf_counter()))
        finally:
            for one in self._answers:
                one.cancel()
            await asyncio.gather(*self._answers, return_exceptions=True)
            machine.leave(place)

    async def _hear(self, place: Place, pace: Pace) -> None:
        size = self._room.machine.spec.width, self._room.machine.spec.height
        most = largest(size) + LARGEST_VALUES + 64
        while True:
            data = await self._receive(self._silence)
            if isinstance(data, str) or len(data) > most:
                raise Misspoken(f"after Hello come binary messages of at most {most} bytes.")
            message = unpack(data)
            if isinstance(message, Here):
                continue
            if not isinstance(message, Sent):
                raise Misspoken("a laptop sends frames, not answers.")
            if len(self._answers) >= CREDITS:
                raise Misspoken(f"more than {CREDITS} frames are unanswered.")
            if pace.allows(perf_counter()):
                work = self._answer(place, message)
            else:
                work = self._miss(message, Why.RATE, "it came too soon")
            task = asyncio.create_task(work)
            self._answers.add(task)
            task.add_done_callback(self._answered)
            await asyncio.sleep(0)

    def _answered(self, task: asyncio.Task[None]) -> None:
        """What an answer raises ends the session, where it listens."""
        self._answers.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, Misspoken):
            self._fault = error
        else:  # a bug of ours, which ends this session and no other
            logger.error("an answer failed", exc_info=error)
            self._fault = Misspoken(f"the server failed: {type(error).__name__}.")
        if self._hearing is not None:
            self._hearing.cancel()

    async def _answer(self, place: Place, sent: Sent) -> None:
        machine = self._room.machine
        try:
            params = await asyncio.to_thread(self._read, sent.values)
        except EngineError as error:
            await self._miss(sent, Why.VALUES, told(error, EngineError))
            return
        size = machine.spec.width, machine.spec.height
        frame = await asyncio.to_thread(unpacked, sent.picture, sent.codec, size)
        result = await _computed(lambda job: machine.offer(place, job), frame, params)
        if result.picture is None:
            why = Why.FAILED if result.failed else Why.NEWER
            await self._miss(sent, why, result.failed)
            return
        picture = await asyncio.to_thread(packed, result.picture, Codec(sent.codec))
        made = Made(sent.number, sent.captured_at, sent.codec, picture, result.waited, result.took)
        figures = self._room.figures
        figures.count("streamcam_pictures")
        figures.measure(WAITED, result.waited)
        figures.measure(TOOK, result.took)
        await self._say(pack(made))

    def _read(self, values: bytes) -> Params:
        """The identical object for the same values: an engine then knows that nothing changed."""
        known = self._params
        if known is None or known[0] != values:
            machine = self._room.machine
            params = words.load(values, machine.encode, machine.spec.steps)
            known = self._params = values, params
        return known[1]

    async def _miss(self, sent: Sent, why: Why, text: str) -> None:
        self._room.figures.count("streamcam_missed")
        await self._say(pack(Missed(sent.number, sent.captured_at, why, text)))

    async def _say(self, data: bytes) -> None:
        async with self._sending:
            with suppress(WebSocketDisconnect, RuntimeError):  # it is gone: `_receive` says so
                await self._socket.send_bytes(data)

    async def _receive(self, seconds: float) -> str | bytes:
        """Raises `WebSocketDisconnect`, `TimeoutError` and `Misspoken`."""
        self._hearing = asyncio.ensure_future(self._socket.receive())
        message: Message = {"type": ""}
        try:
            message = await asyncio.wait_for(self._hearing, seconds)
        except asyncio.CancelledError:
            if self._fault is None:
                raise
        if self._fault is not None:
            raise self._fault
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        data = message.get("text")
        found = message.get("bytes") if data is None else data
        if not isinstance(found, str | bytes):
            raise Misspoken("a message is neither text nor bytes.")
        return found

    async def _close(self, code: int, why: str) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # it is gone
            await self._socket.close(code, why.encode()[:_LONGEST_REASON].decode(errors="ignore"))


async def _computed(offer: Callable[[Job], None], frame: Picture, params: Params) -> Result:
    """What the machine's thread makes of a frame."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result) -> None:
        if not future.done():
            future.set_result(result)

    def done(result: Result) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it the session
            loop.call_soon_threadsafe(settle, result)

    offer(Job(frame, params, done, perf_counter()))
    return await future
