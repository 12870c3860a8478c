"""The types of a preset's values: their ranges, and how the file writes them."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from streamcam.config import Size, check_engine_size, parse_size

LCM_ENTRIES = 50
PROMPT_MAX = 2000  # characters; an engine reads at most 300 tokens, less than this
SCHEDULE_MAX = 64  # entries
_SLOWEST, _FASTEST = 1, 240  # pictures a second
_ENGINE_EXAMPLE, _PICTURE_EXAMPLE = "448x256", "1280x720"

Prompt = Annotated[str, StringConstraints(max_length=PROMPT_MAX)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Strength = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Guidance = Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)]
Delta = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)]
LoraScale = Annotated[float, Field(ge=-4, le=4, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
LcmIndex = Annotated[int, Field(ge=0, le=LCM_ENTRIES - 1)]


def _one_line(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must be one line.")
    return name


LookName = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_one_line)]


def _size(value: object, example: str) -> object:
    if value == "auto" or value is None:
        return None
    try:
        return parse_size(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(
            f"must be auto or WIDTHxHEIGHT in pixels, for example {example}."
        ) from None


def _engine_size(value: object) -> object:
    size = _size(value, _ENGINE_EXAMPLE)
    return check_engine_size(size) if isinstance(size, tuple) else size


def _picture_size(value: object) -> object:
    size = _size(value, _PICTURE_EXAMPLE)
    if isinstance(size, tuple) and any(side % 2 or not 64 <= side <= 7680 for side in size):
        raise ValueError("width and height must be even numbers from 64 to 7680.")
    return size


def _picture_rate(value: object) -> object:
    if value == "auto" or value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not _SLOWEST <= float(value) <= _FASTEST:  # type: ignore[arg-type]  # a number
        raise ValueError(f"must be auto or a number from {_SLOWEST} to {_FASTEST}.")
    return value


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _entries(value: object) -> object:
    # Not a constraint of the type: pydantic would count an entry that is wrong as missing, too.
    if isinstance(value, list) and not 1 <= len(value) <= SCHEDULE_MAX:
        raise ValueError(f"must be a list of 1 to {SCHEDULE_MAX} entries.")
    return _as_tuple(value)


def _as_text(size: Size | None) -> str:
    return "auto" if size is None else f"{size[0]}x{size[1]}"


def _schema(example: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "pattern": r"^(auto|\d+x\d+)$", "examples": ["auto", example]}
    )


EngineSize = Annotated[
    Size | None,
    BeforeValidator(_engine_size),
    PlainSerializer(_as_text),
    _schema(_ENGINE_EXAMPLE),
    Field(json_schema_extra={"default": "auto"}),
]
PictureSize = Annotated[
    Size | None,
    BeforeValidator(_picture_size),
    PlainSerializer(_as_text),
    _schema(_PICTURE_EXAMPLE),
    Field(json_schema_extra={"default": "auto"}),
]
PictureRate = Annotated[
    float | None,
    BeforeValidator(_picture_rate),
    PlainSerializer(lambda rate: "auto" if rate is None else rate),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": _SLOWEST, "maximum": _FASTEST},
                {"type": "string", "pattern": "^auto$"},
            ]
        }
    ),
    Field(json_schema_extra={"default": "auto"}),
]
TableIndices = Annotated[tuple[LcmIndex, ...] | None, BeforeValidator(_as_tuple)]
Entry = TypeVar("Entry")
Entries = Annotated[
    Annotated[tuple[Entry, ...], Field(json_schema_extra={"minItems": 1, "maxItems": SCHEDULE_MAX})]
    | None,
    BeforeValidator(_entries),
]
