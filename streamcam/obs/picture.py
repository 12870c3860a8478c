"""The picture in OBS: the input that shows it, found, mended or made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from streamcam.errors import UsageError, quoted
from streamcam.obs.connection import Connection, Denied
from streamcam.obs.program import Shown
from streamcam.obs.source import Settings, Wanted, Way, open_ways, ways

_NAME = "streamcam"
_NAMES = 20  # streamcam, streamcam 2 …
_TAKEN = 601  # another source or scene has that name


@dataclass(frozen=True, slots=True)
class Picture:
    """An input of OBS that shows the program.

    wanted  how it should be; None where its way is closed
    amiss   its settings that are not as they should be, and what they should be
    """

    name: str
    kind: str
    wanted: Wanted | None
    amiss: Settings

    def faults(self) -> list[str]:
        """What is wrong with it, for people."""
        if self.wanted is None:
            return []
        words = self.wanted.words
        found = [words.get(key, f"its {key} is not {value}") for key, value in self.amiss.items()]
        return list(dict.fromkeys(found))


async def find(
    obs: Connection, choice: str | None, shown: Shown, taken: Collection[int]
) -> Picture | None:
    """The input that shows this program, the best one of several; None if there is none.

    choice  the one way that counts; None: all
    taken   ports of other programs that run
    """
    inputs = (await obs.ask("GetInputList"))["inputs"]
    kinds = (await obs.ask("GetInputKindList", unversioned=True))["inputKinds"]
    found = []
    for way in ways(choice):
        for one in inputs:
            if one["unversionedInputKind"] not in way.KINDS:
                continue
            settings = await _settings(obs, one["inputName"], one["inputKind"])
            if way.shows(settings, shown, taken):
                found.append(_looked_at(one, settings, way, (shown, kinds)))
    usable = [one for one in found if one.wanted is not None]
    return next(iter(usable or found), None)


async def put(
    obs: Connection, choice: str | None, shown: Shown, taken: Collection[int]
) -> tuple[Picture, str]:
    """See to it that OBS has the picture; the input, and what was done, for people.

    Raises `UsageError` if there is no way to give OBS the picture.
    """
    found = await find(obs, choice, shown, taken)
    if found is None or found.wanted is None:
        return await _made(obs, choice, shown)
    if not found.amiss:
        return found, f"{quoted(found.name)} is as it should be: {found.wanted.what}"
    await obs.ask("SetInputSettings", inputName=found.name, inputSettings=dict(found.amiss))
    mended = Picture(found.name, found.kind, found.wanted, {})
    return mended, f"{quoted(found.name)} mended: {', '.join(found.faults())}"


async def _made(obs: Connection, choice: str | None, shown: Shown) -> tuple[Picture, str]:
    kinds = (await obs.ask("GetInputKindList", unversioned=True))["inputKinds"]
    _, wanted = open_ways(choice, shown, kinds)[0]
    scene = await obs.scene()
    name, item = await _created(obs, scene, wanted)
    if wanted.device_key:
        await _choose_device(obs, name, wanted)
    canvas = await obs.ask("GetVideoSettings")
    fit = {
        "positionX": 0,
        "positionY": 0,
        "boundsType": "OBS_BOUNDS_SCALE_INNER",
        "boundsWidth": canvas["baseWidth"],
        "boundsHeight": canvas["baseHeight"],
    }
    await obs.ask(
        "SetSceneItemTransform", sceneName=scene, sceneItemId=item, sceneItemTransform=fit
    )
    done = f"{quoted(name)} made in the scene {quoted(scene)}: {wanted.what}"
    return Picture(name, wanted.kind, wanted, {}), done


async def _created(obs: Connection, scene: str, wanted: Wanted) -> tuple[str, int]:
    """The name that was free, and the item's number in its scene."""
    number = 1
    while True:
        name = _NAME if number == 1 else f"{_NAME} {number}"
        try:
            made = await obs.ask(
                "CreateInput",
                sceneName=scene,
                inputName=name,
                inputKind=wanted.kind,
                inputSettings=dict(wanted.settings),
            )
        except Denied as error:
            number += 1
            if error.code != _TAKEN or number > _NAMES:
                raise
        else:
            return name, int(made["sceneItemId"])


async def _choose_device(obs: Connection, name: str, wanted: Wanted) -> None:
    """Raises `UsageError`, with the input taken away again, if OBS does not list the device."""
    listed = await _devices(obs, name, wanted)
    if wanted.device not in listed:
        await obs.ask("RemoveInput", inputName=name)
        known = ", ".join(listed) or "none"
        raise UsageError(
            f"OBS does not list the camera {quoted(wanted.device)}; it lists: {known}. "
            "Close other programs that show it, or take --as media"
        )
    chosen = {wanted.device_key: listed[wanted.device]}
    await obs.ask("SetInputSettings", inputName=name, inputSettings=chosen)


async def _devices(obs: Connection, name: str, wanted: Wanted) -> dict[str, Any]:
    """OBS's identifiers of the devices that it lists, by their names."""
    answer = await obs.ask(
        "GetInputPropertiesListPropertyItems", inputName=name, propertyName=wanted.device_key
    )
    return {str(one["itemName"]): one["itemValue"] for one in answer["propertyItems"]}


async def _settings(obs: Connection, name: str, kind: str) -> dict[str, Any]:
    """With the defaults, which OBS leaves out."""
    defaults = await obs.ask("GetInputDefaultSettings", inputKind=kind)
    own = await obs.ask("GetInputSettings", inputName=name)
    return {**defaults["defaultInputSettings"], **own["inputSettings"]}


def _looked_at(
    one: dict[str, Any], settings: Settings, way: Way, here: tuple[Shown, Sequence[str]]
) -> Picture:
    try:
        wanted = way.wanted(*here)
    except UsageError:
        return Picture(one["inputName"], one["unversionedInputKind"], None, {})
    amiss = {
        key: value
        for key, value in wanted.settings.items()
        # What is not among the settings is empty: OBS has no default for texts and ticks then.
        if settings.get(key, type(value)()) != value
    }
    return Picture(one["inputName"], one["unversionedInputKind"], wanted, amiss)
