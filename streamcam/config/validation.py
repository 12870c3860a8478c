"""Validation: what is wrong with a table, by key and value, and what is allowed instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from engines.ranges import Range
from streamcam.config.toml_file import display
from streamcam.errors import UnknownChoice, UsageError, quoted

Schema = Mapping[str, Any]
Validated = TypeVar("Validated", bound=BaseModel)

_LONGEST = 40  # characters of a wrong value that an error repeats


def validate(model: type[Validated], table: Mapping[str, Any], path: Path) -> Validated:
    """`table`, which was read from `path`, as a `model`.

    Raises `UsageError`: one line with file, key, value and what is allowed, for the first
    problem; further ones are counted.
    """
    try:
        return model.model_validate(table)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        message = f"{display(path)}: {_describe(problems[0], model.model_json_schema())}"
        if len(problems) > 1:
            message += f" Further problems in this file: {len(problems) - 1}."
        raise UsageError(message) from error


def checked(name: str, value: object, kind: TypeAdapter[Any]) -> Any:  # noqa: ANN401  # of any kind
    """A single `value` as its `kind` has it. Raises `UsageError`: name, value, what is allowed."""
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        if problem["type"] == "value_error":
            why = str(problem["ctx"]["error"])
        else:
            why = f"must be {allowed(kind.json_schema())}."
        raise UsageError(f"{name} = {_shown(value)} is not allowed: {why}") from error


def _describe(problem: Mapping[str, Any], schema: Schema) -> str:
    """One problem that pydantic found, as a sentence: key, value and what is allowed."""
    keys = tuple(problem["loc"])
    name = _dotted(keys)
    kind = problem["type"]
    if kind == "extra_forbidden":
        inside = f"in [{_dotted(keys[:-1])}]: " if keys[:-1] else ""
        known = _schema_at(schema, keys[:-1], "properties")["properties"]
        return f"{inside}{UnknownChoice('key', str(keys[-1]), known)}"
    if kind == "missing":
        return f"{name} is missing: it must be {allowed(_schema_at(schema, keys))}."
    value = _shown(problem["input"])
    if keys and keys[-1] == "[key]":
        names = _schema_at(schema, keys[:-2], "propertyNames")["propertyNames"]
        return f"the name {value} in [{_dotted(keys[:-2])}] must be one line{_length(names)}."
    if kind == "value_error":
        return f"{name} = {value} is not allowed: {problem['ctx']['error']}"
    return f"{name} = {value} is not allowed: must be {allowed(_schema_at(schema, keys))}."


def _dotted(keys: Sequence[str | int]) -> str:
    """The way to a value, as TOML writes it: looks.noir.strength, t_index[0]."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{_key(key)}" for key in keys)
    return text.removeprefix(".")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else quoted(key)


def _schema_at(schema: Schema, keys: Sequence[str | int], word: str = "") -> Schema:
    """The part of a JSON Schema for the value under `keys`; of several, the one with `word`."""
    part = _resolved(schema, schema, word)
    for key in keys:
        inner = "items" if isinstance(key, int) else "properties"
        holder = _resolved(schema, part, inner)
        if isinstance(key, int):
            part = holder["items"]
        else:
            part = holder.get("properties", {}).get(key) or holder["additionalProperties"]
    return _resolved(schema, part, word)


def _resolved(schema: Schema, part: Schema, word: str) -> Schema:
    """`part` with a reference followed, and of alternatives the one that says `word`."""
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    return next((one for one in part.get("anyOf", ()) if word in one), part)


def allowed(schema: Schema) -> str:
    """What a JSON Schema allows, in words: "a number above 0 and at most 1"."""
    if "anyOf" in schema:
        return " or ".join(allowed(one) for one in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(str(choice) for choice in schema["enum"])
    words = {
        "number": f"a number{_range(schema)}",
        "integer": f"a whole number{_range(schema)}",
        "string": f"text{_length(schema)}",
        "array": f"a list{_count(schema)}",
        "boolean": "true or false",
        "object": "a table",
    }
    return words[schema["type"]]


def _length(schema: Schema) -> str:
    if "examples" in schema:
        return " like " + " or ".join(f'"{example}"' for example in schema["examples"])
    least, most = schema.get("minLength"), schema.get("maxLength")
    if most is None:
        return ""
    return f" of {least} to {most} characters" if least else f" of at most {most} characters"


def _count(schema: Schema) -> str:
    least, most = schema.get("minItems"), schema.get("maxItems")
    return "" if least is None or most is None else f" of {least} to {most} entries"


def _range(schema: Schema) -> str:
    least, above, most = map(schema.get, ("minimum", "exclusiveMinimum", "maximum"))
    if most is not None and least is not None:
        return f" {Range(least, most)}"
    if most is not None and above is not None:
        return f" {Range(above, most, open_below=True)}"
    words = [
        f"{word} {schema[key]:g}"
        for key, word in (
            ("exclusiveMinimum", "above"),
            ("minimum", "at least"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if key in schema
    ]
    return " " + " and ".join(words) if words else ""


def _shown(value: object) -> str:
    """A value as TOML writes it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        text = str(value)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    text = value[:_LONGEST] + ("…" if len(value) > _LONGEST else "")
    if "\\" in text and "'" not in text:
        quotes = quoted(text)  # as TOML writes a path: without doubled backslashes
    else:
        quotes = '"' + repr(text)[1:-1].replace('"', '\\"') + '"'
    return quotes if len(value) <= _LONGEST else f"{quotes} ({len(value)} characters)"
