"""Decoder: the pictures of a video file or stream, through PyAV."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.error import ExitError, FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamcam.errors import SourceLost, UsageError

_OPEN_TIMEOUT = 10.0  # seconds for a connection
_READ_TIMEOUT = 2.0  # seconds without data after which a stream counts as broken
_SEGMENT_TIMEOUT = 20.0  # the same where data comes in pieces of several seconds
_SEGMENTED = frozenset({"hls", "dash"})
_CHECK_ADDRESS = "Check the address, and whether it plays in a browser or in VLC."
_OTHER_FILE = "Give another video or picture file."
_NOT_VIDEO = frozenset({"tty"})  # FFmpeg reads any text file as a film of a terminal
_THREADS = 4  # enough for 4K; the engine needs the cores
_USUAL_RATE = 30.0
_LONGEST_GAP = 10.0  # seconds; a longer one in a stream is a mistake in its timestamps


class Decoder:
    """Reads the first real video stream of a file or URL. Used by one thread.

    name   the address for people, without password and query
    remedy what to do if it cannot be read, a sentence
    fps    average frames per second
    live   pictures come when they are made: waiting for their time would only add delay
    gap    seconds between two pictures that are still to be believed
    """

    def __init__(self, address: str) -> None:
        self.remote = "://" in address
        self.name = _without_secrets(address) if self.remote else address
        self.remedy = _CHECK_ADDRESS if self.remote else _OTHER_FILE
        self._address = address if self.remote else str(Path(address).expanduser().absolute())
        self._container, self._stream = self._open()
        self._decoded: deque[VideoFrame] = deque()
        self._packets: Iterator[Packet[VideoStream]] | None = None
        self._started = False
        self._begin: int | None = None  # timestamp of the very first picture
        rate = float(self._stream.average_rate or self._stream.guessed_rate or 0)
        self.fps = rate if 0 < rate <= 240 else _USUAL_RATE
        self._endless = self.remote and not self._container.duration
        self.live = self._endless and self._container.format.name not in _SEGMENTED
        self.gap = _LONGEST_GAP if self._endless else float("inf")

    @property
    def pixel_aspect(self) -> float:
        """Width of a pixel over its height; 1.0 if the file does not say."""
        return float(self._stream.sample_aspect_ratio or 1)

    def next(self) -> VideoFrame:
        """The next picture. `EOFError` at the end, `SourceLost` if the connection broke.

        Damaged pictures are passed over.
        """
        while not self._decoded:
            packet = self._next_packet()
            try:
                self._decoded.extend(packet.decode())
            except InvalidDataError:
                continue
        picture = self._decoded.popleft()
        if not self._started:
            self._started, self._begin = True, picture.pts
        return picture

    def hurry(self, *, skip: bool) -> None:
        """Leave out the pictures that no other one needs (True) or decode all of them (False)."""
        self._stream.codec_context.skip_frame = "NONREF" if skip else "DEFAULT"

    def rewind(self) -> None:
        """Go back to the beginning. Raises `SourceLost` if it is not there any more."""
        self._packets = None
        try:
            self._container.seek(self._stream.start_time or 0, stream=self._stream)
            first = self.next()
        except (FFmpegError, EOFError):  # what cannot be searched can still be opened again
            first = None
        if first is not None and first.pts == self._begin:
            self._decoded.appendleft(first)
        else:
            self._reopen()

    def close(self) -> None:
        """Release the file or connection. May be called twice."""
        self._packets = None
        self._decoded.clear()
        self._container.close()

    def _reopen(self) -> None:
        self.close()
        try:
            self._container, self._stream = self._open()
        except UsageError as error:
            raise SourceLost(str(error)) from error

    def _next_packet(self) -> Packet[VideoStream]:
        if self._packets is None:
            self._packets = self._container.demux(self._stream)
        try:
            packet = next(self._packets, None)
        except InvalidDataError as error:
            if self._endless:
                raise SourceLost(f"{self.name}: {_reason(error)}") from error
            packet = None  # a file cut short ends where it is cut
        except FFmpegError as error:
            raise SourceLost(f"{self.name}: {_reason(error)}") from error
        if packet is not None:
            return packet
        if self._endless:
            raise SourceLost(f"{self.name}: the stream ended")
        raise EOFError(f"{self.name}: end of file")

    def _open(self) -> tuple[InputContainer, VideoStream]:
        try:
            container = self._connect(_READ_TIMEOUT)
            if self.remote and container.format.name in _SEGMENTED:
                container.close()
                container = self._connect(_SEGMENT_TIMEOUT)
        except FFmpegError as error:
            raise UsageError(f"cannot open {self.name}: {_reason(error)}. {self.remedy}") from error
        pictures = [
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic
        ]
        if not pictures or container.format.name in _NOT_VIDEO:
            container.close()
            raise UsageError(f"{self.name} has no video in it. {self.remedy}")
        # Threads that work on several pictures at once delay the newest one by as many.
        pictures[0].thread_type = "AUTO" if container.duration else "SLICE"
        pictures[0].thread_count = _THREADS
        return container, pictures[0]

    def _connect(self, read_timeout: float) -> InputContainer:
        if not self.remote:
            return av.open(self._address)
        options = {"rtsp_transport": "tcp"} if self._address.startswith("rtsp") else {}
        return av.open(self._address, options=options, timeout=(_OPEN_TIMEOUT, read_timeout))


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _reason(error: FFmpegError) -> str:
    if isinstance(error, InvalidDataError):
        return "it is damaged or no video"
    if isinstance(error, ExitError):
        return "no answer in time"
    return (error.strerror or str(error)).lower()
