"""Playing: the preset and the look that play, with what was changed of them while they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, RLock
from time import perf_counter
from typing import Any

from engines.api import Engine
from engines.errors import EngineError
from streamcam.clock.tempo import Tempo
from streamcam.control.numbered import BLEND, LORAS
from streamcam.control.places import loras_with, prompt_with, values_in, with_values
from streamcam.control.values import Scope, checked_all, value_of
from streamcam.errors import UsageError
from streamcam.looks.params import ParamsBox
from streamcam.presets import Preset, save_preset
from streamcam.presets.arrangement import Place, arranged, with_looks_of
from streamcam.provision.prompts import encode_looks, kept_look, show_look

_BPM = "control.bpm"  # as it was tapped, or as MIDI or Link has it
_PATIENCE = 2.0  # seconds that a change waits for another one, whose words are being encoded
_BOTH = "crossfade"  # is the preset's, and the time that the look which is on takes for new words


class Playing:
    """A value that is changed belongs to the look that is on, until another look comes, or to the
    preset, until that is saved or another one is chosen; it stays when the engine is another.

    `change` and `now` may be called from any thread; the rest by who holds `lock`.

    preset  that plays: as its file says, but for values of the preset that were changed
    box     what the engine reads
    chosen  a look was chosen by hand, which a schedule leaves alone
    written  what was saved last under the name of the preset that plays; None: nothing
    check   raises `UsageError` for a preset that `follow` could not take over
    """

    def __init__(
        self,
        preset: Preset,
        box: ParamsBox,
        lock: RLock,
        follow: Callable[[Preset, Preset], None],
        broken: Callable[[], bool] = lambda: False,
    ) -> None:
        """`follow` takes over what a preset says beside look and engine: now, before. `broken`: no
        engine runs."""
        self.preset, self.box = preset, box
        self.chosen = False
        self.written: Preset | None = None
        self._lock = lock
        self._follow = follow
        self.check: Callable[[Preset], None] = lambda _: None
        self._broken = broken
        self._changing = Lock()  # one change after another, each whole
        box.tempo = Tempo(preset.control.bpm, perf_counter(), preset.control.bar)
        _tune(box, preset)

    def choose(self, name: str) -> None:
        """Cross over to a look of the preset, as it is in the file. Raises `UsageError`."""
        if self._broken():
            raise UsageError(f"look {name}: there is no engine now; choose it again later.")
        show_look(self.box, self.preset, name)
        self.chosen = name != self.preset.name

    def show(self, preset: Preset) -> None:
        """Change to `preset` on the engine that runs. Raises `UsageError`."""
        self.chosen = False
        look = kept_look(preset, self.preset, self.box.look, chosen=False)
        show_look(self.box, preset, look)
        self._adopt(preset)

    def move_to(self, engine: Engine, preset: Preset) -> ParamsBox:
        """What shows `preset` on an engine that takes the place of the one that runs. Raises
        `EngineError`, with nothing changed."""
        encode_looks(preset, engine.encode)
        before = self.box
        look = kept_look(preset, self.preset, before.look, chosen=self.chosen)
        box = ParamsBox(engine.encode, preset.showing(look))
        box.tempo = before.tempo
        if preset is self.preset:  # the same on another engine: what was changed stays
            _carry(before, box)
        self.box = box
        self._adopt(preset)
        return box

    def change(self, wanted: Mapping[str, object]) -> None:
        """Change values by key, all or none. Takes the time of encoding new words.

        Raises `UsageError` naming key, value and what is allowed.
        """
        if self._broken():
            raise UsageError("values: there is no engine now; set them again later.")
        found = checked_all(wanted)
        of_preset = {key: one for key, one in found.items() if value_of(key).scope is Scope.PRESET}
        with self._held():
            if of_preset:
                self.check(with_values(self.preset, of_preset))
            while not self._change(found, of_preset):
                pass

    def prepare(self, wanted: Mapping[str, object]) -> None:
        """Check values and let the engine encode their words, so that changing them takes no time.
        Raises `UsageError`."""
        found = checked_all(wanted)
        with self._held():
            try:
                self.box.prepare(self._of_look(self.box, found))
            except EngineError as error:
                raise UsageError(str(error)) from error

    def save(self, name: str) -> Path:
        """Write the preset `name` with what plays now; its file. Under the name of the one that
        plays, that one plays on from its file. Raises `UsageError`."""
        with self._held():
            played = with_values(self.preset, {_BPM: round(self.box.tempo.bpm, 2)})
            saved = save_preset(played, self.box.playing, name)
            assert saved.path is not None
            with self._lock:
                if saved.name == self.preset.name:
                    self.written = saved
                    self._renew(saved)
            return saved.path

    def arrange(self, places: Sequence[Place]) -> None:
        """Give the preset these looks. One that is new is what plays, and is on from now on; if the
        one that is on is gone, the preset's own comes. Raises `UsageError`."""
        with self._held(), self._lock:
            before = self.preset
            after = arranged(before, places, self.box.playing)
            names = {place.was: place.name for place in places} | {before.name: before.name}
            on, new = names.get(self.box.look), names.get("")
            self._adopt(after)
            if new is not None:
                self._renew_look(new, {})
                self.chosen = True
            elif on is None:
                self.choose(before.name)
            elif on != self.box.look:
                self._renew_look(on, self.box.changed)

    def put_looks_back(self, other: Preset, look: str) -> None:
        """Give the preset the looks of `other`; `look` comes if the one that is on is gone."""
        with self._held(), self._lock:
            self._adopt(with_looks_of(self.preset, other))
            if self.box.look not in (self.preset.name, *self.preset.looks):
                self._renew_look(look, {})

    def _renew_look(self, name: str, changed: Mapping[str, Any]) -> None:
        """The look that is on has another name, and what was changed of it by hand stays."""
        try:
            self.box.renew(self.preset.look(name))
            if changed:
                self.box.change(changed)
        except EngineError as error:
            raise UsageError(str(error)) from error

    def now(self) -> dict[str, Any]:
        """Every value that can be changed, by key, as it is set now."""
        preset, look = self.preset, self.box.playing
        return values_in(preset, look) | {_BPM: self.box.tempo.bpm}

    @contextmanager
    def _held(self) -> Iterator[None]:
        if not self._changing.acquire(timeout=_PATIENCE):
            raise UsageError("values cannot be changed now: the engine does not answer.")
        try:
            yield
        finally:
            self._changing.release()

    def _renew(self, saved: Preset) -> None:
        look = self.box.look
        scheduled = saved.schedule is not None and not self.chosen
        try:
            self.box.renew(saved.showing(None if scheduled or look == saved.name else look))
        except EngineError as error:  # it has just been saved as it plays, and will be read again
            raise UsageError(str(error)) from error
        self._adopt(saved)

    def _change(self, found: Mapping[str, Any], of_preset: Mapping[str, Any]) -> bool:
        """False if another engine has taken over meanwhile, which knows nothing of it."""
        box = self.box
        self._change_look(box, found)
        with self._lock:
            if box is not self.box:
                return False
            if of_preset:
                self._adopt(with_values(self.preset, of_preset))
            return True

    def _change_look(self, box: ParamsBox, found: Mapping[str, Any]) -> None:
        try:
            changed = self._of_look(box, found)
            if changed:
                box.change(changed)
        except EngineError as error:
            raise UsageError(str(error)) from error

    def _of_look(self, box: ParamsBox, found: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the look that `found` changes. Raises `EngineError`."""
        changed, played = {}, {}
        loras: dict[str, float] = {}
        for key, one in found.items():
            if key.startswith(BLEND):
                played[key] = one
            elif key.startswith(LORAS):
                loras[key] = one
            elif key == _BOTH or value_of(key).scope is Scope.LOOK:
                changed[key] = one
        if loras:
            changed["loras"] = loras_with(box.playing, loras)
        if played:
            changed["prompt"] = prompt_with(changed.get("prompt", box.playing.prompt), played)
        return changed

    def _adopt(self, preset: Preset) -> None:
        before = self.preset
        _tune(self.box, preset)
        tempo, beat = self.box.tempo, preset.control
        bpm = tempo.bpm if beat.bpm == before.control.bpm else beat.bpm  # tapped, or set
        if (bpm, beat.bar) != (tempo.bpm, tempo.bar):
            self.box.tempo = tempo.at_pace(bpm, perf_counter(), beat.bar)
        self._follow(preset, before)
        self.preset = preset  # the last: who sees it finds the rest done


def _tune(box: ParamsBox, preset: Preset) -> None:
    """What a preset says of how values move."""
    box.slew = preset.control.slew
    box.swing(preset.waves)


def _carry(before: ParamsBox, box: ParamsBox) -> None:
    """What was changed by hand of the look that is on; words that the engine in place of a broken
    one cannot read are given up."""
    changed = before.changed
    if changed and before.look == box.look:
        with suppress(EngineError):
            box.change(changed)
