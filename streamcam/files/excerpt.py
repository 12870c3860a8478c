"""Excerpt: the part of a film that is wanted, as the end of its name says: film.mp4#t=1:30,2:00.

That is how the web writes it (W3C, Media Fragments URI 1.0, 4.2.1), in seconds or H:MM:SS.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from streamcam.errors import UsageError, quoted

_PART = re.compile(r"(?P<name>.+)#t=(?:npt:)?(?P<start>[^,#]*)(?P<comma>,?)(?P<end>[^,#]*)")
_SIXTY = 60
_TIME = re.compile(r"(?:\d+:){0,2}\d+(?:\.\d*)?")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Seconds from the first picture of a film: from `start` on, up to `end`, which is not in it;
    None: to the end of the film."""

    start: float = 0.0
    end: float | None = None

    def __str__(self) -> str:
        end = "its end" if self.end is None else f"{self.end:g} s"
        return f"from {self.start:g} s to {end}"


WHOLE = Excerpt()


def cut(given: str) -> tuple[str, Excerpt]:
    """What `given` names, and which part of it. A file of just that name is that file, whole.

    Raises `UsageError` for a part that cannot be.
    """
    match = _PART.fullmatch(given)
    if match is None or os.path.isfile(Path(given).expanduser()):  # noqa: PTH113  # a long name
        return given, WHOLE
    start, end = _seconds(match["start"] or "0"), _seconds(match["end"])
    wrong = start is None or (match["end"] and end is None) or (match["comma"] and not match["end"])
    if wrong or start is None or (end is not None and end <= start):
        raise UsageError(
            f"the part of {quoted(match['name'])} is not understood: {given[match.end('name') :]} "
            "must be #t=START,END, in seconds or H:MM:SS, END after START; #t=START alone is all "
            "from there on."
        )
    return match["name"], Excerpt(start, end)


def _seconds(text: str) -> float | None:
    if not _TIME.fullmatch(text):
        return None
    first, *rest = (float(part) for part in text.split(":"))
    if any(part >= _SIXTY for part in rest):
        return None
    for part in rest:
        first = first * _SIXTY + part
    return first
