"""The types of a preset's values: their ranges, and how the file writes them."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from engines import ranges
from streamcam.clock.tempo import FASTEST, SLOWEST
from streamcam.config import Size, check_engine_size, parse_listening, parse_size
from streamcam.looks.wave import WAVE_EXAMPLES, WAVE_PATTERN, wave_of

PROMPT_MAX = 2000  # characters; an engine reads at most 300 tokens, less than this
SCHEDULE_MAX = 64  # entries
PARTS_PLAYED = 4  # of a blend, whose shares can be played
LORAS_PLAYED = 8  # live LoRAs, whose weights can
_SLOWEST, _FASTEST = 1, 240  # pictures a second
_ENGINE_EXAMPLE, _PICTURE_EXAMPLE = "448x256", "1280x720"
_Finite = Field(allow_inf_nan=False)
_SECONDS: dict[str, Any] = {"unit": "s"}


def _within(allowed: ranges.Range) -> Any:  # noqa: ANN401  # what Field gives is of no public type
    least, most = allowed.least, allowed.most
    return Field(gt=least, le=most) if allowed.open_below else Field(ge=least, le=most)


Prompt = Annotated[str, StringConstraints(max_length=PROMPT_MAX)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Steps = Annotated[int, _within(ranges.STEPS)]
Strength = Annotated[float, _within(ranges.STRENGTH), _Finite]
Guidance = Annotated[float, _within(ranges.GUIDANCE), _Finite]
Delta = Annotated[float, _within(ranges.DELTA), _Finite]
Share = Annotated[float, Field(ge=0, le=1), _Finite]
Seconds = Annotated[float, Field(ge=0.1, le=86_400, json_schema_extra=_SECONDS), _Finite]
Fade = Annotated[float, Field(ge=0, le=10, json_schema_extra=_SECONDS)]
LoraScale = Annotated[float, _within(ranges.LORA), _Finite]
LoraWeight = Annotated[float, Field(ge=-2, le=2), _Finite]  # as it is played
Seed = Annotated[int, _within(ranges.SEED)]
LcmIndex = Annotated[int, _within(ranges.LCM_INDEX)]


Beats = Annotated[
    float, Field(ge=SLOWEST, le=FASTEST, json_schema_extra={"unit": "1/min"}), _Finite
]


_COLOUR_PATTERN = "^#[0-9a-fA-F]{6}$"
Colour = Annotated[
    str,
    StringConstraints(pattern=_COLOUR_PATTERN),
    WithJsonSchema({"type": "string", "pattern": _COLOUR_PATTERN, "examples": ["#00b140"]}),
]
FileName = Annotated[str, StringConstraints(max_length=1000)]


def _one_line(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must be one line.")
    return name


def _wave(text: str) -> str:
    wave_of(text)
    return text


WaveText = Annotated[
    str,
    AfterValidator(_wave),
    WithJsonSchema({"type": "string", "pattern": WAVE_PATTERN, "examples": list(WAVE_EXAMPLES)}),
]
_PART_PATTERN, _LORA_PATTERN = f"^[1-{PARTS_PLAYED}]$", f"^[1-{LORAS_PLAYED}]$"
PartNumber = Annotated[
    str,
    StringConstraints(pattern=_PART_PATTERN),
    WithJsonSchema({"type": "string", "pattern": _PART_PATTERN, "examples": ["1"]}),
]
LoraNumber = Annotated[
    str,
    StringConstraints(pattern=_LORA_PATTERN),
    WithJsonSchema({"type": "string", "pattern": _LORA_PATTERN, "examples": ["1"]}),
]


def _listening(text: str) -> str:
    if text:
        parse_listening(text)
    return text


Listening = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_listening),
    WithJsonSchema({"type": "string", "maxLength": 100, "examples": ["9000", "0.0.0.0:9000"]}),
]
Device = Annotated[str, StringConstraints(max_length=100)]
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
    Field(json_schema_extra={"default": "auto", "unit": "1/s"}),
]
Names = Annotated[tuple[Name, ...], BeforeValidator(_as_tuple)]
TableIndices = Annotated[tuple[LcmIndex, ...] | None, BeforeValidator(_as_tuple)]
Entry = TypeVar("Entry")
Entries = Annotated[
    Annotated[tuple[Entry, ...], Field(json_schema_extra={"minItems": 1, "maxItems": SCHEDULE_MAX})]
    | None,
    BeforeValidator(_entries),
]
