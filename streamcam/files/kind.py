"""What a file is, told by its content: telephones and browsers give pictures wrong names."""

from __future__ import annotations

import contextlib
import mmap
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from streamcam.errors import UsageError
from streamcam.files.heif import layout as heif

if TYPE_CHECKING:
    from PIL import Image

# Beginnings of what looks like a picture and cannot be read here.
_PAGE, _SAVE = "save the page as PNG.", "save it as PNG or JPEG in a program that opens it."
_REFUSED = (
    (b"%PDF-", "a PDF document", _PAGE),
    (b"%!PS", "a PostScript document", _PAGE),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document", _PAGE),
    (b"\xff\x0a", "a JPEG XL picture", _SAVE),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture", _SAVE),
    (b"FUJIFILMCCD-RAW", "a camera's raw file", _SAVE),
    (b"II\x1a\0\0\0HEAPCCDR", "a camera's raw file", _SAVE),  # Canon
    (b"II*\0\x10\0\0\0CR", "a camera's raw file", _SAVE),  # Canon
    (b"IIU\0", "a camera's raw file", _SAVE),  # Panasonic
    (b"IIRO", "a camera's raw file", _SAVE),  # Olympus
    (b"FOVb", "a camera's raw file", _SAVE),  # Sigma
)
_TIFF = (b"II*\0", b"MM\0*")
_SUBFILE, _SUBPICTURES, _DNG = 254, 330, 50706  # tags of TIFF
_GZIP = b"\x1f\x8b"
_PNG, _JPEG, _GIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"
# Beginnings of files that hold one picture, whatever follows.
_SINGLE = (
    *(b"BM", *_TIFF, b"8BPS", b"\0\0\1\0", b"icns", b"qoif", b"DDS ", b"\x01\xda"),
    *(b"\n\x05\x01", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    *(b"P%d%c" % (number, space) for number in range(1, 7) for space in b" \n\r\t"),
)
_PICTURE_BRANDS = frozenset({b"mif1", b"mif2", b"heic", b"heix", b"heim", b"heis", b"avif"})
# Names by which a file whose content tells nothing counts as a picture, and is refused as one.
_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".heic", ".heif", ".avif", ".tif", ".tiff"}
)
_HEAD = 1 << 16


def kind_of(path: Path) -> str:
    """The choice for a file that is there: "image" if it holds one picture, else "video".

    Raises `UsageError` for documents and pictures that nothing here can read.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            head = data[:_HEAD]
            _refuse(head, path)
            single = _is_single(head, data, path)
    except (OSError, ValueError):  # not to be read, or empty: opening it says so
        single = None
    if single is None:
        single = path.suffix.lower() in _SUFFIXES
    return "image" if single else "video"


def needs_pillow(path: Path) -> bool:
    """Whether it is an animation that FFmpeg does not read: a WebP or AVIF."""
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError:
        return False
    return head[8:12] in (b"WEBP", b"avis")


def _refuse(head: bytes, path: Path) -> None:
    found = [(what, remedy) for begin, what, remedy in _REFUSED if head.startswith(begin)]
    if head[4:12] == b"ftypcrx " or (head.startswith(_TIFF) and _is_raw(path)):
        found.append(("a camera's raw file", _SAVE))
    if head.startswith(_GZIP):
        with contextlib.suppress(zlib.error):
            head = zlib.decompressobj(zlib.MAX_WBITS + 16).decompress(head, _HEAD)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in text:
        found.append(("a drawing (SVG)", "export it as PNG."))
    for what, remedy in found:
        raise UsageError(f"{path} is {what}, which streamcam cannot read: {remedy}")


def _is_single(head: bytes, data: mmap.mmap, path: Path) -> bool | None:
    """Whether it holds one picture; None: no picture format is known to begin like this."""
    if head.startswith(_PNG):
        control = data.find(b"acTL", 0, data.find(b"IDAT"))
        return control < 0 or int.from_bytes(data[control + 4 : control + 8], "big") < 2
    if head.startswith(_JPEG):
        # A film of JPEGs is one after the other; so are the two views, or the picture and its
        # brightness, of a photograph, which says so at its beginning. FFmpeg goes by the name.
        several = b"MPF\0" not in head and data.find(b"\xff\xd9\xff\xd8") >= 0
        return not several or path.suffix.lower() in _SUFFIXES
    if head.startswith(_GIF) or head[8:12] == b"WEBP":
        return not _is_animated(path)
    if head[4:8] == b"ftyp":
        brands = {head[at : at + 4] for at in range(8, int.from_bytes(head[:4], "big"), 4)}
        return bool(brands & _PICTURE_BRANDS) and _is_single_heif(data[:], path)
    return True if head.startswith(_SINGLE) else None


def _is_raw(path: Path) -> bool:
    """Whether a TIFF begins with the small preview of a photograph that is not developed yet."""
    try:
        with _opened(path, "TIFF") as image:
            tags = image.getexif()
            return _DNG in tags or (tags.get(_SUBFILE) == 1 and _SUBPICTURES in tags)
    except Exception:  # noqa: BLE001  # damaged: reading it says so
        return False


def _is_single_heif(data: bytes, path: Path) -> bool:
    if heif.is_sequence(data):
        return data[8:12] == b"avis" and not _is_animated(path)
    try:
        return heif.layout(data) is not None
    except Exception:  # noqa: BLE001  # damaged: reading it says so
        return True


def _is_animated(path: Path) -> bool:
    try:
        with _opened(path, "GIF", "WEBP", "AVIF") as image:
            return bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001  # damaged: reading it says so
        return False


def _opened(path: Path, *formats: str) -> Image.Image:
    from PIL import Image  # for files that only Pillow knows more of

    Image.init()  # else formats that Pillow has not needed yet are unknown to it
    return Image.open(path, formats=formats)
