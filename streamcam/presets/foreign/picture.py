"""A picture that another program made, with what it wrote into it about how.

AUTOMATIC1111 and its kin write a text chunk "parameters" into PNG, and Exif's UserComment into JPEG
and WebP. ComfyUI writes its graph: a text chunk "prompt" into PNG, Exif's Model into WebP.
"""

from __future__ import annotations

from pathlib import Path

from streamcam.config import display
from streamcam.errors import UsageError, reason
from streamcam.presets.foreign import Foreign
from streamcam.presets.foreign.graph import read_graph
from streamcam.presets.foreign.infotext import is_infotext, read_infotext

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_EXIF, _USER_COMMENT, _MODEL = 0x8769, 0x9286, 0x0110  # tags
_CODES = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"\0\0\0\0\0\0\0\0": "utf-8"}
_GRAPH = "prompt:"


def read_picture(path: Path) -> Foreign:
    """The look that was written into a picture. Raises `UsageError` naming the file."""
    infotext, graph = _texts(path)
    try:
        if infotext and is_infotext(infotext):
            return read_infotext(infotext)
        if graph:
            return read_graph(graph)
    except UsageError as error:
        raise UsageError(f"{display(path)}: {error}") from error
    raise UsageError(
        f"{display(path)} holds no text of AUTOMATIC1111 or ComfyUI about how it was made. Web "
        "pages and chats take it out: use the file as the program saved it."
    )


def _texts(path: Path) -> tuple[str, str]:
    """Of AUTOMATIC1111 and of ComfyUI; empty: none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.format == "PNG":
                image.load()  # texts may stand behind the picture
                found = {**image.info, **getattr(image, "text", {})}
                return str(found.get("parameters", "")), str(found.get("prompt", ""))
            exif = image.getexif()
            comment = exif.get_ifd(_EXIF).get(_USER_COMMENT, b"")
            model = exif.get(_MODEL, "")
    except Exception as error:  # whatever Pillow makes of a file
        raise UsageError(
            f"{display(path)} cannot be read as a picture: {reason(error)}."
        ) from error
    text = model if isinstance(model, str) else ""
    return _comment(comment), text.removeprefix(_GRAPH) if text.startswith(_GRAPH) else ""


def _comment(comment: object) -> str:
    """Exif's UserComment: eight bytes that name the encoding, then the text."""
    if not isinstance(comment, bytes):
        return ""
    code, text = comment[:8], comment[8:]
    encoding = _CODES.get(code, "utf-8")
    if encoding == "utf-16":
        # By its zeros: every text has the line of settings, whose letters are ASCII.
        encoding = "utf-16-be" if text[::2].count(0) > text[1::2].count(0) else "utf-16-le"
    return text.decode(encoding, "replace").lstrip("\ufeff")
