"""Importing: looks of another program become presets of the user's own, a file each."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from engines.errors import EngineError
from streamcam.config import display
from streamcam.errors import StreamcamError, UsageError
from streamcam.presets.find import SUFFIX, preset_names, user_presets
from streamcam.presets.foreign import Foreign, picture, styles
from streamcam.presets.model import Preset
from streamcam.presets.save import write_text

_NAME_MAX = 40  # characters
_NOT_IN_A_NAME = re.compile(r"[^\w .+-]+")


class Imported(NamedTuple):
    """What became of a look.

    path   the preset; None: there is none
    notes  what was left out, or why there is none
    """

    name: str
    path: Path | None
    notes: tuple[str, ...]


def import_presets(file: Path, check: Callable[[Preset], object]) -> list[Imported]:
    """Write the looks in a file as presets. One that is there already stays as it is.

    `check` raises where a prompt cannot be read. Raises `UsageError` for a file that holds none.
    """
    looks = _looks(file)
    if not looks:
        raise UsageError(f"{display(file)} holds no styles.")
    taken = {name.casefold() for name in preset_names()}
    done = []
    for said, look in looks.items():
        name = _name_of(said)
        if name.casefold() in taken:
            done.append(Imported(name, None, ("not written: there is a preset of this name.",)))
            continue
        taken.add(name.casefold())
        done.append(_import(name, look, file, check))
    return done


def _looks(file: Path) -> dict[str, Foreign]:
    suffix = file.suffix.lower()
    if suffix == styles.SUFFIX:
        return styles.read_styles(file)
    if suffix in picture.SUFFIXES:
        return {file.stem: picture.read_picture(file)}
    raise UsageError(
        f"{display(file)} is no file to import: AUTOMATIC1111's styles.csv, or a picture that it "
        f"or ComfyUI made ({', '.join(picture.SUFFIXES)})."
    )


def _import(name: str, look: Foreign, file: Path, check: Callable[[Preset], object]) -> Imported:
    path = user_presets() / f"{name}{SUFFIX}"
    try:
        check(Preset.from_table(look.table, path))
    except (StreamcamError, EngineError) as error:
        return Imported(name, None, (f"not written: {_without_path(str(error), path)}",))
    write_text(path, _text(look, file))
    return Imported(name, path, look.left_out)


def _text(look: Foreign, file: Path) -> str:
    import tomlkit

    document = tomlkit.document()
    for line in (f"Imported from {file.name}.", *(f"Left out: {one}" for one in look.left_out)):
        document.add(tomlkit.comment("".join(one if one.isprintable() else " " for one in line)))
    document.update(look.table)
    return tomlkit.dumps(document)


def _name_of(said: str) -> str:
    """A file's name on every system that reads like the look's."""
    name = " ".join(_NOT_IN_A_NAME.sub(" ", said).split())
    return name.lstrip(" .+-")[:_NAME_MAX].rstrip(" .") or "style"


def _without_path(message: str, path: Path) -> str:
    """Of a message about a file that is not there."""
    return message.removeprefix(f"{display(path)}: ")
