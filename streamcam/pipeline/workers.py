"""Workers: the parts of a run that a change of preset reaches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engines.api import Engine
from streamcam.errors import UsageError
from streamcam.flow.infer import InferWorker
from streamcam.flow.infer.behind import Wanted
from streamcam.flow.infer.changes import OpenGate
from streamcam.flow.post import PostWorker
from streamcam.flow.post.finish import Finish
from streamcam.flow.post.masked import Masked
from streamcam.flow.rest import Rest
from streamcam.gate import Gate, open_gate
from streamcam.looks.look import Look
from streamcam.mask.masking import Masking
from streamcam.mask.source.plate import keep_plate
from streamcam.notices import Notice
from streamcam.options import Options, view_for
from streamcam.pipeline.elsewhere import reaching
from streamcam.pipeline.masks import Masks, look_behind
from streamcam.presets import Preset
from streamcam.provision.rebuild import Rebuild
from streamcam.resolve import Level
from streamcam.resolve.budget import Budget
from streamcam.stats import Stats

if TYPE_CHECKING:
    from streamcam.remote.link import Link


@dataclass(frozen=True, slots=True)
class Workers:
    """`watched`: whether any output is watched now. `link`: to an engine elsewhere, if any."""

    infer: InferWorker
    post: PostWorker
    rebuild: Rebuild
    watched: Callable[[], bool]
    stats: Stats
    masks: Masks
    link: Link | None = None

    @property
    def elsewhere(self) -> bool:
        """An engine elsewhere shows the picture, so this one's rate is unknown."""
        return self.link is not None and self.link.good

    def reaching(self, engine: Engine) -> Engine:
        """As `elsewhere.reaching`."""
        return reaching(engine, self.link)

    def follow(self, now: Preset, before: Preset, options: Options) -> None:
        """Take over what `now` says beside look and engine. From any thread."""
        if now.gate != before.gate:
            self.infer.use_gate(gate_opener(now, options, self.watched, self.stats))
        output, was = now.output, before.output
        shown = (output.fit, output.mirror, now.resolve.mode)
        if shown != (was.fit, was.mirror, before.resolve.mode):
            self.post.swap(finish_for(now, options, self.stats, self._masking(now)))
        elif now.resolve.steadiness != before.resolve.steadiness:  # what is blended goes on
            self.post.steady(now.resolve.steadiness)
        if now.mask != before.mask or _room_of(now) != _room_of(before):
            self._use(self._masking(now), now)
        if output.fit != was.fit:
            self.infer.use_view(view_for(now, options))
        self.infer.passthrough = now.on_error == "passthrough"

    def check(self, preset: Preset) -> None:
        """Raises `UsageError` for what could not be taken over."""
        self.masks.check(preset)

    def take_plate(self, preset: Preset) -> Path:
        """Keep the camera's newest picture as the picture of the empty room; where. Raises
        `UsageError`."""
        seen = self.post.seen
        if seen is None:
            raise UsageError("there is no picture of a camera yet to take for the empty room.")
        path = keep_plate(seen)
        if preset.mask.source == "plate" and not preset.mask.plate:
            self._use(self.masks.renew(preset.mask), preset)
        return path

    def _use(self, masking: Masking | None, preset: Preset) -> None:
        self.post.mask(masking)
        self.infer.behind.use(room_behind(masking, preset))

    def _masking(self, preset: Preset) -> Masking | None:
        """It was opened before; what cannot be any more leaves the whole picture styled."""
        try:
            return self.masks.use(preset.mask)
        except UsageError as error:
            self.stats.notices.put(Notice("mask", f"{error} The whole picture is styled."))
            return None


def room_behind(masking: Masking | None, preset: Preset) -> Wanted | None:
    """The room in a look of its own, if the preset wants that and there is a mask."""
    look = _room_of(preset)
    return None if look is None or masking is None else Wanted(masking, look)


def _room_of(preset: Preset) -> Look | None:
    """None as well for what could not be used, which is refused elsewhere."""
    with suppress(UsageError):
        return look_behind(preset)
    return None


def gate_opener(
    preset: Preset, options: Options, watched: Callable[[], bool], stats: Stats
) -> OpenGate:
    """The gate that the preset wants; for a file, where every frame counts, "always".

    watched  whether any output is watched: if none is, the engine rests
    """
    choice = preset.gate
    if not options.realtime:
        return partial(open_gate, "always", choice)

    def opened(drain: int) -> Gate:
        gate = open_gate(choice.policy, choice, drain)
        return Rest(gate, watched, choice.rest, stats.notices) if choice.rest else gate

    return opened


def finish_for(
    preset: Preset,
    options: Options,
    stats: Stats | None = None,
    masking: Masking | None = None,
) -> Finish:
    """From pictures of any engine to the outputs. `stats` say what that costs the engine. Without
    them, and for a file, which waits for every picture, nothing limits it."""
    choice = preset.resolve
    budget = None
    if choice.mode != "off":
        highest = Level.WARPED if choice.mode == "warped" else Level.GUIDED
        limited = options.realtime and choice.mode == "auto"
        rate = stats.rate if limited and stats is not None else None
        budget = Budget(highest, rate, options.format.fps)
    view, mirror = view_for(preset, options), preset.output.mirror
    return Finish(
        view,
        budget,
        mirror=mirror,
        steadiness=choice.steadiness,
        masked=Masked(view, mirror=mirror, masking=masking, stats=stats),
    )
