"""Finish: from the engine's pictures, and the camera's newest frame, to the outputs' pictures."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter, thread_time

from streamcam.flow.post.chain import Chain
from streamcam.flow.post.masked import Masked
from streamcam.frames import Frame, FramePool, Pixels
from streamcam.frames.geometry import Placement, Size, View
from streamcam.resolve import Level
from streamcam.resolve.budget import Budget
from streamcam.resolve.resolver import Outcome, Resolver

# A pair is too old at so many times the age that pairs usually have when they come, within bounds.
_TIMES = 3.0
_YOUNGEST, _OLDEST = 0.25, 1.0  # seconds
_WEIGHT = 0.1  # of a new pair in that usual age


class Finish:
    """Used by the thread "post" alone, but for `steadiness`, which any thread may set.

    budget      which level runs; None: pictures are shown as they are
    steadiness  0 … 1
    masked      what is put on every picture
    """

    def __init__(
        self,
        view: View,
        budget: Budget | None = None,
        *,
        mirror: bool = False,
        steadiness: float = 0.0,
        masked: Masked | None = None,
    ) -> None:
        self.budget = budget
        self.masked = masked or Masked(view, mirror=mirror)
        self._view = view
        self._mirror = mirror
        self.steadiness = self._applied = steadiness
        self._chain = Chain(view, mirror=mirror)
        self._pool = FramePool(*view.size)
        self._for: tuple[Size, Placement, Level, bool] | None = None
        self._resolver: Resolver | None = None  # for that
        self._made: Pixels | None = None  # last
        self._styled: Pixels | None = None  # what it shows
        self._usual = 0.0  # seconds

    @property
    def level(self) -> Level:
        """What runs now."""
        return Level.HELD if self.budget is None else self.budget.level

    @property
    def label(self) -> str:
        """What runs but for moments of a trial, for people."""
        return "off" if self.budget is None else self.budget.fits.name.lower()

    def rest(self) -> None:
        """Nothing is resolved at this tick."""
        if self.budget is not None:
            self.budget.spend(0.0, 0.0)

    def shows(self, picture: Frame) -> bool:
        """Whether that picture was shown already."""
        return picture.pixels is self._styled

    def plain(self, picture: Frame) -> Frame:
        """The engine's picture as it is, in the outputs' size."""
        self._styled, self._made = picture.pixels, None
        return self._finished(picture, self._chain.apply(picture))

    def with_its_frame(self, picture: Frame) -> Frame:
        """The picture of a file, with the detail of the very frame that it was made of."""
        whole = None if picture.made_of is None else picture.made_of.whole
        if self.level < Level.GUIDED or whole is None or picture.placement is None:
            return self.plain(picture)
        size = (whole.shape[1], whole.shape[0])
        resolver = self._resolver_for(size, picture.placement, reproject=False)
        resolver.take(picture)
        into = self._pool.take()
        if resolver.resolve(whole, 0.0, into) is not Outcome.MADE:
            return self.plain(picture)
        return self._finished(picture, into)

    def current(self, picture: Frame, newest: Frame, shown: float = float("-inf")) -> Frame | None:
        """The camera's newest frame in the look of the engine's newest picture.

        Where that cannot be made, the picture as it is; None if that was shown already, or is older
        than what was `shown`, seconds as `Frame.captured_at`.
        """
        began = thread_time()
        made = self._current(picture, newest)
        if self.budget is not None:
            moved = made is not None and not made.repeat
            earlier = newest.captured_at - picture.captured_at if moved else 0.0
            self.budget.spend(thread_time() - began, earlier)
        if made is not None:
            return self.masked.put_on(made, newest.pixels)
        if not self.shows(picture) and picture.captured_at >= shown:
            return self.plain(picture)
        return None

    def came(self, picture: Frame) -> None:
        """A picture of the engine is there: how old pictures are."""
        age = perf_counter() - picture.captured_at
        self._usual += (_WEIGHT if self._usual else 1.0) * (age - self._usual)

    def _current(self, picture: Frame, newest: Frame) -> Frame | None:
        resolver = self._resolver_of(picture, newest)
        if resolver is None:
            return None
        resolver.take(picture)
        into = self._pool.take()
        span = newest.captured_at - picture.captured_at
        outcome = resolver.resolve(newest.pixels, span, into)
        if outcome is Outcome.SAME and self._made is not None and self.shows(picture):
            return _moved_to(newest, self._made, picture, repeat=True)
        if outcome is not Outcome.MADE:
            return None
        self._styled, self._made = picture.pixels, into
        return _moved_to(newest, into, picture)

    def _resolver_of(self, picture: Frame, newest: Frame) -> Resolver | None:
        """None for a picture that says nothing of the newest frame: a camera's own, one that is too
        old, one of a source that has another size since."""
        placement = picture.placement
        if picture.made_of is None or placement is None:
            return None
        oldest = min(max(_TIMES * self._usual, _YOUNGEST), _OLDEST)
        # A frame from before the picture has waited while no output was watched.
        if not 0.0 <= newest.captured_at - picture.captured_at <= oldest:
            return None
        if placement != self._view.place(newest.size, picture.size):
            return None
        return self._resolver_for(newest.size, placement, reproject=True)

    def _resolver_for(self, size: Size, placement: Placement, *, reproject: bool) -> Resolver:
        wanted = (size, placement, self.level, reproject)
        resolver = self._resolver
        if resolver is None or wanted != self._for:
            self._for, self._made = wanted, None
            # Buffers start black, and only the picture between the bars is written.
            self._pool = FramePool(*self._view.size)
            resolver = self._resolver = Resolver(
                placement,
                self._view,
                self.level,
                mirror=self._mirror,
                steadiness=self.steadiness,
                reproject=reproject,
            )
            self._applied = self.steadiness
        elif self.steadiness != self._applied:
            self._applied = self.steadiness
            resolver.steady(self._applied)
        return resolver

    def _finished(self, picture: Frame, pixels: Pixels) -> Frame:
        """`pixels` show the very frame that the picture was made of."""
        whole = None if picture.made_of is None else picture.made_of.whole
        made = replace(picture, pixels=pixels, placement=None, made_of=None)
        return self.masked.put_on(made, whole)


def _moved_to(newest: Frame, pixels: Pixels, picture: Frame, *, repeat: bool = False) -> Frame:
    """`pixels` show the newest frame in the look of the picture."""
    return replace(newest, pixels=pixels, repeat=repeat, styled_at=picture.captured_at)
