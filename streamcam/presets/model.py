"""Preset: everything that makes a look, as its TOML file says it. Frozen and validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from engines.api import STEPS_MAX, GuidanceMode, Precision
from streamcam.config import display, validate
from streamcam.errors import UnknownChoice, UsageError
from streamcam.infer.look import Look
from streamcam.presets.fields import (
    PROMPT_MAX,
    Delta,
    EngineSize,
    Guidance,
    LookName,
    Name,
    PictureSize,
    Prompt,
    Seed,
    Strength,
    TableIndices,
)


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


class _Table(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        json_schema_extra=_without_null,
    )


class LookChange(_Table):
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

    @model_validator(mode="before")
    @classmethod
    def _from_prompt(cls, value: Any) -> Any:  # noqa: ANN401  # as pydantic hands it over
        return {"prompt": value} if isinstance(value, str) else value


class GateChoice(_Table):
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


class OutputFormat(_Table):
    """What the outputs get."""

    size: PictureSize = (1280, 720)
    """WIDTHxHEIGHT in pixels."""
    fps: Annotated[float, Field(ge=1, le=240)] = 30.0
    """Pictures per second that an output is given."""
    mirror: bool = False
    """Flip left and right, as in a mirror."""
    fit: Literal["crop", "letterbox"] = "crop"
    """How a picture of another shape fills the size: cut its edges or add black bars."""


class Preset(_Table):
    """One look with everything it needs. `name` is the file's, `path` the file or None."""

    prompt: Prompt
    """What the picture should look like."""
    negative_prompt: Prompt = ""
    """What it should not look like; read by the guidance modes onetime and full."""
    strength: Strength = 0.5
    """How far the picture may leave the camera: near 0 hardly, 1 follows the prompt alone."""
    steps: Annotated[int, Field(ge=1, le=STEPS_MAX)] = 1
    """Denoising steps a picture."""
    guidance: Guidance = 1.0
    """How hard the picture is pushed towards the prompt; up to 1 not at all."""
    guidance_mode: GuidanceMode = "none"
    """How that push is computed: self costs nothing, onetime one row more, full twice the work."""
    delta: Delta = 1.0
    """Share of the input's own noise in the guidance modes self and onetime."""
    seed: Seed = 2
    """Of the noise, which stays the same on every frame."""
    t_index: TableIndices = None
    """One index into the 50-entry LCM table for each step, rising; instead of strength."""
    crossfade: Annotated[float, Field(ge=0, le=10)] = 0.6
    """Seconds over which one look turns into the next."""
    model: Name = "auto"
    """auto, nano (the embedded model) or a model folder."""
    size: EngineSize = None
    """The size the engine renders at: auto or WIDTHxHEIGHT, multiples of 16 from 128 to 1024."""
    backend: Name = "auto"
    """What runs the model: auto, openvino or torch."""
    precision: Precision = "auto"
    """Arithmetic of the engine; auto takes the fastest the device does natively."""
    looks: dict[LookName, LookChange] = Field(default_factory=dict)
    """Hot-swap looks: number keys, web page, `streamcam switch`."""
    gate: GateChoice = GateChoice()
    output: OutputFormat = OutputFormat()

    _name: str = PrivateAttr("custom")
    _path: Path | None = PrivateAttr(None)

    @field_validator("t_index")
    @classmethod
    def _one_index_a_step(
        cls, t_index: tuple[int, ...] | None, info: ValidationInfo
    ) -> tuple[int, ...] | None:
        steps = info.data.get("steps")
        if t_index is None or steps is None:
            return t_index
        if len(t_index) != steps:
            raise ValueError(f"it needs one entry for each of steps = {steps}.")
        if any(later <= earlier for earlier, later in pairwise(t_index)):
            raise ValueError("it must rise: the strongest noise comes first.")
        return t_index

    @classmethod
    def from_table(cls, table: Mapping[str, Any], path: Path) -> Self:
        """The preset that `path` holds. Raises `UsageError` naming file, key and value."""
        preset = validate(cls, table, path)
        if path.stem in preset.looks:
            raise UsageError(
                f"{display(path)}: looks.{path.stem} has the preset's own name, which stands for "
                "the base look. Give it another."
            )
        preset._name, preset._path = path.stem, path
        return preset

    @property
    def name(self) -> str:
        """The file's name without ".toml"; "custom" if it came from no file."""
        return self._name

    @property
    def path(self) -> Path | None:
        """The file it was read from."""
        return self._path

    @property
    def look_names(self) -> tuple[str, ...]:
        """The names in [looks], in the order of the file; without the base look."""
        return tuple(self.looks)

    @property
    def rebuild_key(self) -> tuple[object, ...]:
        """The fields that another engine must be built for, if one of them changes."""
        return (
            self.model, self.size, self.steps, self.guidance_mode, self.backend, self.precision
        )  # fmt: skip

    def look(self, name: str | None = None) -> Look:
        """The base look (None or the preset's own name), or one of `look_names`.

        Raises `UnknownChoice`.
        """
        base = Look(
            name=self.name,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            strength=self.strength,
            guidance=self.guidance,
            delta=self.delta,
            seed=self.seed,
            t_index=self.t_index,
            crossfade=self.crossfade,
        )
        if name is None or name == self.name:
            return base
        if name not in self.looks:
            raise UnknownChoice(f"look of preset {self.name}", name, [self.name, *self.looks])
        changes = self.looks[name].model_dump(exclude_none=True)
        if "strength" in changes:
            changes["t_index"] = None  # the preset's t_index would win over it
        return replace(base, name=name, **changes)
