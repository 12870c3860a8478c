"""Behind: the room in another look than the person. One engine restyles a frame twice, and the mask
of that very frame says which picture is shown where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from engines.api import Engine, Params
from engines.errors import EngineError
from streamcam.flow.infer.blank import BlankCheck
from streamcam.frames import Pixels
from streamcam.frames.geometry import Box, Placement, Size, View
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox
from streamcam.mask import Plane
from streamcam.mask.composer import Composer
from streamcam.mask.masking import Masking
from streamcam.notices import Notice
from streamcam.stats import Stats

_TOPIC = "look behind"


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """How the person is found, and the look of all that is behind."""

    masking: Masking
    look: Look


class Behind:
    """Used by the thread "infer", but for `use`.

    Whatever fails, the whole picture is in the person's look.
    """

    def __init__(self, stats: Stats) -> None:
        """`stats` get the time that the mask takes, and a notice where the room has no look."""
        self._stats = stats
        self._wanted: Wanted | None = None  # replaced as a whole
        self._engine: Engine | None = None  # that `_box` is for
        self._look: Look | None = None  # that `_box` goes to
        self._box: ParamsBox | None = None
        self._room = _Room()
        self._blank = BlankCheck()
        self._composer: Composer | None = None
        self._for: tuple[Masking, Size] | None = None  # what that was made for

    def use(self, wanted: Wanted | None) -> None:
        """From the next frame on; None: the room is in the person's look. From any thread."""
        self._wanted = wanted

    def params(self, engine: Engine, now: float) -> Params | None:
        """What the room is restyled with at `now` seconds; None: as the person is."""
        wanted = self._wanted
        if wanted is None:
            if self._look is not None:
                self._look, self._box, self._composer, self._for = None, None, None, None
                self._put_up("")
            return None
        try:
            return self._box_for(engine, wanted.look).read(now)
        except EngineError as error:
            self._put_up(f"the look {wanted.look.name} behind the person: {error}")
            return None

    def run(self, engine: Engine, given: Pixels, params: Params, into: Pixels) -> Pixels | None:
        """The engine's picture of the frame `given` with `params`, for `put`; None for a blank one,
        which is not shown. Raises what the engine raises."""
        picture = engine.run(given, params, into)
        return None if self._blank.refuses(picture, given) else picture

    def put(self, room: Pixels, picture: Pixels, given: Pixels, at: Placement) -> Pixels:
        """`picture` with `room` behind the person, both (height, width, 3) and made of `given`. A
        new array, or `picture` itself where it is not known where the person is."""
        wanted = self._wanted
        if wanted is None:
            return picture
        began = perf_counter()
        placed = at.placed
        composer = self._composer_for(wanted.masking, placed.size)
        self._room.picture = _part(room, placed)
        person = _part(picture, placed)
        made = composer.compose(person, _part(given, placed))
        self._room.picture = None
        if made is person:
            return picture
        self._stats.took("mask", perf_counter() - began)
        if made.shape == picture.shape:
            return made
        whole = room.copy()  # what is around repeats edges, and is not shown
        placed.of(whole)[:] = made
        return whole

    def _box_for(self, engine: Engine, look: Look) -> ParamsBox:
        """Raises `EngineError` where the engine cannot show it."""
        if engine.delay:
            raise EngineError(
                'it needs an engine without frames in flight: steps = 1 or batching = "sequential"'
            )
        box = self._box
        if box is None or engine is not self._engine:
            box = ParamsBox(engine.encode, look)
        elif look != self._look:
            box.set(look)
        if box is not self._box or look != self._look:
            self._put_up("")
        self._engine, self._look, self._box = engine, look, box
        return box

    def _composer_for(self, masking: Masking, size: Size) -> Composer:
        composer = self._composer
        if composer is None or self._for is None or self._for != (masking, size):
            self._for = (masking, size)
            shown = replace(masking, background=self._room)
            composer = self._composer = Composer(View(size), shown, self._put_up)
        return composer

    def _put_up(self, matter: str) -> None:
        self._stats.notices.put(Notice(_TOPIC, matter))


class _Room:
    """What the composer shows behind the person: the picture that was made last."""

    moves = False
    picture: Pixels | None = None

    def behind(self, styled: Pixels, camera: Pixels, mask: Plane) -> Pixels:
        return styled if self.picture is None else self.picture

    def close(self) -> None: ...


def _part(pixels: Pixels, placed: Box) -> Pixels:
    """C-contiguous, without a copy where it is all."""
    return np.ascontiguousarray(placed.of(pixels))
