"""Preset: everything that makes a look, as its TOML file says it. Frozen and validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from engines.api import Execution, GuidanceMode, Precision
from engines.ranges import why_not_t_index
from streamcam.config.validation import validate
from streamcam.errors import UnknownChoice
from streamcam.looks.look import Look, Schedule, Turn
from streamcam.looks.wave import Wave, wave_of
from streamcam.presets.agreement import check_agreement
from streamcam.presets.fields import (
    Delta,
    EngineSize,
    Entries,
    Fade,
    Guidance,
    LookName,
    LoraScale,
    Name,
    Names,
    Prompt,
    Seed,
    Share,
    Steps,
    Strength,
    TableIndices,
)
from streamcam.presets.tables import (
    ControlChoice,
    GateChoice,
    LookChange,
    MaskChoice,
    Modulation,
    ObsChoice,
    OutputFormat,
    ResolveChoice,
    ScheduleEntry,
    Table,
)

_LCM = "lcm"  # makes few steps possible: without it there is no picture


class Preset(Table):
    """One look with everything it needs. `name` is the file's, `path` the file or None."""

    prompt: Prompt
    """What the picture should look like."""
    negative_prompt: Prompt = ""
    """What it should not look like; read by the guidance modes onetime and full."""
    strength: Strength = 0.5
    """How far the picture may leave the camera: near 0 hardly, 1 follows the prompt alone."""
    steps: Steps = 1
    """Denoising steps a picture."""
    guidance: Guidance = 1.0
    """How hard the picture is pushed towards the prompt; up to 1 not at all."""
    guidance_mode: GuidanceMode = "none"
    """How that push is computed: self costs nothing, onetime one row more, full twice the work."""
    delta: Delta = 1.0
    """Share of the input's own noise in the guidance modes self and onetime."""
    seed: Seed = 2
    """Of the noise, which stays the same on every frame."""
    variation_seed: Seed = 3
    """Of the noise that variation turns to."""
    variation: Share = 0.0
    """How far the noise is on its way from that of seed, at 0, to that of variation_seed, at 1."""
    t_index: TableIndices = None
    """One index into the 50-entry LCM table for each step, rising; instead of strength."""
    crossfade: Fade = 0.6
    """Seconds over which one look turns into the next."""
    model: Name = "auto"
    """auto, nano (the embedded model), a hub id like stabilityai/sd-turbo, a model folder in
    diffusers layout or a .safetensors file."""
    family: Name = "auto"
    """What kind of model that is; auto reads it from the model itself."""
    autoencoder: Name = "auto"
    """auto (the family's small and fast one), own (the model's), a folder or a hub id."""
    loras: dict[Name, LoraScale] = Field(default_factory=dict)
    """Files or hub ids of LoRAs, each with its scale, 1 as it was trained. The scale can be played
    live, but for lcm and those in fused_loras."""
    fused_loras: Names = ()
    """Those of [loras] that are fused into the model: they cost nothing a frame, and another scale
    needs another engine."""
    size: EngineSize = None
    """The size the engine renders at: auto or WIDTHxHEIGHT, multiples of 16 from 128 to 1280."""
    backend: Name = "auto"
    """What runs the model: auto, openvino, torch or tensorrt."""
    precision: Precision = "auto"
    """Arithmetic of the engine; auto takes the fastest the device does natively."""
    batching: Literal["auto", "stream", "sequential"] = "auto"
    """How several steps run: stream advances as many frames at once, each a step and steps - 1
    frames late; sequential does all steps of one frame."""
    execution: Execution = "auto"
    """How torch runs the model: eager, graph (a CUDA graph), compile, or what is fastest."""
    half_accumulation: bool = True
    """On NVIDIA's cards for people torch may add up in float16, which is faster, where a model's
    picture stays the same; false never does."""
    schedule: Entries[ScheduleEntry] = None
    """Looks that take turns, in a loop, until one is chosen by hand."""
    on_error: Literal["card", "passthrough"] = "card"
    """What viewers see when the engine breaks: the last picture, then a card that says so; or the
    camera as it is."""
    looks: dict[LookName, LookChange] = Field(default_factory=dict)
    """Hot-swap looks: number keys, web page, `streamcam switch`."""
    gate: GateChoice = GateChoice()
    resolve: ResolveChoice = ResolveChoice()
    mask: MaskChoice = MaskChoice()
    output: OutputFormat = OutputFormat()
    modulation: Modulation = Modulation()
    control: ControlChoice = ControlChoice()
    obs: ObsChoice = ObsChoice()

    _name: str = PrivateAttr("custom")
    _path: Path | None = PrivateAttr(None)
    _left_out: tuple[str, ...] = PrivateAttr(())

    @field_validator("t_index")
    @classmethod
    def _one_index_a_step(
        cls, t_index: tuple[int, ...] | None, info: ValidationInfo
    ) -> tuple[int, ...] | None:
        steps = info.data.get("steps")
        if t_index is None or steps is None:
            return t_index
        if problem := why_not_t_index(t_index, steps):
            raise ValueError(f"it {problem}")
        return t_index

    @classmethod
    def from_table(
        cls, table: Mapping[str, Any], path: Path, left_out: tuple[str, ...] = ()
    ) -> Self:
        """The preset that `path` holds. Raises `UsageError` naming file, key and value."""
        preset = validate(cls, table, path)
        preset._name, preset._path, preset._left_out = path.stem, path, left_out
        check_agreement(preset, path)
        return preset

    @property
    def live_loras(self) -> dict[str, float]:
        """Those of `loras` whose scale can be played."""
        fused = {_LCM, *self.fused_loras}
        return {source: scale for source, scale in self.loras.items() if source not in fused}

    @property
    def name(self) -> str:
        """The file's name without ".toml"; "custom" if it came from no file."""
        return self._name

    @property
    def path(self) -> Path | None:
        """The file it was read from."""
        return self._path

    @property
    def left_out(self) -> tuple[str, ...]:
        """What another program's file says that no preset has, a sentence each."""
        return self._left_out

    @property
    def look_names(self) -> tuple[str, ...]:
        """The names in [looks], in the order of the file; without the base look."""
        return tuple(self.looks)

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
            variation_seed=self.variation_seed,
            variation=self.variation,
            loras=tuple(self.live_loras.items()),
            t_index=self.t_index,
            crossfade=self.crossfade,
        )
        if name is None or name == self.name:
            return base
        if name not in self.looks:
            raise UnknownChoice(f"look of preset {self.name}", name, [self.name, *self.looks])
        changes = self.looks[name].model_dump(exclude_none=True)
        if "loras" in changes:
            changes["loras"] = tuple((dict(base.loras) | changes["loras"]).items())
        if "strength" in changes:
            changes["t_index"] = None  # the preset's t_index would win over it
        return replace(base, name=name, **changes)

    @property
    def waves(self) -> dict[str, Wave]:
        """What [modulation] swings, by the key of the value: "strength", "blend.1"."""
        texts = self.modulation.model_dump()
        for table in ("blend", "loras"):
            parts = texts.pop(table)
            texts |= {f"{table}.{number}": text for number, text in parts.items()}
        waves = {key: wave_of(text) for key, text in texts.items()}
        return {key: wave for key, wave in waves.items() if wave is not None}

    def showing(self, name: str | None = None) -> Look | Schedule:
        """What choosing that name shows: a look, or for the preset's own name its schedule if it
        has one. Raises `UnknownChoice`."""
        if self.schedule is None or name not in (None, self.name):
            return self.look(name)
        return Schedule(
            tuple(Turn(self.look(entry.look), entry.seconds) for entry in self.schedule)
        )
