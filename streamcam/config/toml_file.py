"""TOML files: their text, whatever editor wrote it, and where and how it is not TOML."""

from __future__ import annotations

import codecs
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

from streamcam.errors import UsageError, reason

# How an editor may mark a file, the longer marks first. TOML is UTF-8. What Windows calls Unicode
# is UTF-16; its mark leaves no doubt and nothing is lost, so that is read as well.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    codecs.BOM_UTF8: "UTF-8-SIG",
}
_SAVE = "Save it as UTF-8 (in Notepad: File, Save as, Encoding: UTF-8)."

# What most likely happened, by the beginning of what tomllib says about it.
_UNENDED = ("Illegal character '\\n'", "Unterminated string")
_QUOTES = ' Text ends with the same quote as it begins: prompt = "anime".'
_BACKSLASH = " Text with \\ in it stands in 'single quotes'."
_HINTS = {
    **dict.fromkeys(_UNENDED, _QUOTES),
    "Invalid value": ' Text needs "quotes", numbers begin with a digit, a switch is true or false.',
    "Invalid statement": " A line is: name = value.",
    "Expected '=' after a key": " A line is: name = value.",
    "Expected newline": " A line holds one setting, and decimals have a point: strength = 0.5.",
    "Cannot overwrite a value": " A key may be there once.",
    "Unescaped '\\' in a string": _BACKSLASH,
    "Invalid hex value": _BACKSLASH,
}

# What word processors, chats and web pages make of what was typed, and what TOML wants.
_TYPED = {
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2039\u203a\uff07\u0060\u00b4", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad", ""),
    **dict(zip("\uff1d\uff0c\uff0e\uff3b\uff3d\uff5b\uff5d\uff03", "=,.[]{}#", strict=True)),
}
_QUOTE = re.compile("[" + "".join(one for one, typed in _TYPED.items() if typed in "\"'") + "]")


def display(path: Path) -> str:
    """A path for people: relative if it lies below the current folder."""
    try:
        folder = Path.cwd()
    except OSError:  # it was deleted
        return str(path)
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file. Raises `UsageError` with file, line and column."""
    where, text = display(path), read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_problem(where, text, str(error))) from error
    except RecursionError:
        raise UsageError(f"{where} nests brackets too deeply to be a preset.") from None
    except ValueError as error:  # a number of more digits than Python reads
        raise UsageError(f"{where} is not valid TOML: {reason(error)}.") from error


def read_text(path: Path) -> str:
    """The text of a file, whatever editor wrote it. Raises `UsageError`."""
    where = display(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{where} does not exist.") from None
    except (OSError, ValueError) as error:  # a name with a null character is a ValueError
        raise UsageError(f"{where} cannot be read: {reason(error)}.") from error
    return _decoded(data, where)


def _decoded(data: bytes, where: str) -> str:
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "UTF-8")
    if encoding == "UTF-8" and b"\0" in data:
        raise UsageError(f"{where} is not UTF-8 text, but perhaps UTF-16 without its mark. {_SAVE}")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding in ("UTF-16", "UTF-32"):
            raise UsageError(f"{where} begins like {encoding} text and is none. {_SAVE}") from error
        raise UsageError(_not_utf8(where, data, error.start)) from error


def _not_utf8(where: str, data: bytes, place: int) -> str:
    """Most such files are in the old encoding of Windows, or in Latin-1, which is much the same."""
    before = data[:place].decode("utf-8", "replace")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    likely = data[place : place + 1].decode("cp1252", "replace")
    perhaps = f", {likely} in Windows-1252" if likely.isprintable() and likely != "\ufffd" else ""
    typed = f" And type {_TYPED[likely]} for {likely}." if _TYPED.get(likely) else ""
    return (
        f"{where}, line {line}, column {column}: this is not UTF-8 text (byte {data[place]:02X}"
        f"{perhaps}). {_SAVE}{typed}"
    )


def _problem(where: str, text: str, message: str) -> str:
    match = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if match is None:
        return f"{where} is not valid TOML: {message}."
    lines = text.split("\n")
    line, column = int(match[1] or len(lines)), int(match[2] or len(lines[-1]) + 1)
    said = message[: match.start()].strip()
    astray = _look_alike(lines[line - 1], column, unended=said.startswith(_UNENDED))
    if astray is not None:
        shown = lines[line - 1][astray - 1]
        return f"{where}, line {line}, column {astray}: {_remedy(shown)}"
    hint = next((hint for start, hint in _HINTS.items() if said.startswith(start)), "")
    return f"{where}, line {line}, column {column}: not valid TOML: {said}.{hint}"


def _look_alike(line: str, column: int, *, unended: bool) -> int | None:
    """The column of a character that looks like one of TOML's: where reading broke off, or the
    last quote of text that does not end."""
    if line[column - 1 : column] in _TYPED and len(line) >= column:
        return column
    quotes = [match.start() + 1 for match in _QUOTE.finditer(line)]
    return quotes[-1] if unended and quotes else None


def _remedy(character: str) -> str:
    name = unicodedata.name(character, "a character").lower()
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    typed = _TYPED[character]
    instead = "delete it" if not typed else f"type {typed.replace(' ', 'a plain space')} instead"
    return f"{shown} ({name}) means nothing to TOML here: {instead}."
