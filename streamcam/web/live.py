"""The live picture, sent to one viewer for as long as that listens. Imported by app.py alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from threading import Event
from time import perf_counter

from anyio import CapacityLimiter, sleep, to_thread
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from streamcam.frames import RingClosed
from streamcam.sink import Format
from streamcam.sink.web import Viewer, WebSink
from streamcam.web import matroska

FRESH = {"Cache-Control": "no-store, no-cache, must-revalidate", "Pragma": "no-cache"}
_POLL_SECONDS = 0.25  # seconds between looks at whether the server stops
_BOUNDARY = "frame"
_MULTIPART = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
_PART = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
# FFmpeg takes a multipart stream for 25 pictures a second. A stream that brings more piles up, to a
# second of delay; so does one of 25 whose clock runs a little fast.
_FFMPEG_RATE = 24.9


@dataclass(frozen=True, slots=True)
class Wrapping:
    """How pictures become a stream.

    head    sent once, before the first picture
    add     what is sent for a JPEG
    period  seconds that at least lie between two pictures, on average
    """

    media_type: str
    head: bytes
    add: Callable[[bytes], bytes]
    period: float = 0.0


def multipart(headers: Mapping[str, str]) -> Wrapping:
    """Motion JPEG, as the program that sent these request headers can show it without delay.

    A browser shows a picture once it has the headers of the next one, so for browsers those go
    out right behind it, without a length. Other programs read pictures by their length. Each way
    would delay the other kind of program by a picture.
    """
    if headers.get("sec-fetch-dest") in ("image", "document"):
        head = f"{_PART}\r\n".encode()
        return Wrapping(_MULTIPART, head, lambda jpeg: b"".join((jpeg, b"\r\n", head)))
    ffmpeg = headers.get("user-agent", "").startswith("Lavf/")
    return Wrapping(_MULTIPART, b"", _part, 1 / _FFMPEG_RATE if ffmpeg else 0.0)


def film(form: Format) -> Wrapping:
    """Matroska. For one viewer: its time stamps begin with that one's first picture."""
    made = matroska.MatroskaFilm(form.width, form.height, form.fps)
    return Wrapping(matroska.MEDIA_TYPE, made.head, made.add)


class LivePicture(StreamingResponse):
    """New pictures for as long as the client listens, the program runs and the server serves.

    A client that takes them slowly misses those in between and does not hold up the others.
    """

    def __init__(self, sink: WebSink, stopping: Event, wrapping: Wrapping) -> None:
        super().__init__((), media_type=wrapping.media_type, headers=FRESH)
        self._sink = sink
        self._stopping = stopping
        self._wrapping = wrapping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count as a viewer exactly as long as the response is being sent."""
        with self._sink.watch() as viewer:
            self.body_iterator = self._parts(viewer)
            await super().__call__(scope, receive, send)

    async def _parts(self, viewer: Viewer) -> AsyncIterator[bytes]:
        seat = CapacityLimiter(1)
        wrapping = self._wrapping
        due = perf_counter()  # the next picture, at the earliest
        if wrapping.head:
            yield wrapping.head
        while not self._stopping.is_set():
            if (early := due - perf_counter()) > 0:
                await sleep(early)
            try:
                jpeg = await to_thread.run_sync(
                    viewer.next, _POLL_SECONDS, abandon_on_cancel=True, limiter=seat
                )
            except RingClosed:
                return
            if jpeg is not None:
                due = max(due + wrapping.period, perf_counter())
                yield wrapping.add(jpeg)


def _part(jpeg: bytes) -> bytes:
    return b"".join((f"{_PART}Content-Length: {len(jpeg)}\r\n\r\n".encode(), jpeg, b"\r\n"))
