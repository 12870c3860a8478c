"""Address: where a video comes from, and how people and FFmpeg name it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from streamcam.files.pipes import is_pipe, is_stdin, is_stream

_STDIN_FILE = "/dev/stdin"
_CHECK_ADDRESS = "Check the address, and whether it plays in a browser or in VLC."
_OTHER_FILE = "Give another video or picture file."
_OTHER_PIPE = (
    "Pipe a video that needs no index in front of it: MPEG-TS, Matroska or MJPEG, not a plain MP4."
)


@dataclass(frozen=True, slots=True)
class Address:
    """A `--source` of the kind `video`.

    name    for people, without password and query
    remedy  what to do if it cannot be read, a sentence
    target  what FFmpeg opens; of a pipe, its name
    remote  it is on the network
    pipe    it can only be read once, from front to back
    """

    name: str
    remedy: str
    target: str
    remote: bool = False
    pipe: bool = False

    @property
    def page(self) -> str | None:
        """The address as a browser would ask for it, without password; None if it cannot."""
        return _without_password(self.target) if self.target.startswith("http") else None


def parse_address(given: str) -> Address:
    """What `given` means: a URL, standard input, a FIFO or a file, in this order."""
    if "://" in given:
        parts = urlsplit(given)
        name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        return Address(name, _CHECK_ADDRESS, given, remote=True)
    if is_pipe(given) and is_stream(given):
        name = "standard input" if is_stdin(given) else given
        return Address(name, _OTHER_PIPE, given, pipe=True)
    if is_stdin(given):
        return Address("standard input", _OTHER_FILE, _STDIN_FILE)
    return Address(given, _OTHER_FILE, str(Path(given).expanduser().absolute()))


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
