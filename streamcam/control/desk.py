"""Desk: between all doors and the program that runs. What is asked for happens now, on the beat, or
at a time that was said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Condition
from time import perf_counter
from typing import Any

from engines.errors import EngineError
from streamcam.control.acts import CURTAIN, LOOK, PRESET, VALUE, Act, beats
from streamcam.control.agenda import Agenda
from streamcam.control.controls import Controls
from streamcam.control.fitting import sent, turned
from streamcam.control.history import History
from streamcam.control.values import checked_all, value_of
from streamcam.errors import StreamcamError, UnknownChoice, UsageError, told
from streamcam.notices import Notice
from streamcam.presets.arrangement import Place

_TOPIC = "control"


class Desk:
    """Two ways in, for any thread: `change_values`, `select_look` and `select_preset` answer,
    `post` never waits. The thread "control" is `work`.

    program   what runs
    history   of what `change_values` and `select_look` have changed
    refused   acts that could not be, since the start
    too_many  acts that found no room
    """

    def __init__(self, program: Controls, clock: Callable[[], float] = perf_counter) -> None:
        self.refused = self.too_many = 0
        self.program = program
        self.history = History(program, clock)
        self._clock = clock
        self._noticed = False
        self._changed = Condition()
        # Protected by _changed:
        self._agenda = Agenda()
        self._closed = False

    def select_look(self, name: str) -> None:
        """Raises `UsageError` for one that is not there."""
        if self._waiting_beats() and name not in self.program.look_names():
            raise UnknownChoice("look", name, self.program.look_names())
        before = self.history.before_look(name)
        self._do_or_wait(Act(LOOK, name))
        if self._waiting_beats() or self.history.is_change(before):
            self.history.keep(before)

    def arrange_looks(self, places: Sequence[Place]) -> None:
        """Change the looks of the running preset. Raises `UsageError`."""
        before = self.history.before_arrangement()
        self.program.arrange_looks(places)
        self.history.keep(before)

    def select_preset(self, name: str) -> None:
        """Raises `UsageError` for one that is not there or, at once, does not load."""
        if self._waiting_beats() and name not in self.program.preset_names():
            raise UnknownChoice("preset", name, self.program.preset_names())
        self._do_or_wait(Act(PRESET, name))

    def change_values(self, wanted: Mapping[str, object]) -> None:
        """All or none. What waits for the beat is prepared before the rest is changed. Raises
        `UsageError`: key, value, what is allowed."""
        acts = [Act(VALUE, key, value) for key, value in checked_all(wanted).items()]
        waiting = [act for act in acts if act.waits] if self._waiting_beats() else []
        before = self.history.before_values(wanted)
        if waiting:
            self.program.prepare_values({act.name: act.value for act in waiting})
        self.program.change_values({act.name: act.value for act in acts if act not in waiting})
        self.post(waiting)
        if before is not None and any(before.values.get(act.name) != act.value for act in acts):
            self.history.keep(before)

    def named(self, kind: str, name: str) -> Act | None:
        """A look, preset or curtain; None, and counted, for one that is not there."""
        known = {LOOK: self.program.look_names, PRESET: self.program.preset_names}
        if kind in known and name not in known[kind]():
            self._refuse(UnknownChoice(kind, name, known[kind]()))
            return None
        return Act(kind, name)

    def sent(self, key: str, given: object) -> Act | None:
        """What another program sent for a value; None, and counted, for what cannot be."""
        return self._act(key, lambda: sent(value_of(key), given))

    def turned(self, key: str, share: float) -> Act | None:
        """How far a value's knob is turned, 0 … 1; None, and counted, for what cannot be."""
        return self._act(key, lambda: turned(value_of(key), share))

    def post(self, acts: Sequence[Act], at: float | None = None) -> None:
        """Have them done by the thread "control", those that come together together: at once, or on
        the beat where they are to be, or `at`, in `time.perf_counter()` seconds."""
        now = self._clock()
        waits = at is None and any(act.waits for act in acts)
        due = self._beat_after(now) if waits else None
        with self._changed:
            if self._closed:
                return
            for act in acts:
                if at is not None and at > now:
                    self.too_many += not self._agenda.add_later(act, at, now)
                elif due is not None and act.waits:
                    self._agenda.add_on_beat(act, due)
                else:
                    self._agenda.add(act)
            self._changed.notify()

    def work(self) -> None:
        """Until `close`."""
        while True:
            with self._changed:
                while not (acts := self._agenda.take(self._clock())):
                    if self._closed:
                        return
                    self._changed.wait(self._agenda.seconds_left(self._clock()))
            self._do_all(acts)

    def close(self) -> None:
        """End `work`; what waits is left undone. May be called twice."""
        with self._changed:
            self._closed = True
            self._agenda.clear()
            self._changed.notify()

    def _act(self, key: str, given: Callable[[], object]) -> Act | None:
        try:
            return Act(VALUE, key, value_of(key).checked(given()))
        except UsageError as error:
            self._refuse(error)
            return None

    def _do_or_wait(self, act: Act) -> None:
        if self._waiting_beats():
            self.post([act])
        else:
            self._do(act)

    def _waiting_beats(self) -> float:
        return beats(self.program.quantise, self.program.tempo.bar)

    def _beat_after(self, now: float) -> float | None:
        """When to act for it to be seen on the next beat; None if it is not to wait.

        An act counts from the next frame on that the engine begins, half a frame's time later on
        average, and that frame is seen after the latency of style.
        """
        count = self._waiting_beats()
        if not count:
            return None
        reading = self.program.stats.snapshot()
        frame = 1.0 / reading.fps_engine if reading.fps_engine > 1.0 else 0.0
        lead = reading.style_latency_ms_p50 / 1e3 + frame / 2.0
        return self.program.tempo.following(now + lead, count) - lead

    def _do_all(self, acts: Sequence[Act]) -> None:
        """In order, with values that come together changed together."""
        together: dict[str, Act] = {}
        for act in acts:
            if act.kind == VALUE:
                together[act.name] = act
                continue
            self._do_together(together)
            together = {}
            self._attempt(act)
        self._do_together(together)

    def _do_together(self, together: Mapping[str, Act]) -> None:
        if not together:
            return
        try:
            self.program.change_values({key: act.value for key, act in together.items()})
        except (StreamcamError, EngineError):
            for act in together.values():  # one of them: the others count
                self._attempt(act)
        else:
            self._did()

    def _attempt(self, act: Act) -> None:
        try:
            self._do(act)
        except Exception as error:  # noqa: BLE001  # a bug of ours or a library's closes no door
            self._refuse(error)
        else:
            self._did()

    def _do(self, act: Act) -> None:
        program: Controls = self.program
        ways: dict[str, Callable[[str], Any]] = {
            LOOK: program.select_look,
            PRESET: program.select_preset,
            CURTAIN: program.draw_curtain,
        }
        if act.kind == VALUE:
            program.change_values({act.name: act.value})
        else:
            ways[act.kind](act.name)

    def _did(self) -> None:
        if self._noticed:
            self._noticed = False
            self.program.stats.notices.settle(_TOPIC)

    def _refuse(self, error: Exception) -> None:
        self.refused += 1
        self._noticed = True
        self.program.stats.notices.put(Notice(_TOPIC, told(error, EngineError)))
