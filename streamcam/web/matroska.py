"""Matroska: JPEGs as a film without an end, written as they come (RFC 9559; lengths: RFC 8794).

FFmpeg, and so OBS, knows such a film without being told and plays it by its time stamps. A
multipart stream of JPEGs has none: it is taken for 25 pictures a second, and OBS, which keeps to
that, falls a second behind a faster one. FFmpeg's own writer holds each picture back until the
next one comes.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

MEDIA_TYPE = "video/x-matroska"

_EBML = 0x1A45DFA3
_EBML_VERSION, _EBML_READ_VERSION = 0x4286, 0x42F7
_MAX_ID_LENGTH, _MAX_SIZE_LENGTH = 0x42F2, 0x42F3
_DOC_TYPE, _DOC_TYPE_VERSION, _DOC_TYPE_READ_VERSION = 0x4282, 0x4287, 0x4285
_SEGMENT = 0x18538067
_INFO, _TIMESTAMP_SCALE, _MUXING_APP, _WRITING_APP = 0x1549A966, 0x2AD7B1, 0x4D80, 0x5741
_TRACKS, _TRACK_ENTRY = 0x1654AE6B, 0xAE
_TRACK_NUMBER, _TRACK_UID, _TRACK_TYPE, _FLAG_LACING = 0xD7, 0x73C5, 0x83, 0x9C
_CODEC_ID, _DEFAULT_DURATION = 0x86, 0x23E383
_VIDEO, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0xE0, 0xB0, 0xBA
_CLUSTER, _TIMESTAMP, _SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
_VOID = 0xEC

_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
_TICK = 1_000_000  # nanoseconds: stamps are whole milliseconds
_VIDEO_TRACK = 1  # as TrackType; our one track has that number, too
# Of a block: its track as a length is written, no time beyond the cluster's, a key picture.
_BLOCK_HEAD = b"\x81\x00\x00\x80"
# FFmpeg waits for as many bytes before it looks at any. A small dark JPEG has fewer, and in a still
# scene no other comes.
_PROBED = 2048
# No picture comes while the scene stands still. If the stamps said for how long, OBS would buffer
# 0.45 s of pictures from then on. So the stamps never advance by more than this, in seconds.
_LONGEST_GAP = 0.1
# OBS shows pictures as far apart as their stamps are. So it stays as late as it was when it opened
# the film (0.05 to 0.2 s) or when the machine was busy. Stamps that run a little slow let it catch
# up: after 10 s it is 0.1 s less late, and then shows pictures as they come.
_PACE = 0.99


class MatroskaFilm:
    """One viewer's film: its `head`, then `add` for each picture. Used by one thread at a time.

    Pictures are `width` x `height` pixels, `fps` a second at most. A JPEG of another size is
    shown all the same: players take the size from the JPEG itself.
    """

    def __init__(
        self, width: int, height: int, fps: float, clock: Callable[[], float] = perf_counter
    ) -> None:
        self.head = _head(width, height, fps)
        self._clock = clock
        self._before: float | None = None  # when the last picture was added
        self._seconds = 0.0  # of the film
        self._stamp = -1  # of the last picture, milliseconds

    def add(self, jpeg: bytes) -> bytes:
        """What to send for this picture: all of it, so that it can be shown at once."""
        now = self._clock()
        if self._before is not None:
            self._seconds += _PACE * min(now - self._before, _LONGEST_GAP)
        self._before = now
        self._stamp = max(self._stamp + 1, round(self._seconds * 1000))
        stamp = _element(_TIMESTAMP, _number(self._stamp))
        block = _start(_SIMPLE_BLOCK, len(_BLOCK_HEAD) + len(jpeg)) + _BLOCK_HEAD
        cluster = _start(_CLUSTER, len(stamp) + len(block) + len(jpeg))
        return b"".join((cluster, stamp, block, jpeg))


def _head(width: int, height: int, fps: float) -> bytes:
    """All before the first picture."""
    ebml = {
        _EBML_VERSION: _number(1),
        _EBML_READ_VERSION: _number(1),
        _MAX_ID_LENGTH: _number(4),
        _MAX_SIZE_LENGTH: _number(8),
        _DOC_TYPE: b"matroska",
        _DOC_TYPE_VERSION: _number(4),
        _DOC_TYPE_READ_VERSION: _number(2),
    }
    info = {
        _TIMESTAMP_SCALE: _number(_TICK),
        _MUXING_APP: b"streamcam",
        _WRITING_APP: b"streamcam",
    }
    track = {
        _TRACK_NUMBER: _number(_VIDEO_TRACK),
        _TRACK_UID: _number(1),
        _TRACK_TYPE: _number(_VIDEO_TRACK),
        _FLAG_LACING: _number(0),
        _CODEC_ID: b"V_MJPEG",
        # Without it players look at many pictures first to find the rate, and stay behind.
        _DEFAULT_DURATION: _number(round(1e9 / fps)),
        _VIDEO: _all({_PIXEL_WIDTH: _number(width), _PIXEL_HEIGHT: _number(height)}),
    }
    return b"".join(
        (
            _element(_EBML, _all(ebml)),
            _id(_SEGMENT) + _UNKNOWN_SIZE,
            _element(_INFO, _all(info)),
            _element(_TRACKS, _element(_TRACK_ENTRY, _all(track))),
            _element(_VOID, bytes(_PROBED)),
        )
    )


def _all(elements: dict[int, bytes]) -> bytes:
    return b"".join(_element(name, body) for name, body in elements.items())


def _element(name: int, body: bytes) -> bytes:
    return _start(name, len(body)) + body


def _start(name: int, size: int) -> bytes:
    """An element's id, and the length of its body: seven bits a byte, behind one bit that says by
    its place how many bytes there are; all ones would mean that it is unknown."""
    width = ((size + 1).bit_length() + 6) // 7
    return _id(name) + (1 << 7 * width | size).to_bytes(width, "big")


def _id(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big")


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
