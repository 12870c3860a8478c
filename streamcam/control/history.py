"""History: what was changed by hand, so that it can be taken back and done again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from threading import Lock
from time import perf_counter
from typing import Any

from streamcam.control.controls import Controls
from streamcam.control.numbered import BLEND
from streamcam.control.values import Scope, value_of, values
from streamcam.errors import UsageError
from streamcam.presets import Preset

_MOST = 200  # changes that are remembered
_ONE_MOVE_SECONDS = (
    1.0  # seconds between two changes of the same values that are one, as of a fader
)


@dataclass(frozen=True, slots=True)
class Moment:
    """How it was before a change.

    label     of the change, for people
    values    that the change concerns, by key
    switches  it brings another look, and takes away what was changed of this one
    arrangement  whose looks there were, if they are changed
    """

    label: str
    preset: str
    look: str
    values: dict[str, Any]
    switches: bool = False
    arrangement: Preset | None = None


class History:
    """Changes that other doors made in between stay: only what a change concerned is taken back.
    Another preset empties it. Every method may be called from any thread."""

    def __init__(self, program: Controls, clock: Callable[[], float] = perf_counter) -> None:
        self._program = program
        self._clock = clock
        self._lock = Lock()
        # Protected by _lock:
        self._back: list[Moment] = []
        self._forth: list[Moment] = []
        self._kept_at = -_ONE_MOVE_SECONDS

    @property
    def labels(self) -> tuple[str, str]:
        """What `undo` and `redo` would take back and do again; "" for nothing."""
        with self._lock:
            preset = self._program.preset_name
            ends = [steps[-1] if steps else None for steps in (self._back, self._forth)]
            back, forth = (one.label if one and one.preset == preset else "" for one in ends)
        return back, forth

    def before_values(self, keys: Collection[str]) -> Moment | None:
        """How it is now, before these are changed; None if that goes on with the last change, as a
        fader does."""
        with self._lock:
            now = self._clock()
            last = self._back[-1] if self._back else None
            moving = now - self._kept_at < _ONE_MOVE_SECONDS and not self._forth
            if moving and last is not None and self._goes_on(last, keys):
                self._kept_at = now
                return None
        return self._now(", ".join(keys), keys)

    def before_look(self, name: str) -> Moment:
        """How it is now, before another look comes, which takes away what was changed of this."""
        return replace(self._now(f"look {name}", _ALL_OF_LOOK), switches=True)

    def before_arrangement(self) -> Moment:
        """How it is now, before the looks are changed."""
        now = self._now("looks", _ALL_OF_LOOK)
        return replace(now, switches=True, arrangement=self._program.preset)

    def keep(self, before: Moment) -> None:
        """The change has been made, or waits for the beat."""
        with self._lock:
            self._kept_at = self._clock()
            self._back = [*self._of_preset(self._back), before][-_MOST:]
            self._forth = []

    def is_change(self, before: Moment) -> bool:
        """Whether it is another way now."""
        return self._now_as(before) != before

    def undo(self) -> str:
        """Take the last change back; its label. Raises `UsageError`."""
        with self._lock:
            return self._move(self._back, self._forth, "there is nothing to undo.")

    def redo(self) -> str:
        """Do again what was taken back last; its label. Raises `UsageError`."""
        with self._lock:
            return self._move(self._forth, self._back, "there is nothing to do again.")

    def _move(self, source: list[Moment], target: list[Moment], nothing: str) -> str:
        preset = self._program.preset_name
        if not source or source[-1].preset != preset:
            raise UsageError(nothing)
        then = source[-1]
        now = self._now_as(then)
        self._restore(then)
        source.pop()
        target.append(now)
        self._kept_at = -_ONE_MOVE_SECONDS
        return then.label

    def _restore(self, then: Moment) -> None:
        program, wanted = self._program, then.values
        if then.arrangement is not None:
            program.put_looks_back(then.arrangement, then.look)
        if then.look != program.look:
            if then.switches:
                program.select_look(then.look)
            else:  # a schedule has gone on, and what was changed of the look before is gone
                wanted = {key: one for key, one in wanted.items() if not _of_look(key)}
        now = program.values()
        changed = {key: one for key, one in wanted.items() if now.get(key) != one}
        if changed:
            program.change_values(changed)

    def _now(self, label: str, keys: Collection[str]) -> Moment:
        program = self._program
        now = program.values()
        found = {key: now[key] for key in keys if key in now}
        return Moment(label, program.preset_name, program.look, found)

    def _now_as(self, one: Moment) -> Moment:
        """How it is now, of what `one` concerns."""
        now = self._now(one.label, one.values)
        arrangement = self._program.preset if one.arrangement is not None else None
        return replace(now, switches=one.switches, arrangement=arrangement)

    def _goes_on(self, last: Moment, keys: Collection[str]) -> bool:
        here = (self._program.preset_name, self._program.look)
        return (
            not last.switches and (last.preset, last.look) == here and last.values.keys() == {*keys}
        )

    def _of_preset(self, moments: list[Moment]) -> list[Moment]:
        return [one for one in moments if one.preset == self._program.preset_name]


_ALL_OF_LOOK = [
    key
    for key, value in values().items()
    if value.scope is Scope.LOOK and not key.startswith(BLEND)
]


def _of_look(key: str) -> bool:
    return value_of(key).scope is Scope.LOOK
