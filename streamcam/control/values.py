"""Values: every setting there is, made from the preset's schema, and which of them can be played.

A value's key is what a preset writes: "strength", "gate.threshold". Beside them stand the shares of
a blend, "blend.1" and so on, which a preset writes into the prompt, and the weights of live LoRAs,
"loras.1" and so on, in the order in which the preset lists those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from math import floor, log10
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import PydanticUndefined

from streamcam.config.validation import checked
from streamcam.control.numbered import NUMBERED, numbered
from streamcam.errors import UnknownChoice, UsageError
from streamcam.looks.course import SWINGS
from streamcam.looks.wave import WAVE_PATTERN
from streamcam.presets import Preset


class Takes(Enum):
    """What it takes for another value to be seen.

    FRAME   the next frame
    ENGINE  another engine, which a saved preset builds beside the running one
    START   another start
    FILE    the preset's file: it is more than one value, or names a picture that viewers would see
    """

    FRAME = "frame"
    ENGINE = "engine"
    START = "start"
    FILE = "file"


class Scope(Enum):
    """Whose a value is: of the look that is on, until another look comes; or of the preset."""

    LOOK = "look"
    PRESET = "preset"


_PARTS = {f"modulation.{name}".rstrip(".") for name in NUMBERED}
_KNOB = 127  # steps that a knob has
_USUAL = SWINGS | {"gate.rest": 60.0}  # the highest that is usually played, where more is allowed

_OF_THE_LOOK = {
    "prompt",
    "negative_prompt",
    "strength",
    "guidance",
    "delta",
    "seed",
    "variation_seed",
    "variation",
}
_AT_ONCE = _OF_THE_LOOK | {"crossfade", "on_error", "output.mirror", "output.fit"}
_TABLES_AT_ONCE = ("gate.", "resolve.", "mask.", "modulation.", "control.")
_AT_THE_START = {
    "output.size",
    "output.fps",
    "output.quality",
    "output.audio",
    "control.osc",
    "control.midi",
    "control.link",
}
# What a door names must not put any picture of this machine before viewers.
_IN_A_FILE = {"mask.picture", "mask.plate"}
_WITH_AN_ENGINE = {
    "steps",
    "guidance_mode",
    "model",
    "family",
    "autoencoder",
    "loras",
    "fused_loras",
    "size",
    "backend",
    "precision",
    "batching",
    "execution",
    "half_accumulation",
}
_REASONS = {
    Takes.ENGINE: "needs another engine: save it in the preset file, and one is built beside the "
    "running one.",
    Takes.START: "needs a new start: save it in the preset file.",
    Takes.FILE: "is set in the preset file alone: save it there, which takes effect at once.",
}


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """One setting.

    kind         "number", "integer", "text", "choice", "switch", "wave", or "table" for what only a
                 file can hold
    least, most  of numbers; `above`: `least` itself is none of them
    choices      of a choice
    unit         "s" or "1/s"; "" for what has none
    """

    key: str
    kind: str
    description: str
    takes: Takes
    scope: Scope
    default: object
    type: TypeAdapter[Any]
    unit: str = ""
    least: float | None = None
    most: float | None = None
    above: bool = False
    choices: tuple[str, ...] = ()

    @property
    def usual(self) -> float | None:
        """The highest that is usually played, where a slider or a knob ends; None without range."""
        if self.least is None or self.most is None:
            return None
        if self.kind == "integer":
            return min(self.most, self.least + _KNOB)
        return min(self.most, _USUAL.get(self.key, self.most))

    @property
    def step(self) -> float | None:
        """A number's smallest change that is worth a step: a hundredth of the usual range or less,
        a power of ten; None without range."""
        if self.usual is None or self.least is None:
            return None
        if self.kind == "integer":
            return 1
        exponent = floor(log10((self.usual - self.least) / 100))
        return float(f"1e{exponent}")

    def checked(self, value: object) -> Any:  # noqa: ANN401  # of its kind
        """`value` if it may be played. Raises `UsageError`: key, value and what is allowed."""
        if self.takes is not Takes.FRAME:
            raise UsageError(f"{self.key} {_REASONS[self.takes]}")
        return checked(self.key, value, self.type)

    def as_dict(self) -> dict[str, object]:
        """For JSON; what does not apply is left out."""
        found = {
            "key": self.key,
            "kind": self.kind,
            "description": self.description,
            "takes": self.takes.value,
            "scope": self.scope.value,
            "unit": self.unit,
            "least": self.least,
            "most": self.most,
            "above": self.above or None,
            "usual": self.usual,
            "step": self.step,
            "choices": list(self.choices),
            "refusal": "" if self.takes is Takes.FRAME else _REASONS[self.takes],
        }
        return {name: one for name, one in found.items() if one not in (None, "", [])}


@cache
def values() -> Mapping[str, Value]:
    """All of them by key, in the order of a preset."""
    found = {value.key: value for value in _of_table(Preset, Preset.model_json_schema(), "")}
    for key, kind, description in numbered():
        found[key] = _value(key, kind, {"description": description})
    return found


def value_of(key: str) -> Value:
    """The value of that key. Raises `UnknownChoice`."""
    found = values().get(key)
    if found is None:
        playable = (one.key for one in values().values() if one.takes is Takes.FRAME)
        raise UnknownChoice("value", key, playable)
    return found


def checked_all(wanted: Mapping[str, object]) -> dict[str, Any]:
    """All of `wanted`, by key, if all may be played. Raises `UsageError` for the first that may
    not."""
    return {key: value_of(key).checked(value) for key, value in wanted.items()}


def _of_table(table: type[BaseModel], schema: Mapping[str, Any], within: str) -> Iterator[Value]:
    for name, field in table.model_fields.items():
        key, part = f"{within}{name}", schema["properties"][name]
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _of_table(inner, inner.model_json_schema(), f"{key}.")
        elif key not in _PARTS:  # whose parts are values of their own
            kind = Annotated[inner, *field.metadata] if field.metadata else inner
            yield _value(key, kind, part, field.default)


def _value(
    key: str,
    annotation: Any,  # noqa: ANN401  # whatever a field may have
    schema: Mapping[str, Any],
    default: object = None,
) -> Value:
    kind: TypeAdapter[Any] = TypeAdapter(annotation, config=ConfigDict(strict=True))
    part = {**kind.json_schema(), **schema}
    above = part.get("exclusiveMinimum")
    return Value(
        key=key,
        kind=_kind(part),
        description=" ".join(part.get("description", "").split()),
        takes=_takes(key),
        scope=Scope.LOOK if key in _OF_THE_LOOK or key.startswith(NUMBERED) else Scope.PRESET,
        default=None if default is PydanticUndefined else default,
        type=kind,
        unit=part.get("unit", ""),
        least=part.get("minimum", above),
        most=part.get("maximum"),
        above=above is not None,
        choices=tuple(part.get("enum", ())),
    )


def _takes(key: str) -> Takes:
    if key in _AT_THE_START:
        return Takes.START
    if key in _IN_A_FILE:
        return Takes.FILE
    if key in _AT_ONCE or key.startswith((*NUMBERED, *_TABLES_AT_ONCE)):
        return Takes.FRAME
    return Takes.ENGINE if key in _WITH_AN_ENGINE else Takes.FILE


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "choice"
    if schema.get("pattern") == WAVE_PATTERN:
        return "wave"
    names = {"number": "number", "integer": "integer", "string": "text", "boolean": "switch"}
    return names.get(schema.get("type", ""), "table")
