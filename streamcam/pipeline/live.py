"""Live: the preset and the look that run, and how they change while frames flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

from engines.api import Engine, EngineSpec
from engines.errors import EngineError, InvalidPrompt
from streamcam.errors import UsageError
from streamcam.infer.params import ParamsBox
from streamcam.infer.rebuild import Wish
from streamcam.infer.shape import AutomaticSize
from streamcam.pipeline.options import Options
from streamcam.pipeline.parts import describe, same_but_size, spec_for, steps_to
from streamcam.pipeline.preset_prompts import encode_looks, show_look
from streamcam.pipeline.repair import Repair
from streamcam.pipeline.workers import Workers
from streamcam.presets import Preset


@dataclass(slots=True, eq=False)
class _Pending:
    """A preset that waits for its engine, or for a better one than the one that runs already. A
    later preset with the same spec takes its place. `announced`: that it takes long was said."""

    preset: Preset
    spec: EngineSpec
    announced: bool = False


class Live:
    """Every method may be called from any thread and returns at once.

    A change that the running engine can follow takes effect with the next frame. One that
    needs another engine waits, with everything it brings, until that is built; the newest
    wish counts, and one that fails leaves what runs and says why.
    """

    def __init__(
        self,
        options: Options,
        running: tuple[Engine, ParamsBox],
        workers: Workers,
        say: Callable[[str], None],
    ) -> None:
        """`say` is called with lines for people, on the threads "rebuild" and "watchdog"."""
        engine, box = running
        self._options = options
        # What "auto" stands for in the presets to come; the size changes under _lock alone:
        self._automatic = AutomaticSize((engine.spec.width, engine.spec.height))
        self._batching = engine.spec.batching
        self._workers, self._stats = workers, workers.stats
        self._say = say
        self._lock = Lock()
        # Protected by _lock, except that `preset` may be read without it:
        self.preset = options.preset
        self._repair = Repair(workers.stats)
        self._spec = spec_for(options.preset, options, self._automatic.size, self._batching)
        self._box = box
        self._encode = engine.encode
        self._chosen = False  # a look was chosen by hand, which a schedule leaves alone
        self._pending: _Pending | None = None

    @property
    def trouble(self) -> str:
        """What viewers may know of an engine that broke; "" while one runs. From any thread."""
        return self._repair.trouble

    def select_look(self, name: str) -> None:
        """Cross over to a look of the running preset, which stays: a schedule ends.

        The preset's own name is its base look or, if it has one, its schedule from the
        beginning. Raises `UsageError`.
        """
        with self._lock:
            if self.trouble:
                raise UsageError(f"look {name}: there is no engine now; choose it again later.")
            show_look(self._box, self.preset, name)
            self._chosen = name != self.preset.name

    def apply(self, preset: Preset) -> None:
        """Change to `preset`; the look stays if it is an edit of the running one, unless it has a
        schedule, which then begins.

        Raises `UsageError`; what runs then stays.
        """
        spec = self._spec_for(preset)
        with self._lock:
            self._chosen = False
            if self._is_shown_by_running(spec):
                try:
                    encode_looks(preset, self._encode)
                except EngineError as error:
                    raise UsageError(str(error)) from error
                show_look(self._box, preset, self._look_in(preset))
                self._adopt(preset)
                self._go_on_building(preset, spec)
            elif self._pending is not None and spec == self._pending.spec:
                self._pending.preset = preset
            else:
                self._tell(f"preset {preset.name}: its engine is being built")
                self._wish(_Pending(preset, spec), done=0)

    def _spec_for(self, preset: Preset) -> EngineSpec:
        try:
            return spec_for(preset, self._options, self._automatic.size, self._batching)
        except InvalidPrompt as error:
            raise UsageError(str(error)) from error
        except EngineError as error:
            raise UsageError(f"preset {preset.name}: {error}") from error

    def mend(self, error: Exception) -> None:
        """The running engine broke and is gone: build it again, or a smaller one, or give up. A
        preset that is saved later gets another try."""
        with self._lock:
            self._mend(error)

    def _mend(self, error: Exception) -> None:
        other = self._pending is not None and self._pending.spec != self._spec
        spec = self._repair.after(self._spec, error, other=other)
        if spec is not None:
            self._wish(_Pending(self.preset, spec), done=0)

    def improve(self) -> None:
        """Build what the first engine only stands in for, if it does; it then takes over."""
        with self._lock:
            self._wish(_Pending(self.preset, self._spec), done=1)

    def reshape(self, aspect: float) -> bool:
        """What is visible has this width / height for good: an engine of that shape is built, if
        its size is automatic. True if that begins now."""
        with self._lock:
            self._automatic.follow(aspect)
            waiting = self._pending or _Pending(self.preset, self._spec)
            if self.trouble or self._options.size or waiting.preset.size:
                return False
            width, height = self._automatic.size
            spec = replace(waiting.spec, width=width, height=height)
            if spec == waiting.spec:
                return False
            begins = spec != self._spec
            self._wish(_Pending(waiting.preset, spec), done=0 if begins else 1)
            if not begins:  # the picture is back in the shape of the running one
                self._tell(self._options.unmet(self.preset))
        if begins:
            self._say(f"engine: the picture has another shape, for which {width}x{height} is built")
        return begins

    def _is_shown_by_running(self, spec: EngineSpec) -> bool:
        """The running engine can show a preset of `spec`, at least until another shape is there."""
        begun = self._pending is not None and spec == self._pending.spec
        can = spec == self._spec or (begun and same_but_size(spec, self._spec))
        return can and not self.trouble

    def _go_on_building(self, preset: Preset, spec: EngineSpec) -> None:
        """`preset` is shown already: what is being built for another spec is not wanted."""
        if self._pending is not None and self._pending.spec == spec:
            self._pending.preset = preset
        else:
            self._workers.rebuild.forget()
            self._pending = None

    def _wish(self, pending: _Pending, done: int) -> None:
        """`done`: how many of the steps to the best engine are there already."""
        self._pending = pending
        self._workers.rebuild.ask(
            Wish(
                steps=lambda: steps_to(pending.spec)[done:],
                ready=lambda engine, last: self._take(engine, pending, last=last),
                failed=lambda error: self._refuse(error, pending),
                tell=lambda stage: self._announce(stage, pending),
            )
        )

    def _take(self, engine: Engine, pending: _Pending, *, last: bool) -> None:
        """The engine of `pending` is there. Raises `EngineError` if it cannot take a look of it."""
        with self._lock:
            if pending is not self._pending:
                engine.close()
                return
            shown = pending.preset is self.preset and not self.trouble
            if shown and same_but_size(pending.spec, self._spec):
                self._box.encode_with(engine.encode)
                self._workers.infer.swap(engine, self._box)
                self._spec = pending.spec
                self._tell(self._options.unmet(pending.preset))
            else:
                self._change_over(engine, pending)
            self._encode = engine.encode
            self._repair.running()
            if last:
                self._pending = None
        self._say(describe(engine))

    def _change_over(self, engine: Engine, pending: _Pending) -> None:
        preset = pending.preset
        encode_looks(preset, engine.encode)
        wanted = preset.showing(self._look_in(preset))
        box = ParamsBox(engine.encode, wanted, partial(self._stats.say, "look"))
        self._box.mute()
        self._stats.say("look", box.look)
        self._workers.infer.swap(engine, box)
        if self.trouble:  # a smaller one may have come in its place
            self._automatic = AutomaticSize((engine.spec.width, engine.spec.height))
        self._box, self._spec = box, pending.spec
        self._adopt(preset)

    def _announce(self, stage: str, pending: _Pending) -> None:
        """A build that takes long is at `stage`."""
        with self._lock:
            if pending is not self._pending:
                return
            first, pending.announced = not pending.announced, True
            self._tell(f"TensorRT engine: {stage}")
        if first:
            self._say("engine: TensorRT builds a faster one, which will take over by itself")

    def _refuse(self, error: Exception, pending: _Pending) -> None:
        with self._lock:
            if pending is not self._pending:
                return
            self._pending = None
            if self.trouble:
                self._mend(error)
                return
            what = f"preset {pending.preset.name}"
            if pending.preset is self.preset and pending.spec != self._spec:
                self._automatic.refuse((self._spec.width, self._spec.height))
                what = f"an engine of {pending.spec.width}x{pending.spec.height}"
            self._tell(f"{what}: {error} The running engine stays.")

    def _look_in(self, preset: Preset) -> str | None:
        """The look to show of a preset: the running one if that is a look of it, except where a
        schedule is to begin."""
        look = self._box.look
        stays = preset.schedule is None or self._chosen
        edited = preset.name == self.preset.name
        return look if stays and edited and look in preset.look_names else None

    def _adopt(self, preset: Preset) -> None:
        """Make `preset` the running one, with what it says beside look and engine."""
        before, self.preset = self.preset, preset
        self._workers.follow(preset, before, self._options)
        self._tell(self._options.unmet(preset))

    def _tell(self, notice: str) -> None:
        self._stats.notice("preset", notice)
