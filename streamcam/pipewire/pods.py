"""Pods: how PipeWire writes down a format or a wish, as bytes. Only the few that are used here.

A pod is its body's size, its type, and the body, padded to eight bytes (spa/pod/pod.h). The
numbers below are ABI of every PipeWire 0.3 and 1.x, from the headers named beside them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from fractions import Fraction
from struct import pack, unpack_from
from typing import NamedTuple

# spa/utils/type.h
_ID, _INT, _RECTANGLE, _FRACTION, _ARRAY, _OBJECT, _CHOICE = 3, 4, 10, 11, 13, 15, 19
_FORMAT_OBJECT, _BUFFERS_OBJECT = 0x40003, 0x40004
# spa/param/param.h
ENUM_FORMAT, FORMAT, BUFFERS = 3, 4, 5
# spa/param/format.h, spa/param/video/raw.h
_MEDIA_TYPE, _MEDIA_SUBTYPE, _VIDEO_FORMAT, _VIDEO_SIZE, _VIDEO_RATE = (
    1,
    2,
    0x20001,
    0x20003,
    0x20004,
)
_COLOR_RANGE, _COLOR_MATRIX = 0x2000C, 0x2000D
_VIDEO, _RAW = 2, 1
YUY2, RGBX, BGRX, RGBA, BGRA = 4, 7, 8, 11, 12
_LIMITED, _BT601 = 2, 4  # 16 … 235; spa/param/video/color.h
# spa/param/format.h, spa/param/audio/raw.h
_AUDIO = 1
_SAMPLES, _SAMPLE_RATE, _CHANNELS, _POSITION = 0x10001, 0x10003, 0x10004, 0x10005
_FLOAT32 = 0x11B  # little endian, the samples of all channels side by side
_LEFT, _RIGHT = 3, 4
# spa/param/buffers.h, spa/buffer/buffer.h
_COUNT, _BLOCKS, _SIZE, _STRIDE, _MEMORY = 1, 2, 3, 4, 6
# What another process can map: SPA_DATA_MemPtr, which the daemon passes on as a file, and _MemFd.
_MEMORY_POINTER, _MEMORY_FILE = 1, 2
# spa/pod/pod.h
_RANGE, _ENUM, _FLAGS = 1, 3, 4

_LARGEST = 16384  # pixels each way
_FASTEST = 1000  # pictures a second


class Video(NamedTuple):
    """A format that was agreed on. `pixels`: one of YUY2, RGBX …"""

    pixels: int
    width: int
    height: int


def camera_format(width: int, height: int, fps: Fraction) -> bytes:
    """The one format on offer: YUY2 of this size, at this rate, in the colours of BT.601.

    Clients that are not told take them for BT.601 (Chromium), or for BT.709 (OBS).
    """
    colours = [(_COLOR_RANGE, _id(_LIMITED)), (_COLOR_MATRIX, _id(_BT601))]
    return _format([_id(YUY2)], [_size(width, height)], [_rate(fps)], colours)


def screen_format(fps: Fraction) -> bytes:
    """What a screen may come as: four bytes a pixel, any size, any rate (`fps` is a wish).

    A rate of 0 is how compositors say that pictures come when something has changed.
    """
    return _format(
        [_id(BGRX), _id(BGRX), _id(BGRA), _id(RGBX), _id(RGBA)],  # preferred, then all
        [_size(1920, 1080), _size(1, 1), _size(_LARGEST, _LARGEST)],  # preferred, least, most
        [_rate(fps), _rate(Fraction(0)), _rate(Fraction(_FASTEST))],
    )


def sound_format(rate: int) -> bytes:
    """The one format on offer: stereo, float32, `rate` samples a second. PipeWire converts."""
    return _object(
        _FORMAT_OBJECT,
        ENUM_FORMAT,
        [
            (_MEDIA_TYPE, _id(_AUDIO)),
            (_MEDIA_SUBTYPE, _id(_RAW)),
            (_SAMPLES, _id(_FLOAT32)),
            (_SAMPLE_RATE, _int(rate)),
            (_CHANNELS, _int(2)),
            (_POSITION, _ids(_LEFT, _RIGHT)),
        ],
    )


def camera_buffers(stride: int, height: int) -> bytes:
    """The buffers to share with a client: one block of `height` lines of `stride` bytes each.

    Clients want at least 8; one with a fixed number that is lower is refused the link.
    """
    return _object(
        _BUFFERS_OBJECT,
        BUFFERS,
        [
            (_COUNT, _choice(_RANGE, [_int(8), _int(2), _int(64)])),  # preferred, least, most
            (_BLOCKS, _int(1)),
            (_SIZE, _int(stride * height)),
            (_STRIDE, _int(stride)),
            (_MEMORY, _choice(_FLAGS, [_int(1 << _MEMORY_FILE)])),
        ],
    )


def screen_buffers() -> bytes:
    """Any buffers in plain memory. None on the graphics card: the compositor copies them out."""
    memory = 1 << _MEMORY_POINTER | 1 << _MEMORY_FILE
    return _object(_BUFFERS_OBJECT, BUFFERS, [(_MEMORY, _choice(_FLAGS, [_int(memory)]))])


def read_video(address: int) -> Video:
    """The format in the pod at this address."""
    (size,) = unpack_from("=I", ctypes.string_at(address, 4))
    found = dict(_values(ctypes.string_at(address, 8 + size)))
    (pixels,) = unpack_from("=I", found[_VIDEO_FORMAT])
    return Video(pixels, *unpack_from("=II", found[_VIDEO_SIZE]))


def _values(pod: bytes) -> Iterator[tuple[int, bytes]]:
    """Keys and the bodies of their values in an object; of a choice, its first."""
    place = 16  # after the object's own size, type, kind and parameter
    while place < len(pod):
        key, _, size, kind = unpack_from("=IIII", pod, place)
        body = pod[place + 16 : place + 16 + size]
        yield key, body[16:] if kind == _CHOICE else body
        place += 16 + size + -size % 8


def _format(
    pixels: Sequence[bytes],
    size: Sequence[bytes],
    rate: Sequence[bytes],
    colours: Sequence[tuple[int, bytes]] = (),
) -> bytes:
    """Raw video. Of several values the first is preferred; of a size or rate, the others are
    the least and the most."""
    return _object(
        _FORMAT_OBJECT,
        ENUM_FORMAT,
        [
            (_MEDIA_TYPE, _id(_VIDEO)),
            (_MEDIA_SUBTYPE, _id(_RAW)),
            (_VIDEO_FORMAT, _one_of(_ENUM, pixels)),
            (_VIDEO_SIZE, _one_of(_RANGE, size)),
            (_VIDEO_RATE, _one_of(_RANGE, rate)),
            *colours,
        ],
    )


def _pod(kind: int, body: bytes) -> bytes:
    return pack("=II", len(body), kind) + body + b"\0" * (-len(body) % 8)


def _id(value: int) -> bytes:
    return _pod(_ID, pack("=I", value))


def _ids(*values: int) -> bytes:
    return _pod(_ARRAY, pack("=II", 4, _ID) + pack(f"={len(values)}I", *values))


def _int(value: int) -> bytes:
    return _pod(_INT, pack("=i", value))


def _size(width: int, height: int) -> bytes:
    return _pod(_RECTANGLE, pack("=II", width, height))


def _rate(fps: Fraction) -> bytes:
    return _pod(_FRACTION, pack("=II", fps.numerator, fps.denominator))


def _one_of(kind: int, values: Sequence[bytes]) -> bytes:
    return values[0] if len(values) == 1 else _choice(kind, values)


def _choice(kind: int, values: Sequence[bytes]) -> bytes:
    """Among pods of one type; their size and type are written once, before all of them."""
    (size,) = unpack_from("=I", values[0])
    bodies = b"".join(value[8 : 8 + size] for value in values)
    return _pod(_CHOICE, pack("=II", kind, 0) + values[0][:8] + bodies)


def _object(kind: int, parameter: int, properties: Sequence[tuple[int, bytes]]) -> bytes:
    body = b"".join(pack("=II", key, 0) + value for key, value in properties)
    return _pod(_OBJECT, pack("=II", kind, parameter) + body)
