"""Following: OBS has the picture, its scenes choose the look, its microphones wait for the picture.

One asyncio loop, and blocking questions to the program on its threads. What goes wrong is a line;
OBS is waited for, with ever longer pauses. When the program ends, so does this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

from streamcam.clock.audio_delay import AudioDelay
from streamcam.clock.backoff import Backoff
from streamcam.errors import StreamcamError, quoted
from streamcam.obs.connection import Connection, Lost, NotThere, Refused
from streamcam.obs.finding import connect
from streamcam.obs.microphones import Microphones
from streamcam.obs.picture import put
from streamcam.obs.program import Shown, read
from streamcam.obs.scenes import Change, Scenes
from streamcam.obs.server import FoundObs, find_obs
from streamcam.web.client import Instance, NotReached
from streamcam.web.instances import instances

_LOOK_SECONDS = 1.0  # between looks at the program; a scene that changes is noticed at once
_POLL_SECONDS = 0.2  # between looks at whether to end
# OBS can show a notice for each wrong password, so who was refused asks again less often.
_REFUSED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks for.

    way           how OBS gets the picture, see `streamcam.obs.source`; None: the best one
    audio         whether microphones are to wait for the picture
    microphones   inputs of OBS that do; none: all microphones
    camera_ms     the camera's own delay, which nobody can measure
    port          of OBS's WebSocket server, if it is not where OBS has written it down
    """

    way: str | None = None
    audio: bool = True
    microphones: tuple[str, ...] = ()
    camera_ms: float = 0.0
    port: int | None = None


class Ended(Exception):
    """The program that is followed has ended, or the user wants an end."""


class Following:
    """`run` it once.

    say     gets lines for people
    ending  whether the user wants an end: asked several times a second
    """

    def __init__(
        self,
        instance: Instance,
        wishes: Wishes,
        say: Callable[[str], None],
        ending: Callable[[], bool],
    ) -> None:
        self._instance = instance
        self._wishes = wishes
        self._say = say
        self._ending = ending
        self._scenes = Scenes()
        self._applied: tuple[str, str | None] = ("", None)  # the scene, and what it shows
        self._delay = AudioDelay(wishes.camera_ms)
        self._offset: int | None = None  # milliseconds that the microphones wait
        self._told: dict[str, str] = {}  # by topic: a line is said again once it is another

    async def run(self) -> None:
        """Until an end is wanted, or the program ends. Raises `StreamcamError`s that no waiting
        mends."""
        with suppress(Ended):
            while True:
                obs = await self._connected()
                try:
                    await self._attend(obs)
                except Lost:
                    self._say_once("OBS", "it has gone; waiting for it")
                finally:
                    await obs.close()

    # -- OBS, found ------------------------------------------------------------------------------

    async def _connected(self) -> Connection:
        backoff = Backoff()
        refused: tuple[FoundObs, float] | None = None
        while True:
            found = await asyncio.to_thread(find_obs, self._wishes.port)
            if refused is None or refused[0] != found or perf_counter() >= refused[1]:
                refused = None
                try:
                    obs = await connect(found)
                except (NotThere, Lost) as error:
                    self._say_once("OBS", str(error))
                except Refused as error:
                    self._say_once("OBS", str(error))
                    refused = found, perf_counter() + _REFUSED_SECONDS
                else:
                    self._say_once("OBS", obs.version)
                    return obs
            await self._pause(backoff.next())

    async def _pause(self, seconds: float) -> None:
        until = perf_counter() + seconds
        while (left := until - perf_counter()) > 0:
            self._check()
            await asyncio.sleep(min(left, _POLL_SECONDS))
        self._check()

    def _check(self) -> None:
        """Raises `Ended`."""
        if self._ending():
            raise Ended
        if not self._instance.running.alive:
            self._say_once("streamcam", "it has ended")
            raise Ended

    # -- OBS, there ------------------------------------------------------------------------------

    async def _attend(self, obs: Connection) -> None:
        """Until it is lost, or everything ends: then its microphones are as they were."""
        microphones = Microphones(obs, self._wishes.microphones, self._say)
        try:
            shown = await self._shown(None)
            taken = [one.running.port for one in await asyncio.to_thread(instances)]
            _, done = await put(obs, self._wishes.way, shown, taken)
            self._say_once("source", done)
            while True:
                await self._follow_scene(obs, shown)
                if self._wishes.audio:
                    await self._follow_latency(microphones, shown)
                await self._next_look(obs)
                shown = await self._shown(shown)
        except Lost:
            raise
        except BaseException:
            await self._leave(microphones)
            raise

    async def _leave(self, microphones: Microphones) -> None:
        try:
            await microphones.restore()
        except StreamcamError as error:
            self._say(f"audio: sync offsets stay in OBS until the next streamcam obs: {error}")

    async def _next_look(self, obs: Connection) -> None:
        until = perf_counter() + _LOOK_SECONDS
        while (left := until - perf_counter()) > 0:
            self._check()
            if await obs.other_scene(min(left, _POLL_SECONDS)):
                return

    async def _shown(self, before: Shown | None) -> Shown:
        """What the program shows now; as `before` while it does not answer. Raises `Ended`."""
        while True:
            self._check()
            try:
                shown = await asyncio.to_thread(read, self._instance)
            except NotReached as error:
                self._check()
                self._say_once("streamcam", f"it does not answer: {error}")
                if before is not None:
                    return before
                await self._pause(_LOOK_SECONDS)
            else:
                self._told.pop("streamcam", None)
                return shown

    async def _follow_scene(self, obs: Connection, shown: Shown) -> None:
        scene = await obs.scene()
        wish = shown.scenes.get(scene)
        before = self._applied
        self._applied = scene, wish
        # A preset that says nothing of this scene changes nothing: least of all a curtain.
        if self._applied == before or (scene == before[0] and wish is None):
            return
        for change in self._scenes.changes(scene, shown.scenes, shown.curtain):
            await self._ask_for(change, scene)

    async def _ask_for(self, change: Change, scene: str) -> None:
        send = {"look": self._instance.send_look, "curtain": self._instance.send_curtain}
        try:
            await asyncio.to_thread(send[change.kind], change.name)
        except StreamcamError as error:
            self._say(f"scene: {scene}, and {change.kind} {change.name} was not shown: {error}")
        else:
            self._say(f"scene: {scene}, {change.kind} {change.name}")

    async def _follow_latency(self, microphones: Microphones, shown: Shown) -> None:
        """The sync offset is the motion latency: lips move, and what moves is that old. What OBS
        adds on its way is about the same for both (README of tests/benchmarks)."""
        move = self._delay.measured(shown.latency_ms)
        worth_a_word = move is not None and move.worth_a_word
        if move is not None:
            self._offset = move.milliseconds
        if self._offset is None:
            return
        moved = await microphones.hold(self._offset)
        names = ", ".join(map(quoted, moved))
        if moved and (worth_a_word or self._told.get("microphones") != names):
            self._told["microphones"] = names
            self._say(f"audio: {names} {self._offset} ms late, as the picture is")
        elif worth_a_word:
            self._say(f"audio: no microphone in OBS to set {self._offset} ms late")

    def _say_once(self, topic: str, text: str) -> None:
        if self._told.get(topic) != text:
            self._told[topic] = text
            self._say(f"{topic}: {text}")
