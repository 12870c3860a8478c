"""The tables within a preset: looks, schedule, gate, resolve, mask, output, modulation, control,
obs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from streamcam.looks.wave import OFF
from streamcam.presets.fields import (
    PROMPT_MAX,
    Beats,
    Colour,
    Delta,
    Device,
    Fade,
    FileName,
    Guidance,
    Listening,
    LookName,
    LoraNumber,
    LoraScale,
    Name,
    PartNumber,
    PictureRate,
    PictureSize,
    Prompt,
    Seconds,
    Seed,
    Share,
    Strength,
    WaveText,
)
from streamcam.sink import Quality


def _without_null(schema: dict[str, Any]) -> None:
    """TOML knows no null: a key that may be left out is left out."""
    for part in schema["properties"].values():
        kinds = [kind for kind in part.get("anyOf", ()) if kind.get("type") != "null"]
        if len(kinds) == 1:
            part |= kinds[0]
            del part["anyOf"]
        if part.get("default", ...) is None:
            del part["default"]


def _prompt_or_table(schema: dict[str, Any]) -> None:
    """In the file a look may be just its prompt."""
    _without_null(schema)
    table = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string", "maxLength": PROMPT_MAX}, table]


class Table(BaseModel):
    """A table of the file: frozen, and nothing unknown in it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        json_schema_extra=_without_null,
    )


class LookChange(Table):
    """What a hot-swap look changes of the preset; what it leaves out stays.

    In the file a look is a prompt, or a table with these keys.
    """

    model_config = ConfigDict(json_schema_extra=_prompt_or_table)

    prompt: Prompt | None = None
    negative_prompt: Prompt | None = None
    strength: Strength | None = None
    guidance: Guidance | None = None
    delta: Delta | None = None
    seed: Seed | None = None
    variation_seed: Seed | None = None
    variation: Share | None = None
    loras: dict[Name, LoraScale] | None = None
    """The weights of live ones of [loras] in this look."""

    @model_validator(mode="before")
    @classmethod
    def _from_prompt(cls, value: Any) -> Any:  # noqa: ANN401  # as pydantic hands it over
        return {"prompt": value} if isinstance(value, str) else value


class ScheduleEntry(Table):
    """A look of the schedule."""

    look: LookName
    """One of [looks], or the preset's own name."""
    seconds: Seconds
    """How long it is on, with the crossfade that leads to it."""


class GateChoice(Table):
    """When the engine may rest because the picture stands still."""

    policy: Literal["similarity", "hysteresis", "always"] = "similarity"
    """similarity spares frames at random, the more the likelier; hysteresis sleeps when
    calm; always never rests."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.98
    """Similarity from which two frames count as alike."""
    max_skip: Annotated[int, Field(ge=0, le=1000)] = 10
    """Frames spared in a row before one is let through (similarity); 0 spares none."""
    calm_frames: Annotated[int, Field(ge=1, le=1000)] = 15
    """Alike frames in a row before the engine sleeps (hysteresis)."""
    rest: Annotated[
        float, Field(ge=0, le=86_400, allow_inf_nan=False, json_schema_extra={"unit": "s"})
    ] = 10.0
    """Seconds without a program that shows the picture, where that can be told, after which the
    engine rests until one does; 0 never."""


class ResolveChoice(Table):
    """How what is shown keeps up with the camera while the engine is at work."""

    mode: Literal["auto", "guided", "warped", "off"] = "auto"
    """off shows the engine's pictures as they are; warped moves them along with the camera's newest
    frame; guided adds the detail of that frame's luma; auto is guided, and less where it would take
    more than a tenth of the processor."""
    steadiness: Annotated[float, Field(ge=0, le=1)] = 0.6
    """How much of what was shown before stays where nothing moves: 0 nothing."""


class MaskChoice(Table):
    """What is shown of a person, and what behind. Styled is what the engine makes; the camera
    itself is shown only where one of the two is "as it is"."""

    source: Name = "off"
    """How the person is found: off, person (by a network that comes along), green (a green screen),
    plate (whatever differs from a picture of the empty room), or FILE.onnx, FILE.tflite: a network
    with one picture in and one mask out."""
    person: Literal["styled", "as it is"] = "styled"
    """How the person is shown; as it is: as the camera has it."""
    background: Literal[
        "styled", "as it is", "look", "blur", "colour", "picture", "transparent"
    ] = "styled"
    """What is shown behind the person; as it is: the room as the camera has it; look: the room in
    another look than the person, which takes the engine twice a picture; blur: the styled room, out
    of focus; transparent: nothing, in outputs that can show that, and the colour in others."""
    look: Annotated[str, StringConstraints(max_length=40)] = ""
    """For the background look: one of [looks], or the preset's own name."""
    colour: Colour = "#000000"
    """For the background colour, and for outputs that are not transparent: #rrggbb."""
    picture: FileName = ""
    """For the background picture: a picture or a video, which plays again and again."""
    plate: FileName = ""
    """For the source plate: a picture of the empty room; empty takes the one that key p took."""


class OutputFormat(Table):
    """What the outputs get."""

    size: PictureSize = None
    """auto or WIDTHxHEIGHT in pixels, even. auto is 1280x720 live, and a rendered file's own."""
    fps: PictureRate = None
    """Pictures per second that an output is given. auto is 30 live, and a rendered file's own; of a
    faster file no more than this number are taken."""
    mirror: bool = False
    """Flip left and right, as in a mirror."""
    fit: Literal["crop", "letterbox"] = "crop"
    """How a picture of another shape fills the size: cut its edges or add black bars."""
    quality: Quality = "good"
    """Of recordings' pictures: small files, good (hardly to be told from the original), best or
    lossless."""
    audio: Name = "auto"
    """Sound of recordings: auto keeps that of a rendered file and records none live; off leaves out
    all; microphone, or a part of a microphone's name, is recorded live."""


class Modulation(Table):
    """What swings by itself around where it is set: a shape (sine, triangle, square, walk), how
    far, and how long a round takes, in seconds or beats."""

    strength: WaveText = OFF
    """What strength swings by."""
    guidance: WaveText = OFF
    """What guidance swings by."""
    delta: WaveText = OFF
    """What delta swings by."""
    variation: WaveText = OFF
    """What variation swings by."""
    blend: dict[PartNumber, WaveText] = Field(default_factory=dict)
    """By the number of the prompt's part: its share."""
    loras: dict[LoraNumber, WaveText] = Field(default_factory=dict)
    """By the number of the live LoRA, as [loras] lists them: its weight."""


class ControlChoice(Table):
    """How values that are set live are followed, and what they may be set by."""

    slew: Fade = 0.25
    """Seconds in which a number that jumps, as from a fader, goes over what is usually played."""
    bpm: Beats = 120.0
    """Beats a minute, until they are tapped, or MIDI or Link says so."""
    bar: Annotated[int, Field(ge=1, le=16)] = 4
    """Beats in a bar."""
    quantise: Literal["off", "beat", "bar", "2 bars", "4 bars"] = "off"
    """When another look, words, seed or choice is seen: at once, or on the next beat or bar. What
    the engine needs to draw it is allowed for."""
    osc: Listening = ""
    """Where OSC is listened for, as PORT on this machine alone, or ADDRESS:PORT; empty: nowhere."""
    midi: Device = ""
    """Which MIDI input is played from: a part of its name, or auto for all; empty: none."""
    link: bool = False
    """Follow the tempo of Ableton Link on the local network."""


class ObsChoice(Table):
    """What `streamcam obs` does in OBS Studio."""

    scenes: dict[Name, LookName] = Field(default_factory=dict)
    """Scenes of OBS, each with the look it switches to, or the curtain: freeze, card, off, live."""
