"""Arrangement: the looks of a preset in another order, under other names, with one more or less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from streamcam.config.validation import checked
from streamcam.errors import UnknownChoice, UsageError
from streamcam.looks.curtains import CURTAINS
from streamcam.looks.look import Look
from streamcam.presets.fields import LookName
from streamcam.presets.model import Preset
from streamcam.presets.save import apart
from streamcam.presets.tables import LookChange, MaskChoice

MOST_LOOKS = 100
_LOOK_NAME: TypeAdapter[str] = TypeAdapter(LookName)


class Place(NamedTuple):
    """A look of [looks]. `was`: its name so far; "" for a new one, which is what plays."""

    name: str
    was: str = ""


def arranged(preset: Preset, places: Sequence[Place], playing: Look) -> Preset:
    """`preset` with these looks, and no others but its own. What names a look follows: its schedule
    and the scenes of OBS; what names one that is gone goes. Raises `UsageError`."""
    if len(places) > MOST_LOOKS:
        raise UsageError(f"a preset has at most {MOST_LOOKS} looks, not {len(places)}.")
    looks: dict[str, LookChange] = {}
    for place in places:
        _check(place, preset, looks)
        new = LookChange(**apart(playing, preset.look()))
        looks[place.name] = preset.looks[place.was] if place.was else new
    origins = [place.was for place in places if place.was]
    if len(set(origins)) < len(origins):
        raise UsageError("looks: one of them is to be in two places.")
    names = {place.was: place.name for place in places} | {preset.name: preset.name}
    entries = tuple(
        entry.model_copy(update={"look": names[entry.look]})
        for entry in preset.schedule or ()
        if entry.look in names
    )
    scenes = {
        scene: names.get(shown, shown)
        for scene, shown in preset.obs.scenes.items()
        if shown in names or shown in CURTAINS
    }
    obs = preset.obs.model_copy(update={"scenes": scenes})
    update = {"looks": looks, "schedule": entries or None, "obs": obs}
    return preset.model_copy(update=update | {"mask": _mask_with(preset.mask, names)})


def with_looks_of(preset: Preset, other: Preset) -> Preset:
    """`preset` with the arrangement of `other`."""
    update: dict[str, Any] = {"looks": other.looks, "schedule": other.schedule, "obs": other.obs}
    if preset.mask.look != other.mask.look:
        behind = {"look": other.mask.look, "background": other.mask.background}
        update["mask"] = preset.mask.model_copy(update=behind)
    return preset.model_copy(update=update)


def _mask_with(mask: MaskChoice, names: Mapping[str, str]) -> MaskChoice:
    """The room in the look that it was in, by its new name; in the person's if that is gone."""
    if not mask.look or mask.look in names:
        return mask.model_copy(update={"look": names.get(mask.look, "")})
    background = "styled" if mask.background == "look" else mask.background
    return mask.model_copy(update={"look": "", "background": background})


def _check(place: Place, preset: Preset, looks: dict[str, LookChange]) -> None:
    name = checked("looks", place.name, _LOOK_NAME)
    if place.was and place.was not in preset.looks:
        raise UnknownChoice(f"look of preset {preset.name}", place.was, preset.looks)
    if name in looks:
        raise UsageError(f"looks: two cannot be called {name}.")
    if name == preset.name:
        raise UsageError(f"looks: {name} is the preset's own name, which stands for its base look.")
    if name in CURTAINS and name in preset.obs.scenes.values():
        raise UsageError(f"looks: {name} is a curtain that a scene of OBS draws.")
