"""Playing: the preset and the look that play, with what was changed of them while they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, RLock
from typing import Any

from engines.api import Engine
from engines.errors import EngineError
from engines.prompts.syntax.shares import with_shares, written_parts
from streamcam.control.values import Scope, Takes, checked_all, value_of, values
from streamcam.errors import UsageError
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox
from streamcam.presets import Preset, save_preset
from streamcam.provision.prompts import encode_looks, kept_look, show_look

_BLEND = "blend."
_PATIENCE = 2.0  # seconds that a change waits for another one, whose words are being encoded
_BOTH = "crossfade"  # is the preset's, and the time that the look which is on takes for new words


class Playing:
    """A value that is changed belongs to the look that is on, until another look comes, or to the
    preset, until that is saved or another one is chosen; it stays when the engine is another.

    `change` and `now` may be called from any thread; the rest by who holds `lock`.

    preset  that plays: as its file says, but for values of the preset that were changed
    box     what the engine reads
    chosen  a look was chosen by hand, which a schedule leaves alone
    """

    def __init__(
        self,
        preset: Preset,
        box: ParamsBox,
        lock: RLock,
        follow: Callable[[Preset, Preset], None],
    ) -> None:
        """`follow` takes over what a preset says beside look and engine: now, before."""
        self.preset, self.box = preset, box
        self.chosen = False
        self._lock = lock
        self._follow = follow
        self._changing = Lock()  # one change after another, each whole
        _tune(box, preset)

    def choose(self, name: str) -> None:
        """Cross over to a look of the preset, as it is in the file. Raises `UsageError`."""
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
        if preset is self.preset:  # the same on another engine: what was changed stays
            box.tempo = before.tempo
            _carry(before, box)
        self.box = box
        _tune(box, preset)
        self._adopt(preset)
        return box

    def change(self, wanted: Mapping[str, object]) -> None:
        """Change values by key, all or none. Takes the time of encoding new words.

        Raises `UsageError` naming key, value and what is allowed.
        """
        found = checked_all(wanted)
        of_preset = {key: one for key, one in found.items() if value_of(key).scope is Scope.PRESET}
        with self._held():
            while not self._change(found, of_preset):
                pass

    def save(self, name: str) -> Path:
        """Write the preset `name` with what plays now; its file. Under the name of the one that
        plays, that one plays on from its file. Raises `UsageError`."""
        with self._held():
            saved = save_preset(self.preset, self.box.playing, name)
            assert saved.path is not None
            with self._lock:
                if saved.name == self.preset.name:
                    self._renew(saved)
            return saved.path

    def now(self) -> dict[str, Any]:
        """Every value that can be changed, by key, as it is set now."""
        preset, look = self.preset, self.box.playing
        found = {}
        for key, value in values().items():
            if value.takes is Takes.FRAME and not key.startswith(_BLEND):
                holder = look if value.scope is Scope.LOOK else preset
                found[key] = _read(holder, key)
        shares = _shares(look.prompt)
        return found | {f"{_BLEND}{number}": share for number, share in enumerate(shares, 1)}

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
                self._adopt(_with_values(self.preset, of_preset))
            return True

    def _change_look(self, box: ParamsBox, found: Mapping[str, Any]) -> None:
        changed = {
            key: one
            for key, one in found.items()
            if key == _BOTH or (value_of(key).scope is Scope.LOOK and not key.startswith(_BLEND))
        }
        try:
            played = {key: one for key, one in found.items() if key.startswith(_BLEND)}
            if played:
                changed["prompt"] = _blended(changed.get("prompt", box.playing.prompt), played)
            if changed:
                box.change(changed)
        except EngineError as error:
            raise UsageError(str(error)) from error

    def _adopt(self, preset: Preset) -> None:
        before, self.preset = self.preset, preset
        _tune(self.box, preset)
        self._follow(preset, before)


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


def _blended(prompt: str, played: Mapping[str, float]) -> str:
    """`prompt` with these shares instead of its own. Raises `EngineError`."""
    shares = _shares(prompt)
    for key, share in played.items():
        number = int(key.removeprefix(_BLEND))
        if number > max(len(shares), 1) or not shares:
            raise UsageError(
                f"{key} = {share:g} is not allowed: the prompt that plays has "
                f"{len(shares) or 1} part{'s' * (len(shares) > 1)}; parts stand between bars, "
                "anime::2 | film noir."
            )
        shares[number - 1] = share
    return with_shares(prompt, shares)


def _shares(prompt: str) -> list[float]:
    """Of the parts of a blend, 0 … 1 each; none for a plain prompt."""
    if "|" not in prompt:
        return []
    shares = [part.share for part in written_parts(prompt)]
    if len(shares) == 1:
        return []
    whole = sum(shares)
    return shares if max(shares) <= 1.0 else [share / whole for share in shares]


def _with_values(preset: Preset, found: Mapping[str, Any]) -> Preset:
    """A preset with these values, by key; nothing of it is read anew."""
    tables: dict[str, dict[str, Any]] = {}
    top: dict[str, Any] = {}
    for key, one in found.items():
        table, _, name = key.partition(".")
        if name:
            tables.setdefault(table, {})[name] = one
        else:
            top[key] = one
    for table, changed in tables.items():
        before = getattr(preset, table)
        parts = {k.removeprefix(_BLEND): v for k, v in changed.items() if k.startswith(_BLEND)}
        plain = {k: v for k, v in changed.items() if not k.startswith(_BLEND)}
        if parts:
            plain["blend"] = before.blend | parts
        top[table] = before.model_copy(update=plain)
    return preset.model_copy(update=top)


def _read(holder: Look | Preset, key: str) -> Any:  # noqa: ANN401  # of whatever kind
    found: Any = holder
    for name in key.split("."):
        found = found.get(name, "off") if isinstance(found, dict) else getattr(found, name)
    return found
