"""OSC 1.0: what a datagram says. Bundles are taken apart here, messages by python-osc."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pythonosc.osc_message import OscMessage

_BUNDLE = b"#bundle\0"
_AT_ONCE = 1  # the time tag that says so
_SINCE_1900 = 2_208_988_800  # seconds to 1970
_DEEPEST = 8  # bundles within one another
# What python-osc reads. Of others it writes a line to stderr, and reads on without them.
_TYPES = frozenset(b",ifhdsbrmtTFN[]")


class BrokenPacket(ValueError):
    """A datagram is no OSC."""


@dataclass(frozen=True, slots=True)
class Message:
    """`at`: when it is to act, in seconds since 1970; None: at once."""

    address: str
    arguments: tuple[Any, ...]
    at: float | None


def messages(datagram: bytes) -> list[Message]:
    """Those in a datagram, in order. Raises `BrokenPacket`."""
    return list(_read(datagram, None, 0))


def _read(data: bytes, at: float | None, depth: int) -> Iterator[Message]:
    if data.startswith(_BUNDLE):
        yield from _bundle(data, depth)
    else:
        yield _message(data, at)


def _bundle(data: bytes, depth: int) -> Iterator[Message]:
    """python-osc 1.10 does not end on every damaged bundle, so bundles are taken apart here."""
    if len(data) < 16 or depth >= _DEEPEST:
        raise BrokenPacket("a bundle breaks off, or holds too many within one another")
    tag = int.from_bytes(data[8:16], "big")
    at = None if tag == _AT_ONCE else tag / 2**32 - _SINCE_1900
    place = 16
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        begin, place = place + 4, place + 4 + size
        if size == 0 or size % 4 or place > len(data):
            raise BrokenPacket(f"an element of {size} bytes does not fit its bundle")
        yield from _read(data[begin:place], at, depth + 1)


def _message(data: bytes, at: float | None) -> Message:
    address, _, rest = data.partition(b"\0")
    tags = rest.lstrip(b"\0").partition(b"\0")[0]
    if not address.startswith(b"/") or not set(tags) <= _TYPES:
        raise BrokenPacket("it begins with no address, or has arguments of an unknown type")
    try:
        message = OscMessage(data)
        return Message(str(message.address), tuple(message.params), at)
    # Its own ParseError, and what bytes that are no text, or a time, raise below it.
    except Exception as error:
        raise BrokenPacket(str(error)) from error
