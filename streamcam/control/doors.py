"""Doors: all ways to play a run beside the terminal, taken before it and opened with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from streamcam.control.beat import Beat
from streamcam.control.controls import Controls
from streamcam.control.desk import Desk
from streamcam.control.link import LinkDoor
from streamcam.control.midi import MidiDoor
from streamcam.control.osc import OscDoor
from streamcam.stage import Stage

_PATIENCE = 1.0  # seconds for a thread to end


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which doors: what a preset's [control] says, or the flags of a run. Empty: none."""

    osc: str = ""
    midi: str = ""
    link: bool = False
    bpm: float = 120.0


class Doors:
    """Used by the main thread, but for what it holds.

    desk, beat  what all doors lead to
    osc, midi, link  None where not wanted
    """

    def __init__(self, program: Controls) -> None:
        self.desk, self.beat = Desk(program), Beat(program)
        self.osc: OscDoor | None = None
        self.midi: MidiDoor | None = None
        self.link: LinkDoor | None = None
        self._stages: list[Stage] = []
        self._untaken = ExitStack()  # frees what no thread has taken over

    def take(self, wanted: Wanted) -> None:
        """Take ports and libraries. Raises `UsageError` for what cannot be had."""
        if wanted.osc:
            self.osc = OscDoor(self.desk, self.beat, wanted.osc)
            self._untaken.callback(self.osc.abandon)
        if wanted.midi:
            self.midi = MidiDoor(self.desk, self.beat, wanted.midi)
        if wanted.link:
            self.link = LinkDoor(self.beat, wanted.bpm)

    def open(self) -> None:
        """Begin; the program runs."""
        works: dict[str, Callable[[], None]] = {"control": self.desk.work}
        for name, door in (("osc", self.osc), ("midi", self.midi), ("link", self.link)):
            if door is not None:
                works[name] = door.work
        self._untaken.pop_all()
        for name, work in works.items():
            self._stages.append(Stage(name, work, ends=()))
            self._stages[-1].start()

    def close(self) -> None:
        """End all of them. May be called twice."""
        self._untaken.close()
        for door in (self.osc, self.midi, self.link, self.desk):
            if door is not None:
                door.close()
        for stage in self._stages:
            stage.join(_PATIENCE)

    def described(self) -> list[str]:
        """A line for people for each that is open."""
        lines = []
        if self.osc is not None:
            lines.append(f"osc: udp://{self.osc.address}/streamcam/…")
        if self.midi is not None:
            lines.append(f"midi: {', '.join(self.midi.inputs) or 'none is plugged in yet'}")
        if self.link is not None:
            lines.append("link: follows Ableton Link on the local network")
        return lines

    def state(self) -> dict[str, Any]:
        """For JSON: the tempo, and of each door what it does and what went wrong."""
        tempo, desk = self.desk.program.tempo, self.desk
        state: dict[str, Any] = {
            "tempo": {
                "bpm": round(tempo.bpm, 2),
                "bar": tempo.bar,
                "beat": round(self.beat.now, 3),
            },
            "refused": desk.refused,
            "too_many": desk.too_many,
        }
        if self.osc is not None:
            osc = self.osc
            state["osc"] = {
                "address": osc.address,
                "packets": osc.packets,
                "broken": osc.broken,
                "dropped": osc.dropped,
                "unknown": osc.unknown,
            }
        if self.midi is not None:
            midi = self.midi
            state["midi"] = {
                "inputs": midi.inputs,
                "broken": midi.broken,
                "armed": midi.bindings.armed,
                **midi.bindings.tables(),
            }
        if self.link is not None:
            state["link"] = {"peers": self.link.peers}
        return state
