"""Length: whether a video is a film with an end or made as we look, and where its end is.

A file on this machine is a film. So is what states its duration, and what is sent with its size:
both are known only of what is finished. Where neither is known, the protocol tells (RTSP, RTMP
and the like broadcast), or the container: a GIF is a film, parts of MJPEG are a camera, HLS and
DASH without an end are live. What remains (a transport stream or Matroska, sent by HTTP without
a size or through a pipe) can be either; it is shown as it arrives until it proves to be a film by
arriving faster than anything could be filmed: see `Film`.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from streamcam.capture.video.address import Address
from streamcam.capture.video.container import OpenVideo

SEGMENTED = frozenset({"hls", "dash"})
_TS_DISCONT = 0x0200  # AVFMT_TS_DISCONT
_CAMERAS = frozenset({"mpjpeg", "rtsp", "sdp"})
_FILMS = frozenset({"gif", "apng"})
_PICTURES = "_pipe"  # how FFmpeg names what it takes for a picture: png_pipe, webp_pipe
_RAW_MJPEG = "jpeg_pipe"
_PICTURE_BRANDS = frozenset({"avif", "avis", "heic", "heix", "mif1", "msf1"})  # of MP4's family
_FINISHED = frozenset({"http", "https", "ftp", "sftp", "file"})  # protocols that serve files
_LARGEST = 1 << 42  # bytes; servers that state a larger size mean "endless"
# Seconds: FFmpeg's own limits (-dts_delta_threshold, -dts_error_threshold).
_LONGEST_GAP_OF_DISCONTINUOUS = 10.0
_LONGEST_GAP = 30 * 3600.0
_MICRO = 1e-6  # seconds in the unit of a container's duration


class Length(Enum):
    """How long a video is."""

    FINITE = "it has an end, where it can begin again"
    ENDLESS = "it is made as we look"
    UNKNOWN = "either"


def length_of(opened: OpenVideo, address: Address) -> Length:
    container, form = opened.container, opened.container.format.name
    if form in _CAMERAS:
        return Length.ENDLESS
    if container.duration or (form not in SEGMENTED and _is_stored(opened, address)):
        return Length.FINITE
    if form in SEGMENTED or not (address.pipe or urlsplit(address.target).scheme in _FINISHED):
        return Length.ENDLESS
    return Length.UNKNOWN


def longest_gap(opened: OpenVideo, length: Length) -> float:
    """Seconds between two pictures that are still to be believed.

    A screen recording may rest for hours; the duration that an MP4 states is no limit, as it may
    leave out its last pictures. Transport streams, DVDs and HLS, by FFmpeg's flag for them, are
    cut together from parts whose clocks differ.
    """
    discontinuous = opened.container.format.flags & _TS_DISCONT
    if discontinuous or length is not Length.FINITE:
        return _LONGEST_GAP_OF_DISCONTINUOUS
    return _LONGEST_GAP


def stated_length(opened: OpenVideo, address: Address) -> float | None:
    """Seconds from the first picture to the end of the last one, where pictures do not tell.

    Only Matroska and WebM need it: their last picture may last longer than it says itself. Of
    one that was cut short the stated length is not what is there.
    """
    container = opened.container
    if not container.format.name.startswith("matroska") or len(container.streams) > 1:
        return None
    if not container.duration or address.remote or address.pipe:
        return None
    return container.duration * _MICRO if _is_whole_matroska(Path(address.target)) else None


def film_length(opened: OpenVideo) -> float | None:
    """Seconds from the first picture to the end of the last one, about, as the file states."""
    stream, container = opened.stream, opened.container
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if not container.duration:
        return None
    begins = (stream.start_time or 0) * float(stream.time_base or 0)
    return container.duration * _MICRO + (container.start_time or 0) * _MICRO - begins


def _is_stored(opened: OpenVideo, address: Address) -> bool:
    """Whether it is a file, here or on a server."""
    container, form = opened.container, opened.container.format.name
    if not (address.remote or address.pipe):
        return True
    if 0 < opened.size < _LARGEST:
        return True
    if form in _FILMS or (form.endswith(_PICTURES) and form != _RAW_MJPEG):
        return True
    return container.metadata.get("major_brand", "").strip() in _PICTURE_BRANDS


def _is_whole_matroska(path: Path) -> bool:
    """Whether the file is as long as its segment, its outermost element, says."""
    with path.open("rb") as file:
        head = file.read(4096)
        size = file.seek(0, 2)
    at = head.find(b"\x18\x53\x80\x67") + 4
    if at < 4 or at >= len(head) or not head[at]:
        return False
    width = 9 - head[at].bit_length()  # the leading zeros say how many bytes the number has
    number = int.from_bytes(head[at : at + width], "big") - (1 << 7 * width)
    return at + width + number <= size  # one that was not filled in is larger than any file
