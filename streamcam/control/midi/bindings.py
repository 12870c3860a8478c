"""Bindings: which knob plays which value, and which key brings which look. Kept in a small file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any

from streamcam.config import display, read_text, read_toml, user_folder
from streamcam.control.acts import LOOK
from streamcam.control.values import Takes, value_of
from streamcam.errors import UsageError, reason

_ARMED_SECONDS = 30.0  # that a knob is waited for
_TAP = "tap"  # a note that taps the beat
_LOOK_PREFIX = f"{LOOK} "
_TABLES = ("controllers", "notes")


def midi_file() -> Path:
    """Where they are kept."""
    return user_folder() / "midi.toml"


class Bindings:
    """Two tables by "CHANNEL NUMBER", channels from 1: `controllers` has keys of values, `notes`
    names of looks, or "tap". Every method may be called from any thread.

    The file may be edited by hand, and keeps its comments when a knob is learned.
    """

    def __init__(self, path: Path) -> None:
        """Raises `UsageError` for a file that is there and cannot be read."""
        self._path = path
        self._lock = Lock()
        # Protected by _lock:
        self._tables = {name: {} for name in _TABLES} if not path.exists() else _loaded(path)
        self._armed: tuple[str, float] | None = None

    @property
    def armed(self) -> str:
        """What the next knob or key is bound to: a key, "look NAME" or "tap"; "" for nothing."""
        with self._lock:
            return self._armed_now()

    def tables(self) -> dict[str, dict[str, str]]:
        """A copy."""
        with self._lock:
            return {name: dict(table) for name, table in self._tables.items()}

    def arm(self, target: str) -> None:
        """Bind the next knob that is turned, or for a look or the tap the next key, for half a
        minute. Raises `UsageError` for what no knob can play."""
        if not _is_note(target):
            value = value_of(target)
            if value.takes is not Takes.FRAME or value.kind in ("text", "wave", "table"):
                raise UsageError(f"{target} is no value that a knob can play.")
        with self._lock:
            self._armed = target, perf_counter() + _ARMED_SECONDS

    def forget(self, target: str) -> None:
        """Unbind what plays `target`. Raises `UsageError` if the file cannot be written."""
        name = target.removeprefix(_LOOK_PREFIX)
        with self._lock:
            self._armed = None
            for table in self._tables.values():
                for place in [place for place, one in table.items() if one == name]:
                    del table[place]
            self._save()

    def played(self, table: str, place: str) -> str | None:
        """What the knob or key at `place` plays, once it is bound to what was armed; None for
        nothing. Raises `UsageError` if the file cannot be written; it is bound all the same."""
        with self._lock:
            armed = self._armed_now()
            if armed and _is_note(armed) == (table == "notes"):
                self._armed = None
                self._bind(table, place, armed.removeprefix(_LOOK_PREFIX))
            return self._tables[table].get(place)

    def _bind(self, table: str, place: str, name: str) -> None:
        bound = self._tables[table]
        for other in [other for other, one in bound.items() if one == name]:
            del bound[other]
        bound[place] = name
        self._save()

    def _armed_now(self) -> str:
        if self._armed is not None and perf_counter() > self._armed[1]:
            self._armed = None
        return self._armed[0] if self._armed else ""

    def _save(self) -> None:
        import tomlkit

        path, draft = self._path, self._path.with_name(f"{self._path.name}.part")
        try:
            document = tomlkit.parse(read_text(path)) if path.exists() else tomlkit.document()
            for name, table in self._tables.items():
                _put(document, name, table)
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(tomlkit.dumps(document), "utf-8")
            draft.replace(path)
        except OSError as error:
            raise UsageError(f"{display(path)} cannot be written: {reason(error)}.") from error


def _put(document: Any, name: str, wanted: Mapping[str, str]) -> None:  # noqa: ANN401  # of tomlkit
    if name not in document:
        document[name] = {}
    table = document[name]
    for place in [place for place in table if place not in wanted]:
        del table[place]
    for place, one in wanted.items():
        if table.get(place) != one:
            table[place] = one


def _is_note(target: str) -> bool:
    return target == _TAP or target.startswith(_LOOK_PREFIX)


def _loaded(path: Path) -> dict[str, dict[str, str]]:
    found = read_toml(path)
    tables: dict[str, dict[str, str]] = {}
    for name in _TABLES:
        table = found.get(name, {})
        if not isinstance(table, dict) or not all(isinstance(one, str) for one in table.values()):
            raise UsageError(f'{display(path)}: [{name}] must hold lines like "1 21" = "strength".')
        tables[name] = table
    return tables
