"""Microphones: their sync offset in OBS, which is as late as the picture while we are there.

What they had before is kept in OBS's own store as well, with what was set: one that was left behind
(by a kill, by an OBS that has gone) is known again, and put back by the next run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from streamcam.errors import quoted
from streamcam.microphone import NAME as OURS
from streamcam.obs.connection import NO_SOUND, NO_SUCH, Connection, Denied

# OBS's kinds of input that are microphones: Windows, macOS, Linux (the last is a plugin's), BSD.
KINDS = frozenset(
    {
        "wasapi_input_capture",
        "coreaudio_input_capture",
        "pulse_input_capture",
        "alsa_input_capture",
        "pipewire_audio_input_capture",
        "sndio_input_capture",
    }
)
LONGEST_MS = 20_000  # that OBS takes
# In OBS an offset that follows on none does nothing to the sound (obs-studio issue 7912; seen in
# 29): it moves sound from one offset to another alone. So there is one in between, for long enough
# that a block of sound, 10 to 50 ms, has come with it.
_FIRST_MS, _FIRST_SECONDS = 1, 0.3
_STORE = {"realm": "OBS_WEBSOCKET_DATA_REALM_GLOBAL", "slotName": "streamcam.sync_offsets"}


class Offset(NamedTuple):
    """Milliseconds: what an input had before us, and what we have set."""

    before: int
    ours: int


class Microphones:
    """For one connection. `named`: the inputs that the user wants; none: all microphones.

    `say` gets lines for people.
    """

    def __init__(self, obs: Connection, named: Sequence[str], say: Callable[[str], None]) -> None:
        self._obs = obs
        self._named = named
        self._say = say
        self._held: dict[str, Offset] = {}
        self._left_alone: set[str] = set()

    async def hold(self, milliseconds: int) -> list[str]:
        """Have all of them this late; those that were not before.

        One that somebody has set by hand since then stays as it is, and that is said.
        """
        wanted = min(max(milliseconds, 0), LONGEST_MS)
        moved = [name for name in await self._inputs() if await self._moved(name, wanted)]
        if moved:
            await _keep(self._obs, {**await kept_offsets(self._obs), **self._held})
        return moved

    async def restore(self) -> None:
        """Put back what they had before us, and those that an earlier run has left behind."""
        kept = {**await kept_offsets(self._obs), **self._held}
        for name, offset in kept.items():
            now = await read_offset(self._obs, name)
            if now is not None and now == offset.ours != offset.before:
                await self._set(name, offset.before)
                self._say(f"audio: {quoted(name)} is back at {offset.before} ms")
        self._held = {}
        if kept:
            await _keep(self._obs, {})

    async def _inputs(self) -> list[str]:
        inputs = (await self._obs.ask("GetInputList"))["inputs"]
        names = [one["inputName"] for one in inputs]
        for name in self._named:
            if name not in names and name not in self._left_alone:
                self._left_alone.add(name)
                self._say(f"audio: OBS has no input {quoted(name)}; it has {', '.join(names)}")
        if self._named:
            return [name for name in self._named if name in names]
        return await microphones_of(self._obs, inputs)

    async def _moved(self, name: str, wanted: int) -> bool:
        """Whether it had to be set."""
        now = await read_offset(self._obs, name)
        if now is None or name in self._left_alone:
            return False
        held = self._held.get(name)
        if held is not None and now != held.ours:
            self._left_alone.add(name)
            del self._held[name]
            self._say(f"audio: {quoted(name)} was set to {now} ms by hand, and stays so")
            return False
        if held is None:
            kept = (await kept_offsets(self._obs)).get(name)
            held = kept if kept is not None and kept.ours == now else Offset(now, now)
        self._held[name] = Offset(held.before, wanted)
        if now == wanted:
            return False
        if now == 0:
            await self._set(name, _FIRST_MS)
            await asyncio.sleep(_FIRST_SECONDS)
        await self._set(name, wanted)
        return True

    async def _set(self, name: str, milliseconds: int) -> None:
        await self._obs.ask(
            "SetInputAudioSyncOffset", inputName=name, inputAudioSyncOffset=milliseconds
        )


async def microphones_of(obs: Connection, inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those of `inputs` that are microphones. Ours (`--audio delay`) is late already."""
    found = []
    for one in inputs:
        if one["unversionedInputKind"] in KINDS:
            answer = await obs.ask("GetInputSettings", inputName=one["inputName"])
            if answer["inputSettings"].get("device_id") != OURS:
                found.append(one["inputName"])
    return found


async def read_offset(obs: Connection, name: str) -> int | None:
    """Milliseconds; None for what has no sound, or is not there any more."""
    try:
        answer = await obs.ask("GetInputAudioSyncOffset", inputName=name)
    except Denied as error:
        if error.code not in (NO_SUCH, NO_SOUND):
            raise
        return None
    return int(answer["inputAudioSyncOffset"])


async def kept_offsets(obs: Connection) -> dict[str, Offset]:
    """What OBS's store says: the inputs that we hold, or that an earlier run has left behind."""
    kept: Any = (await obs.ask("GetPersistentData", **_STORE)).get("slotValue")
    found = {}
    for name, offset in (kept if isinstance(kept, dict) else {}).items():
        match offset:
            case [int(before), int(ours)]:
                found[str(name)] = Offset(before, ours)
    return found


async def _keep(obs: Connection, held: Mapping[str, Offset]) -> None:
    value = {name: list(offset) for name, offset in held.items()}
    await obs.ask("SetPersistentData", **_STORE, slotValue=value)
