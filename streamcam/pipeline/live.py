"""Live: the preset and the look that run, and how they change while frames flow."""

from __future__ import annotations

from threading import RLock

from engines.api import Engine, EngineSpec
from engines.recipe import Recipe
from streamcam.flow.infer.styling import Styling
from streamcam.frames.geometry import Size
from streamcam.notices import Notice
from streamcam.options import Options
from streamcam.pipeline.auto import Say
from streamcam.pipeline.look_previews import LookPreviews
from streamcam.pipeline.playing import Playing
from streamcam.pipeline.room import Room
from streamcam.pipeline.workers import Workers
from streamcam.presets import Preset
from streamcam.provision.outage import Outage
from streamcam.provision.pending import Pending
from streamcam.provision.prompts import encode_looks, read_looks
from streamcam.provision.rate import Adjustable
from streamcam.provision.rebuild import Wish
from streamcam.provision.repair import Repair
from streamcam.provision.shape import AutomaticSize
from streamcam.provision.size.growth import Growth
from streamcam.provision.spec import Specs, describe, same_but_size


class Live:
    """Every method may be called from any thread and, but for `device_is_gone`, returns at once. A
    change that the running engine can follow takes effect with the next frame. One that needs
    another engine waits, with everything it brings, until that is built; the newest wish counts,
    and one that fails leaves what runs and says why."""

    def __init__(
        self, options: Options, recipe: Recipe, styling: Styling, workers: Workers, say: Say
    ) -> None:
        """`recipe`: of the engine. `say` gets lines for people, on "rebuild" and "watchdog"."""
        engine = styling.engine
        self._options, self.workers, self._stats = options, workers, workers.stats
        self._say, self._lock = say, RLock()
        self.playing = Playing(
            options.preset, styling.params, self._lock, self._follow, lambda: self._repair.broken
        )
        self.playing.check = workers.check
        self.previews = LookPreviews(workers.infer.previews, self.playing)
        # Protected by _lock:
        self._styling, self._recipe = styling, recipe
        self._repair = Repair(workers.stats.notices, (recipe.spec, engine.spec))
        self._specs = Specs(options, engine.spec, self._repair)
        self._pending: Pending | None = None
        self._growth = Growth(options.format.fps, self._specs)
        self._outage = Outage(workers.stats.notices, say)
        self._stats.ask("look", lambda: self.playing.box.look)
        self._room = Room(workers, say, (self._lock, self._repair), engine.spec.device)

    @property
    def preset(self) -> Preset:
        """The one that plays."""
        return self.playing.preset

    def select_look(self, name: str) -> None:
        """Cross over to a look of the running preset, which stays: a schedule ends.

        The preset's own name is its base look or, if it has one, its schedule from the
        beginning. Raises `UsageError`.
        """
        with self._lock:
            self.playing.choose(name)

    def apply(self, preset: Preset) -> None:
        """Change to `preset`; the look stays if it is an edit of the running one, unless it has a
        schedule, which then begins. Raises `UsageError`; what runs then stays.
        """
        spec = self._specs.of(preset)
        self.workers.check(preset)
        if self._is_shown_by_running(spec):  # without the lock: a device that hangs keeps it
            read_looks(preset, self._styling.engine.encode)
        with self._lock:
            self.playing.chosen = False
            if self._is_shown_by_running(spec):
                self.playing.show(preset)
                self._go_on_building(preset, spec)
            elif self._pending is not None and self._pending.serves(spec, self._recipe.spec):
                self._pending.preset = preset
            else:
                self._put_up(f"preset {preset.name}: its engine is being built")
                self._wish(Pending(preset, Recipe(spec)), done=0)

    def mend(self, error: Exception, *, build_left: bool = False) -> None:
        """The running engine broke and is gone: see to another one, or give up. A preset that is
        saved later gets another try. `build_left`: what was being built has been abandoned."""
        with self._lock:
            other = self._pending is not None and self._pending.spec != self._recipe.spec
            self._repair.broke(error, other=other)
            if not other:
                self._wish(Pending(self.preset, self._recipe, mends=True), done=0)
            elif build_left:
                self.build_again()

    def build_again(self) -> None:
        """What was being built has been abandoned: begin again."""
        with self._lock:
            if self._pending is not None:
                self._wish(self._pending, done=0)

    def device_is_gone(self) -> bool:
        """Ask the devices of the engine and of what is being built, which may take seconds."""
        waiting = self._pending
        return self._outage.found(self._repair.device, waiting.spec.device if waiting else "")

    def improve(self) -> None:
        """Build what the first engine only stands in for, if nothing else is to be built."""
        with self._lock:
            if self._pending is None:
                self._wish(Pending(self.preset, self._recipe), done=1)

    def reshape(self, aspect: float) -> bool:
        """What is visible has this width / height for good: an engine of that shape is built, if
        its size is automatic. True if that begins now."""
        with self._lock:
            waiting = self._pending or Pending(self.preset, self._recipe)
            recipe = self._specs.of_shape(aspect, waiting.preset, waiting.recipe)
            if self._repair.broken or recipe.spec == waiting.spec:
                return False
            begins = recipe.spec != self._recipe.spec
            self._wish(Pending(waiting.preset, recipe), done=0 if begins else 1)
            if begins:
                size = f"{recipe.spec.width}x{recipe.spec.height}"
                self._say(f"engine: the picture has another shape, for which {size} is built")
            else:  # the picture is back in the shape of the running one
                self._put_up(self._options.unmet(self.preset))
            return begins

    def adjustable(self) -> Adjustable | None:
        """The running engine, if its size may be changed for the rate now."""
        busy = self._pending is not None or self._repair.broken or self.workers.elsewhere
        return None if busy else self._specs.adjustable(self.preset, self._styling.engine.spec)

    def resize(self, size: Size, why: str) -> bool:
        """An engine of another size is built, for the rate; `why` is said. False: not now."""
        with self._lock:
            if self.adjustable() is None:
                return False
            self._wish(Pending.resized(self.preset, self._recipe, size), done=0)
            self._say(f"engine: {why}")
            return True

    def _is_shown_by_running(self, spec: EngineSpec) -> bool:
        """The running engine can show a preset of `spec`, at least until another shape is there."""
        begun = self._pending is not None and spec == self._pending.spec
        can = spec == self._recipe.spec or (begun and same_but_size(spec, self._recipe.spec))
        return can and not self._repair.broken

    def _go_on_building(self, preset: Preset, spec: EngineSpec) -> None:
        """`preset` is shown already: what is being built for another spec is not wanted."""
        if self._pending is not None and self._pending.spec == spec:
            self._pending.preset = preset
        else:
            self.workers.rebuild.forget()
            self._pending = None

    def _wish(self, pending: Pending, done: int) -> None:
        """`done`: how many engines on the way to the best one are there already."""
        self._pending = pending
        self.workers.rebuild.ask(
            Wish(
                order=lambda: self._order(pending, done),
                ready=lambda engine, last: self._take(engine, pending, last=last),
                failed=lambda error: self._refuse(error, pending),
                tell=lambda stage: self._announce(stage, pending),
                make_room=(lambda: False) if pending.grows else self._room.make,
            )
        )

    def _order(self, pending: Pending, done: int) -> list[Recipe]:
        """What to build for `pending`. On the thread "rebuild": a device is waited for."""
        gone = self._repair.broken and self.device_is_gone()
        with self._lock:
            mends = pending is self._pending and pending.mends
            automatic = self._specs.has_automatic_size(pending.preset)
            spec = self._repair.following(gone=gone, automatic=automatic) if mends else pending.spec
            if spec is not None:
                pending.recipe = pending.recipe.with_spec(spec)
        left = pending.left_of(pending.recipe.build_order(), done) if spec is not None else []
        with self._lock:
            if not left and pending is self._pending:
                self._pending = None
        return left

    def _take(self, engine: Engine, pending: Pending, *, last: bool) -> None:
        """The engine of `pending` is there. Raises `EngineError` if it cannot take a look of it."""
        following = self._growth.following(engine, pending) if last else None
        engine = self.workers.reaching(engine)
        encode_looks(pending.preset, engine.encode)  # before any frame has to wait for it
        with self._lock:
            if pending is not self._pending:
                engine.close()
                return
            shown = pending.preset is self.preset and not self._repair.broken
            if shown and same_but_size(pending.spec, self._recipe.spec):
                params = self.playing.box
                params.encode_with(engine.encode)
                self._put_up(self._options.unmet(pending.preset))
            else:
                params = self.playing.move_to(engine, pending.preset)
            self._styling, self._recipe = Styling(engine, params), pending.recipe
            self.workers.infer.swap(self._styling)
            self._repair.running(pending.spec, engine.spec)
            if pending.mends or pending.paces:
                self._specs.automatic = AutomaticSize((engine.spec.width, engine.spec.height))
            if following is not None:
                self._wish(following, done=0)
            elif last:
                self._pending = None
        self._room.look_at(engine.spec.device)
        self._say(describe(engine))

    def _announce(self, stage: str, pending: Pending) -> None:
        with self._lock:
            if pending is self._pending:
                pending.announce(stage, self._stats.notices, self._say)

    def _refuse(self, error: Exception, pending: Pending) -> None:
        newly_gone = not self._outage.told and self.device_is_gone()
        with self._lock:
            if pending is not self._pending:
                return
            if newly_gone and not pending.mends and pending.spec != self._recipe.spec:
                self.build_again()  # on the processor now
                return
            self._pending = None
            if self._repair.broken:
                self.mend(error)
                return
            spec = self._recipe.spec
            if pending.resizes(self.preset, spec) and not pending.paces:
                self._specs.automatic.refuse((spec.width, spec.height))
            self._put_up(f"{pending.named(self.preset, spec)}: {error} The running engine stays.")

    def _follow(self, now: Preset, before: Preset) -> None:
        """Take over what the preset says beside look and engine."""
        if self._pending is not None and self._pending.preset is before:
            self._pending.preset = now
        self.workers.follow(now, before, self._options)
        self._put_up(self._options.unmet(now))

    def _put_up(self, notice: str) -> None:
        self._stats.notices.put(Notice("preset", notice))
