"""What the API takes and gives, as OpenAPI describes it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

from streamcam.control.values import Takes, values
from streamcam.presets.arrangement import MOST_LOOKS


class Choice(BaseModel):
    """The body of a switch: {"name": "noir"}."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class LookPlace(BaseModel):
    """A look, in its place. `was`: its name so far; left out for a new one, which is what plays."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    was: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None


class Looks(BaseModel):
    """The looks of the running preset, in their order, but for its own."""

    looks: Annotated[list[LookPlace], Field(max_length=MOST_LOOKS)]


class Problem(BaseModel):
    """Why something was refused, in one line. Nothing has changed then."""

    error: str


class State(BaseModel):
    """What runs and what can be chosen."""

    preset: str
    presets: list[str]
    look: str
    looks: list[str]
    curtain: str
    notice: str
    picture: bool
    viewers: int
    outputs: list[str]
    size: list[int]
    fps: float
    scenes: dict[str, str]
    keys: dict[str, str]


class Device(BaseModel):
    """What is given to --source or --output, what that is, and where."""

    choice: str
    what: str
    where: str


class Devices(BaseModel):
    """What can be a source and an output now, and the source that is open."""

    source: str
    sources: list[Device]
    outputs: list[Device]


class OpenedSource(BaseModel):
    """What a source turned out to be."""

    label: str


class PreviewNumbers(BaseModel):
    """By look, the number of its preview: another one for another picture."""

    previews: dict[str, int]


class Instance(BaseModel):
    """Which program this is."""

    pid: int
    preset: str


class Saved(BaseModel):
    """The file that was written."""

    path: str


class Undone(BaseModel):
    """Which change was taken back, or done again."""

    undone: str


class Setting(BaseModel):
    """What a value is, and what it may be."""

    key: str
    kind: str
    description: str
    takes: str
    scope: str
    unit: str | None = None
    least: float | None = None
    most: float | None = None
    above: bool | None = None
    usual: float | None = None
    step: float | None = None
    refusal: str | None = None
    choices: list[str] | None = None


class Values(BaseModel):
    """Every value that can be changed, by key, and every setting there is."""

    preset: str
    look: str
    values: dict[str, Any]
    settings: list[Setting] = Field(default_factory=list)


def _of_values(schema: dict[str, Any]) -> None:
    schema.clear()
    schema |= {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            key: {**value.type.json_schema(), "description": value.description}
            for key, value in values().items()
            if value.takes is Takes.FRAME
        },
    }


class Changes(RootModel[dict[str, Any]]):
    """Values by key, all of which are changed, or none."""

    model_config = ConfigDict(json_schema_extra=_of_values)
