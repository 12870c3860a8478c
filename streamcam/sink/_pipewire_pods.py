"""Pods: how PipeWire writes down a format or a wish, as bytes. Only the few that a camera needs.

A pod is its body's size, its type, and the body, padded to eight bytes (spa/pod/pod.h). The
numbers below are ABI of every PipeWire 0.3 and 1.x, from the headers named beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from struct import pack

# spa/utils/type.h
_ID, _INT, _RECTANGLE, _FRACTION, _OBJECT, _CHOICE = 3, 4, 10, 11, 15, 19
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
_VIDEO, _RAW, _YUY2 = 2, 1, 4
# spa/param/buffers.h, spa/buffer/buffer.h
_COUNT, _BLOCKS, _SIZE, _STRIDE, _MEMORY = 1, 2, 3, 4, 6
_MEMORY_FILE = 2  # SPA_DATA_MemFd: what another process can map
# spa/pod/pod.h
_RANGE, _FLAGS = 1, 4


def video_format(width: int, height: int, fps: Fraction) -> bytes:
    """The one format on offer: YUY2 of this size, at this rate."""
    return _object(
        _FORMAT_OBJECT,
        ENUM_FORMAT,
        [
            (_MEDIA_TYPE, _id(_VIDEO)),
            (_MEDIA_SUBTYPE, _id(_RAW)),
            (_VIDEO_FORMAT, _id(_YUY2)),
            (_VIDEO_SIZE, _pod(_RECTANGLE, pack("=II", width, height))),
            (_VIDEO_RATE, _pod(_FRACTION, pack("=II", fps.numerator, fps.denominator))),
        ],
    )


def buffers(stride: int, height: int) -> bytes:
    """The buffers to share with a client: one block of `height` lines of `stride` bytes each.

    Clients want at least 8; one with a fixed number that is lower is refused the link.
    """
    return _object(
        _BUFFERS_OBJECT,
        BUFFERS,
        [
            (_COUNT, _choice(_RANGE, [8, 2, 64])),  # preferred, least, most
            (_BLOCKS, _int(1)),
            (_SIZE, _int(stride * height)),
            (_STRIDE, _int(stride)),
            (_MEMORY, _choice(_FLAGS, [1 << _MEMORY_FILE])),
        ],
    )


def _pod(kind: int, body: bytes) -> bytes:
    return pack("=II", len(body), kind) + body + b"\0" * (-len(body) % 8)


def _id(value: int) -> bytes:
    return _pod(_ID, pack("=I", value))


def _int(value: int) -> bytes:
    return _pod(_INT, pack("=i", value))


def _choice(kind: int, values: Sequence[int]) -> bytes:
    """Among integers; their size and type are written once, before all of them."""
    head = pack("=IIII", kind, 0, 4, _INT)
    return _pod(_CHOICE, head + pack(f"={len(values)}i", *values))


def _object(kind: int, parameter: int, properties: Sequence[tuple[int, bytes]]) -> bytes:
    body = b"".join(pack("=II", key, 0) + value for key, value in properties)
    return _pod(_OBJECT, pack("=II", kind, parameter) + body)
