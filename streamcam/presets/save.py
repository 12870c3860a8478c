"""Saving: what plays becomes a preset file, and a file that is there keeps its comments."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from streamcam.config import display, read_text
from streamcam.errors import UsageError, quoted, reason
from streamcam.looks.look import Look
from streamcam.presets.find import SUFFIX, shipped_presets, user_presets
from streamcam.presets.load import read_preset
from streamcam.presets.model import Preset
from streamcam.presets.order import order_looks, rename_looks

_OF_A_LOOK = (
    "prompt",
    "negative_prompt",
    "strength",
    "guidance",
    "delta",
    "seed",
    "variation_seed",
    "variation",
)
_NAME = re.compile(r"\w[\w .+-]{0,39}")  # of a file, on every system, and no path
_DIGITS = 4  # behind a number's point: what a fader gives has sixteen

Table = dict[str, Any]


def save_preset(running: Preset, look: Look, name: str) -> Preset:
    """Write the preset `name` and read it again: `running`, with `look` as it plays.

    Under the running preset's own name its file is changed where the look stands in it; a shipped
    one is not, but gets a file of the user's own, which goes before it. Under another name `look`
    becomes the base look, and the other looks stay as they are. Raises `UsageError`, and what is
    there stays.
    """
    own = name.casefold() == running.name.casefold()
    path = _place(running, name, own=own)
    table = _in_its_place(running, look) if own else _as_base(running, look, path.stem)
    preset = Preset.from_table(_rounded(table), path)  # before anything is written
    text = _text(preset, [path, running.path])
    write_text(path, text)
    return read_preset(path)


def _place(running: Preset, name: str, *, own: bool) -> Path:
    if not _NAME.fullmatch(name) or name.endswith((" ", ".")):
        raise UsageError(
            f"a preset cannot be called {quoted(name)}: letters, digits, spaces and . + - _ make a "
            "name of at most 40 characters."
        )
    if own and running.path is not None and _is_own(running.path):
        return running.path
    folder = user_presets()
    try:
        there = [one for one in folder.glob(f"*{SUFFIX}") if one.stem.casefold() == name.casefold()]
    except OSError:
        there = []
    return there[0] if there else folder / f"{name}{SUFFIX}"


def _is_own(path: Path) -> bool:
    """Neither shipped nor another program's picture."""
    return path.suffix.lower() == SUFFIX and path.parent != shipped_presets()


def _in_its_place(running: Preset, look: Look) -> Table:
    table = _table_of(running)
    if look.name not in running.looks:
        return table | _base_keys(running, look)
    stated = table["looks"][look.name]
    changed = apart(look, running.look(look.name))
    if "loras" in changed:
        changed["loras"] = stated.get("loras", {}) | changed["loras"]
    table["looks"][look.name] = {**stated, **changed}
    return table


def _as_base(running: Preset, look: Look, name: str) -> Table:
    table = _table_of(running) | _base_keys(running, look)
    base = Preset.model_validate(table).look()
    others = [one for one in (running.name, *running.looks) if one not in (look.name, name)]
    table["looks"] = {one: apart(running.look(one), base) for one in others}
    if running.schedule:
        names = {look.name: name} | {one: one for one in others}
        table["schedule"] = [
            {**entry.model_dump(), "look": names[entry.look]}
            for entry in running.schedule
            if entry.look in names
        ] or None
    return table


def _base_keys(running: Preset, look: Look) -> Table:
    kept = running.t_index if look.t_index else None
    plain = {key: getattr(look, key) for key in _OF_A_LOOK}
    return plain | {"t_index": kept and list(kept), "loras": running.loras | dict(look.loras)}


def apart(look: Look, other: Look) -> Table:
    """What `look` says that `other` does not."""
    found: Table = {
        key: getattr(look, key) for key in _OF_A_LOOK if getattr(look, key) != getattr(other, key)
    }
    loras = {source: weight for source, weight in look.loras if (source, weight) not in other.loras}
    return found | ({"loras": loras} if loras else {})


def _table_of(preset: Preset) -> Table:
    """As its file would say it, with every key; None for what can only be left out."""
    table: Table = preset.model_dump(mode="json")
    table["looks"] = {
        name: change.model_dump(exclude_none=True) for name, change in preset.looks.items()
    }
    return table


def _rounded(found: Any) -> Any:  # noqa: ANN401  # a table, or what is in one
    if isinstance(found, dict):
        return {key: _rounded(one) for key, one in found.items() if one is not None}
    if isinstance(found, list):
        return [_rounded(one) for one in found]
    if isinstance(found, float):
        return round(found, _DIGITS) or found
    return found


def _text(preset: Preset, templates: list[Path | None]) -> str:
    """The file's text, made of the first of `templates` that is there. Raises `UsageError`."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    document = tomlkit.document()
    for template in templates:
        if template is not None and template.suffix.lower() == SUFFIX and template.is_file():
            read_preset(template)  # names what is wrong with it
            document = tomlkit.parse(read_text(template))
            break
    default = _table_of(Preset(prompt=""))
    del default["prompt"]
    try:
        rename_looks(document, preset.looks)
        fresh = preset.looks.keys() - document.get("looks", {}).keys()
        _put(document, _table_of(preset), default)
        order_looks(document, preset.looks, fresh)
        text = tomlkit.dumps(document)
        again = Preset.from_table(tomlkit.parse(text).unwrap(), preset.path or Path())
    except (TOMLKitError, UsageError) as error:
        raise UsageError(f"{preset.name} cannot be written as TOML: {error}") from error
    if again.model_dump() != preset.model_dump() or [*again.looks] != [*preset.looks]:
        raise UsageError(f"{preset.name} cannot be written as TOML: it reads differently.")
    return text


def _put(into: Any, table: Table, default: Mapping[str, Any]) -> None:  # noqa: ANN401  # of tomlkit
    """Make a table of tomlkit say `table`. What it says already stays as it is written, what is the
    default is written only where it stood."""
    for key in [key for key in into if table.get(key) is None]:
        del into[key]
    for key, one in table.items():
        stated = _plain(into.get(key))
        if isinstance(one, dict):
            _put_table(into, key, one, default.get(key))
        elif one != (default.get(key) if stated is None else stated):
            into[key] = one


def _put_table(into: Any, key: str, one: Table, default: object) -> None:  # noqa: ANN401
    stated, usual = into.get(key), default if isinstance(default, dict) else {}
    if isinstance(stated, dict):
        _put(stated, one, usual)
    elif key == "prompt" or set(one) == {"prompt"}:  # a look of words alone
        if _plain(stated) != one["prompt"]:
            into[key] = one["prompt"]
    elif one != default:
        import tomlkit

        new = tomlkit.table() if stated is None else tomlkit.inline_table()  # in its line
        _put(new, one, usual)
        if len(new) or default is None:
            into[key] = new


def _plain(item: Any) -> Any:  # noqa: ANN401  # of tomlkit, which gives a true as Python's own
    return item.unwrap() if hasattr(item, "unwrap") else item


def write_text(path: Path, text: str) -> None:
    """Write a preset's file, whole or not at all. Raises `UsageError`."""
    path = path.resolve()  # of a link, what it leads to
    draft = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise UsageError(f"{display(path)} cannot be written: {reason(error)}.") from error
