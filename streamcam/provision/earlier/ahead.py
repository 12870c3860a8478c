"""Ahead: the engine of the last start like this one is read while the program loads its code.

Python loads code on one core for as long as OpenVINO takes to read a kept engine on another. Which
engine that is nobody knows before the preset is read, so an earlier start has left a note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from engines.artifacts import cache_folder, evict, key_of, writing
from engines.backends.openvino import ahead
from streamcam import __version__
from streamcam.priority import mark_maker
from streamcam.provision.earlier.machine import machine

if TYPE_CHECKING:
    from engines.api import EngineSpec
    from streamcam.options import Options

_KIND = "notes"  # of artifact
_LIMIT = 16 * 1024  # bytes that are kept: some hundred notes
_NAME = re.compile(r"[0-9a-f]{8,64}")


def begin(preset: str, *flags: object) -> None:
    """Read what the last start with this preset and these flags ended up with, on a thread of its
    own. Nothing without a note that makes sense; what OpenVINO lacks is for others to say.

    preset  as it was given, a name or a path
    flags   size, model, backend and device, as far as they were given
    """
    with suppress(Exception):
        names = json.loads(_place(preset, flags).read_text("utf-8"))["graphs"]
        if all(_NAME.fullmatch(name) for name in names):
            ahead.guess(names)
            try:
                Thread(target=_read, name="ahead", daemon=True).start()
            except RuntimeError:  # the system gives no more threads: nobody may wait for this one
                ahead.forget()


def note(options: Options, spec: EngineSpec) -> None:
    """For the next start. Nothing where that cannot be written."""
    flags = (options.size, options.model, options.backend, options.device)
    place = _place(options.preset.name, flags)
    text = json.dumps({"graphs": ahead.used(spec)}) + "\n"
    with suppress(OSError, ValueError):
        if place.is_file() and place.read_text("utf-8") == text:
            return
        with writing(place) as unfinished:
            unfinished.write_text(text, "utf-8")
        evict(_KIND, _LIMIT, [place])


def _read() -> None:
    mark_maker()
    ahead.read()


def _place(preset: str, flags: Iterable[object]) -> Path:
    parts = [__version__, machine(), Path(preset).stem.casefold(), *flags]
    return cache_folder(_KIND) / f"{key_of({'run': parts})}.json"
