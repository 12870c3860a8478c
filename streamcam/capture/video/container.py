"""Opening a video by FFmpeg, and choosing the stream in it that is the film."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event

import av
import av.logging
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import InvalidDataError
from av.stream import Disposition
from av.video.stream import VideoStream

from streamcam.capture.video.address import Address
from streamcam.capture.video.faults import reason
from streamcam.errors import StreamcamError, UsageError, quoted
from streamcam.files.pipes import Pipe

_OPEN_TIMEOUT_SECONDS = 10.0  # seconds for a connection, and again for its first pictures
_READ_TIMEOUT_SECONDS = 20.0  # seconds for a packet: HLS and DASH come in pieces of several seconds
_PAGE_TIMEOUT_SECONDS = 5.0  # seconds for a look at what is no video
_NOT_VIDEO = frozenset({"tty"})  # FFmpeg reads any text file as a film of a terminal
_NOT_FILM = Disposition.attached_pic | Disposition.timed_thumbnails  # covers of albums, previews
_HTML_KINDS = frozenset({"text/html", "application/xhtml+xml"})
_HTML = (b"<!doctype html", b"<html")
_NO_CODEC = "none"
_CODEC = re.compile(r"Stream #\d+:(\d+).*?: Video: (.+?)(?:, |\n)")


class _NoFilm(Exception):
    """Nothing in it could be shown. The message follows its name."""


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """An open video, the stream in it that is the film, and the pipe through which it comes."""

    container: InputContainer
    stream: VideoStream
    pipe: Pipe | None

    @property
    def size(self) -> int:
        """In bytes; 0 if it is not known (in PyAV 18 a negative number, in 19 None)."""
        return max(self.container.size or 0, 0)

    def close(self) -> None:
        """Release it. May be called twice."""
        self.container.close()
        if self.pipe is not None:
            self.pipe.close()


def open_video(address: Address, stop: Event) -> OpenVideo:
    """Open `address`, and read so much of it that its streams are known.

    stop  ends the wait for a program that writes into a pipe
    Raises `UsageError` with the reason, whatever FFmpeg or PyAV raise.
    """
    with ExitStack() as closing:
        try:
            pipe = Pipe(address.target, stop) if address.pipe else None
            if pipe is not None:
                closing.callback(pipe.close)
            container = closing.enter_context(_connect(address, pipe))
            opened = OpenVideo(container, _film_in(container), pipe)
        except StreamcamError:
            raise
        except Exception as error:  # see faults
            raise UsageError(_refusal(address, error)) from error
        closing.pop_all()
        return opened


def _connect(address: Address, pipe: Pipe | None) -> InputContainer:
    if pipe is not None:
        return _open(pipe)
    if not address.remote:
        return _open(address.target)
    options = {}
    if address.target.startswith("rtsp"):
        options = {"rtsp_transport": "tcp"}
    elif address.target.startswith("http"):
        options = {"reconnect": "1"}  # a transfer that breaks off is resumed
    return _open(
        address.target, options=options, timeout=(_OPEN_TIMEOUT_SECONDS, _READ_TIMEOUT_SECONDS)
    )


def _open(
    file: str | Pipe,
    options: dict[str, str] | None = None,
    timeout: tuple[float, float] | None = None,
) -> InputContainer:
    """Many old films have titles that are not UTF-8. No title is read here."""
    try:
        return av.open(file, "r", options=options, timeout=timeout, metadata_errors="replace")
    except TypeError:  # newer PyAV replaces by itself and has no such parameter
        return av.open(file, "r", options=options, timeout=timeout)


def _film_in(container: InputContainer) -> VideoStream:
    """The track that players take: the default one, else the first that can be decoded."""
    tracks = [one for one in container.streams.video if not one.disposition & _NOT_FILM]
    if not tracks or container.format.name in _NOT_VIDEO:
        raise _NoFilm("has no video in it")
    known = [one for one in tracks if _decodes(one)]
    if not known:
        raise _NoFilm(_undecodable(_codec_name(container, tracks[0].index)))
    return next((one for one in known if one.disposition & Disposition.default), known[0])


def _decodes(track: VideoStream) -> bool:
    """Whether there is a decoder for it; if not, it has no context, whatever PyAV's stubs say."""
    context: CodecContext | None = track.codec_context
    return context is not None


def _codec_name(container: InputContainer, index: int) -> str:
    """What FFmpeg calls a codec that it has no decoder for. PyAV tells only in this text, which
    it takes from FFmpeg's log."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        text: str = container.dumps_format()  # type: ignore[attr-defined]  # missing in its stubs
    finally:
        av.logging.set_level(level)
    names: dict[int, str] = {int(number): name for number, name in _CODEC.findall(text)}
    return names.get(index, _NO_CODEC)


def _undecodable(codec: str) -> str:
    """`codec`: "none", "none (braw / 0x77617262)", "vvc (Main)" and the like."""
    if codec == _NO_CODEC:
        return "is damaged or cut short: it does not say how its video is coded"
    name = codec.removeprefix(f"{_NO_CODEC} (").partition(" ")[0]
    return f"holds video coded as {quoted(name)}, which nothing here can decode"


def _refusal(address: Address, error: Exception) -> str:
    if address.page and isinstance(error, (InvalidDataError, _NoFilm)) and _is_page(address.page):
        return (
            f"{address.name} is a web page and no video itself: give the address of the video "
            "or stream that it shows (tools that download videos can print it), or show the "
            "page in a browser and take --source screen."
        )
    if isinstance(error, _NoFilm):
        return f"{address.name} {error}. {address.remedy}"
    return f"cannot open {address.name}: {reason(error)}. {address.remedy}"


def _is_page(url: str) -> bool:
    """Whether a server answers with HTML. Asked once, when FFmpeg found no video."""
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url), timeout=_PAGE_TIMEOUT_SECONDS) as answer:
            kind: str = answer.headers.get_content_type()
            begin: bytes = answer.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    except Exception:  # noqa: BLE001  # no page, then: FFmpeg's own reason stands
        return False
    return kind in _HTML_KINDS or begin.startswith(_HTML)
