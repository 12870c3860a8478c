"""Wire: what a laptop and an engine elsewhere say to each other, over one WebSocket.

The laptop says `Hello` (JSON), and hears `Welcome` or `Refusal` (JSON). From then on it says `Sent`
for frames, of which at most `Welcome.credits` are unanswered, and `Here` every few seconds while it
has none. Each frame is answered once: by the `Made` picture, or by `Missed` with the reason. These
messages are binary, and begin with 16 bytes, little-endian:

    uint8 kind · uint8 codec or reason · uint16 length of what follows first · uint32 number ·
    float64 when the frame was captured, by the laptop's clock

Then come the look's values (`Sent`, JSON) or a sentence (`Missed`), and the picture. `Made` has two
float32 in between: seconds that the frame waited for the device, and that the device took.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamcam.errors import StreamcamError, quoted

VERSION = 1
PATH = "/session"  # of the WebSocket
TOKEN_HEADER = "X-Streamcam-Token"
LARGEST_VALUES = 32_768  # bytes of a look's values
LARGEST_GREETING = 2048  # bytes of the JSON messages

# Why a connection was closed, beside what RFC 6455 has.
CLOSED_GOING, CLOSED_MISSPOKEN, CLOSED_FULL, CLOSED_SILENT = 1001, 1008, 1013, 4000

_HEAD = struct.Struct("<BBHId")
_TIMES = struct.Struct("<ff")
_SENT, _MADE, _MISSED, _HERE = 1, 2, 3, 4
_LONGEST_SENTENCE = 500


class Misspoken(StreamcamError):
    """A message that is none of these. The sentence says what is wrong with it."""


class Codec(IntEnum):
    """How a picture is packed: RAW is RGB uint8 (height, width, 3), row by row."""

    RAW = 0
    JPEG = 1


class Why(IntEnum):
    """Why there is no picture for a frame."""

    NEWER = 0  # a newer frame of the same session took its place
    RATE = 1  # it came earlier than the rate that was granted allows
    VALUES = 2  # the engine cannot show this look
    FAILED = 3  # the engine failed


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame. `captured_at` by the clock of who sends it; `values` as `words.dump` writes them."""

    number: int
    captured_at: float
    values: bytes
    codec: Codec
    picture: bytes


@dataclass(frozen=True, slots=True)
class Made:
    """The picture of a frame. Seconds: it `waited` for the device, which `took` so many for it."""

    number: int
    captured_at: float
    codec: Codec
    picture: bytes
    waited: float
    took: float


@dataclass(frozen=True, slots=True)
class Missed:
    """There is no picture of a frame. `text` is for people."""

    number: int
    captured_at: float
    why: Why
    text: str = ""


@dataclass(frozen=True, slots=True)
class Here:
    """The laptop is there, though it has no frame to send. It is not answered."""


Message = Sent | Made | Missed | Here


def pack(message: Message) -> bytes:
    """As bytes. Raises `Misspoken` for values that are too long to be sent."""
    if isinstance(message, Here):
        return _HEAD.pack(_HERE, 0, 0, 0, 0.0)
    number, at = message.number, message.captured_at
    if isinstance(message, Sent):
        if len(message.values) > LARGEST_VALUES:
            raise Misspoken(f"the look's values are {len(message.values)} bytes long.")
        head = _HEAD.pack(_SENT, message.codec, len(message.values), number, at)
        return b"".join((head, message.values, message.picture))
    if isinstance(message, Made):
        head = _HEAD.pack(_MADE, message.codec, _TIMES.size, number, at)
        return b"".join((head, _TIMES.pack(message.waited, message.took), message.picture))
    text = message.text.encode(errors="replace")[:_LONGEST_SENTENCE]
    return _HEAD.pack(_MISSED, message.why, len(text), number, at) + text


def unpack(data: bytes) -> Message:
    """What was sent. Raises `Misspoken`; the picture itself is not looked at."""
    if len(data) < _HEAD.size:
        raise Misspoken(f"a message of {len(data)} bytes is too short.")
    kind, code, length, number, at = _HEAD.unpack_from(data)
    begins = _HEAD.size + length
    if begins > len(data):
        raise Misspoken(f"a message of {len(data)} bytes says that it is {begins} bytes or longer.")
    if not isfinite(at):
        raise Misspoken("the time of a frame is no number.")
    first, picture = data[_HEAD.size : begins], data[begins:]
    if kind == _SENT and length <= LARGEST_VALUES:
        return Sent(number, at, first, _codec(code), picture)
    if kind == _MADE and length == _TIMES.size:
        waited, took = _TIMES.unpack(first)
        if not (isfinite(waited) and isfinite(took)):
            raise Misspoken("the times of a picture are no numbers.")
        return Made(number, at, _codec(code), picture, waited, took)
    if kind == _HERE and len(data) == _HEAD.size:
        return Here()
    if kind == _MISSED and not picture and code in list(Why):
        return Missed(number, at, Why(code), first.decode(errors="replace"))
    raise Misspoken(f"a message of kind {kind}, code {code} and length {length} is unknown.")


def _codec(code: int) -> Codec:
    if code not in list(Codec):
        raise Misspoken(f"the codec {code} is unknown.")
    return Codec(code)


class _Greeting(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    streamcam: Literal[1] = 1


Rate = Annotated[float, Field(ge=1, le=240, allow_inf_nan=False)]


class Hello(_Greeting):
    """The laptop asks for a seat: frames a second that it wants, and the least that it takes."""

    fps: Rate
    least_fps: Rate


class Welcome(_Greeting):
    """There is a seat, for frames of this size, at this rate, with so many unanswered."""

    width: Annotated[int, Field(ge=16, le=4096)]
    height: Annotated[int, Field(ge=16, le=4096)]
    fps: Annotated[float, Field(gt=0, le=240)]
    credits: Annotated[int, Field(ge=1, le=8)]
    label: Annotated[str, Field(max_length=300)]


class Refusal(_Greeting):
    """There is none; ask again after so many seconds."""

    refused: Annotated[str, Field(max_length=300)]
    retry_after_s: Annotated[float, Field(ge=0, le=3600)]


Greeting = TypeVar("Greeting", bound=_Greeting)


def greeting(text: str, *kinds: type[Greeting]) -> Greeting:
    """The first of `kinds` that `text` is. Raises `Misspoken`."""
    if len(text) <= LARGEST_GREETING:
        try:
            table = json.loads(text)
        except (ValueError, RecursionError):
            table = None
        for kind in kinds:
            try:
                return kind.model_validate(table)
            except ValidationError:
                continue
    names = " or ".join(kind.__name__ for kind in kinds)
    raise Misspoken(f"that is no {names} of version {VERSION}: {quoted(text[:60])}")
