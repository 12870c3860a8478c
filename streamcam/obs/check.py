"""Check: what of OBS and its settings stands between the program and viewers. Changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from streamcam.errors import UsageError, quoted
from streamcam.obs.connection import Connection
from streamcam.obs.microphones import kept_offsets, microphones_of, read_offset
from streamcam.obs.picture import Picture, find
from streamcam.obs.program import Shown
from streamcam.obs.source import open_ways
from streamcam.obstacles import Obstacle

_NOTICED_MS = 45.0  # sound that is this early is noticed (ITU-R BT.1359); late, from 125 on
_DELAYING = ("async_delay_filter", "gpu_delay")
_MEND = "streamcam obs mends it"

Found = str | Obstacle  # what is well, or what is not


async def check(
    obs: Connection, way: str | None, shown: Shown, taken: Sequence[int], camera_ms: float = 0.0
) -> AsyncIterator[Found]:
    """Look at everything. `taken`: ports of other programs that run."""
    yield f"OBS {obs.version}"
    picture = await find(obs, way, shown, taken)
    if picture is None:
        yield await _no_picture(obs, way, shown)
    else:
        async for found in _source(obs, picture, shown):
            yield found
    yield await _rate(obs, shown)
    async for found in _sound(obs, shown, camera_ms):
        yield found
    for found in await _scenes(obs, shown):
        yield found


async def _no_picture(obs: Connection, way: str | None, shown: Shown) -> Found:
    kinds = (await obs.ask("GetInputKindList", unversioned=True))["inputKinds"]
    try:
        open_ways(way, shown, kinds)
    except UsageError as error:
        return Obstacle("no source shows the picture", str(error))
    return Obstacle("no source shows the picture", "streamcam obs makes it")


async def _source(obs: Connection, picture: Picture, shown: Shown) -> AsyncIterator[Found]:
    name = f"source {quoted(picture.name)}"
    for fault in picture.faults():
        yield Obstacle(f"{name}: {fault}", _MEND)
    if picture.wanted is not None and not picture.amiss:
        yield f"{name}: {picture.wanted.what}"
    for one in (await obs.ask("GetSourceFilterList", sourceName=picture.name))["filters"]:
        if one["filterEnabled"] and one["filterKind"] in _DELAYING:
            late = one["filterSettings"].get("delay_ms", 0)
            text = f"{name}: its filter {quoted(one['filterName'])} makes it {late} ms late"
            yield Obstacle(text, "take the filter away: the microphones wait for the picture")
    yield await _size(obs, picture, name, shown)


async def _size(obs: Connection, picture: Picture, name: str, shown: Shown) -> Found:
    """What comes out of it, as far as a scene has it."""
    for scene in (await obs.ask("GetSceneList"))["scenes"]:
        items = await obs.ask("GetSceneItemList", sceneName=scene["sceneName"])
        for item in items["sceneItems"]:
            if item["sourceName"] == picture.name:
                return _size_in(item["sceneItemTransform"], name, shown)
    return Obstacle(f"{name} is in no scene", "in OBS, Sources → + → the same kind, Add Existing")


def _size_in(transform: dict[str, Any], name: str, shown: Shown) -> Found:
    size = int(transform["sourceWidth"]), int(transform["sourceHeight"])
    width, height = shown.size
    if size == (0, 0):
        return Obstacle(
            f"{name} has no picture", "in OBS, open its properties and close them again"
        )
    if size != shown.size:
        text = f"{name} is {size[0]}x{size[1]}, and the picture {width}x{height}"
        return Obstacle(text, _MEND)
    return f"{name}: {width}x{height}"


async def _rate(obs: Connection, shown: Shown) -> Found:
    video = await obs.ask("GetVideoSettings")
    rate = video["fpsNumerator"] / video["fpsDenominator"]
    said = f"OBS makes {rate:.4g} pictures a second, and streamcam {shown.fps:.4g}"
    if rate < 0.99 * shown.fps:
        fix = f"in OBS, Settings → Video → FPS {shown.fps:.4g}, or streamcam --fps {rate:.4g}"
        return Obstacle(f"{said}: some are never seen", fix)
    ratio = rate / shown.fps
    if abs(ratio - round(ratio)) > 0.01 * ratio:
        return Obstacle(f"{said}: motion judders", f"streamcam --fps {rate:.4g}")
    return said


async def _sound(obs: Connection, shown: Shown, camera_ms: float) -> AsyncIterator[Found]:
    wanted = round(shown.latency_ms + camera_ms)
    inputs = (await obs.ask("GetInputList"))["inputs"]
    names = await microphones_of(obs, inputs)
    kept = await kept_offsets(obs)
    for name in names:
        now = await read_offset(obs, name)
        if now is None:
            continue
        text = f"microphone {quoted(name)}: sync offset {now} ms, and the picture is {wanted} late"
        if shown.latency_ms and abs(now - wanted) > _NOTICED_MS:
            yield Obstacle(text, "streamcam obs holds it, as long as it runs")
        else:
            yield text
    for name, offset in kept.items():
        if name not in names and await read_offset(obs, name) == offset.ours != offset.before:
            yield f"microphone {quoted(name)}: sync offset {offset.ours} ms, from streamcam obs"


async def _scenes(obs: Connection, shown: Shown) -> list[Found]:
    known = [one["sceneName"] for one in (await obs.ask("GetSceneList"))["scenes"]]
    found: list[Found] = []
    for scene, what in shown.scenes.items():
        if scene in known:
            found.append(f"scene {quoted(scene)}: {what}")
        else:
            text = f"scene {quoted(scene)} of the preset is none of OBS's: {', '.join(known)}"
            found.append(Obstacle(text, "write its name below [obs.scenes] as OBS has it"))
    return found
