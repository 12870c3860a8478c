"""Resolver: the newest camera frame and the newest pair become a picture for the outputs."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import cv2
import numpy as np

from streamcam.frames import Frame, Pixels
from streamcam.frames.geometry import Placement, Size, View
from streamcam.resolve import Level
from streamcam.resolve.filling import filled
from streamcam.resolve.gain import Gain
from streamcam.resolve.guide import Detail, Guide, planes_of, slopes
from streamcam.resolve.luma import Luma, luma_of
from streamcam.resolve.reprojection import Followed, Reprojection, sampled
from streamcam.resolve.steadiness import LumaBlend, Mask, PairBlend, stillness
from streamcam.resolve.trust import Trust

_CUT = 0.35  # share of the picture that was not found again: another scene
_WORTH_MENDING = 0.002  # share of the picture
_NEAR = np.ones((3, 3), np.uint8)  # around a pixel that was lost; as many together are no edge
_WIDER = np.ones((5, 5), np.uint8)  # around those
_AROUND = (5, 5)  # window of what is shown at an edge that was lost
_STILL = 0.5  # least stillness of a frame in which nothing moves
# Where the visible part has at most this share of the output's pixels, luma is guided at its size
# and then enlarged, which takes as long as guiding a third of an output's pixels.
_WORTH_ENLARGING = 0.6
_DETAIL = 1.2  # times the engine's width that the frame must have before it has detail to give


class Outcome(Enum):
    """What came of a frame.

    MADE     a picture
    SAME     nothing moves: the one before shows it, and nothing was written
    UNKNOWN  the frame does not show what the pair does, or the look does not move along: nothing
             was written
    """

    MADE = "made"
    SAME = "same"
    UNKNOWN = "unknown"


class _Smaller(NamedTuple):
    """A pair at the size that flow is computed at, and its means in small windows."""

    pair: Pixels
    means: Pixels


class Resolver:
    """For frames of one size, pairs of one placement and outputs of one view. Used by one thread.

    Where a picture cannot be made of a frame and a pair, `resolve` says so, and the caller shows
    the pair as it is or what was shown before.
    """

    def __init__(
        self,
        placement: Placement,
        view: View,
        level: Level,
        *,
        mirror: bool = False,
        steadiness: float = 0.5,
        reproject: bool = True,
    ) -> None:
        """
        placement   of the pairs: what is visible of the frames, where the engine has it
        mirror      exchange left and right
        steadiness  0 … 1
        reproject   False: the pair was made of the very frame, as for a file
        """
        self._placement = placement
        self._pair_size: Size = placement.placed.size
        self._mirror = mirror
        self._reproject = reproject
        shown, placed, visible = placement.shown, placement.placed, placement.visible
        larger = min(shown.width, visible.width) >= _DETAIL * placed.width
        self._guided = level is Level.GUIDED and larger
        few = visible.width * visible.height <= _WORTH_ENLARGING * shown.width * shown.height
        self._large = visible.size if few else shown.size
        self._reprojection = Reprojection(placed.size)
        self._luma = Luma(visible, self._reprojection.small)
        self._between = Reprojection(placed.size)  # of pairs
        self._pair_blend = PairBlend(steadiness)
        self._luma_blend = LumaBlend(self._large, steadiness)
        self._guide = Guide(placed.size, self._large, shown.size)
        self._trust = Trust()
        self._gain = Gain()
        # Of the pair:
        self._pair: Pixels | None = None  # of `planes_of`
        self._codes: Pixels | None = None  # slopes, small
        self._pair_small: _Smaller | None = None  # where it is guided
        self._small: Pixels | None = None  # luma
        self._last: Pixels | None = None  # luma of the frame that it was shown for last, small
        self._seen: Pixels | None = None
        self._taken_at = 0.0

    def steady(self, steadiness: float) -> None:
        """Blend by another steadiness from now on."""
        self._pair_blend.use(steadiness)
        self._luma_blend.use(steadiness)

    def take(self, picture: Frame) -> None:
        """Work with this pair from now on. `picture` is the engine's, with `made_of`."""
        made_of = picture.made_of
        if made_of is None or picture.pixels is self._seen:
            return
        self._seen, self._last = picture.pixels, None
        part = self._placement.placed
        pair = planes_of(part.of(picture.pixels), luma_of(made_of.given, part))
        small = self._reprojection.shrunk(pair)
        found = self._since_the_last(_luma_in(small), picture.captured_at)
        self._trust.look_at(pair, small, made_of.look, found)
        if not self._trust.moves:
            found = None
        self._pair, small = self._pair_blend.blend(pair, small, made_of.look, found)
        self._small = _luma_in(small)
        if self._guided:
            self._codes = slopes(small)
            self._gain.look_at(pair, self._codes, made_of.look)
            means = np.asarray(cv2.blur(small, _AROUND), np.uint8)
            self._pair_small = _Smaller(small, means)

    def _since_the_last(self, small: Pixels, at: float) -> Followed | None:
        """Where a pair's luma was in the last pair's; None where nothing moves, or all did."""
        earlier, span, self._taken_at = self._small, at - self._taken_at, at
        if earlier is None or not self._between.possible:
            return None
        still = stillness(small, earlier)
        if _least(still) >= _STILL:
            return None
        found = self._between.follow(small, earlier, span, still)
        if found.wrong > _CUT:
            self._between.forget()
            self._pair_blend.forget()
            return None
        return found

    def resolve(self, pixels: Pixels, span: float, into: Pixels) -> Outcome:
        """Write the picture of a camera frame into (height, width, 3) of the outputs' size.

        `span`: seconds from the pair's frame to this one.
        """
        pair, codes = self._pair, self._codes
        knows = not self._reproject or (self._reprojection.possible and self._trust.moves)
        if pair is None or not knows:
            return Outcome.UNKNOWN
        self._luma.look_at(pixels)
        newest = self._luma.at(self._reprojection.small).copy()
        if self._last is not None and self._is_still(newest, self._last):
            return Outcome.SAME
        if self._reproject:
            found = self._follow(newest, span)
            if found is None:
                return Outcome.UNKNOWN
            pair = self._mended(sampled(pair, found.places), found)
            codes = None if codes is None else sampled(codes, found.small)
        self._last = newest
        if self._mirror:
            pair, newest = _mirrored(pair), _mirrored(newest)
            codes = None if codes is None else _mirrored(codes)
        target = self._placement.shown.of(into)
        if codes is None:
            self._guide.enlarge(pair, target)
        else:
            self._guide.apply(pair, codes, self._detail(newest), target)
        return Outcome.MADE

    def _detail(self, small: Pixels) -> Detail:
        """Of the frame that was looked at; `small` is its luma, mirrored if that is."""
        large, engine = (self._luma.at(size) for size in (self._large, self._pair_size))
        if self._mirror:
            large, engine = _mirrored(large), _mirrored(engine)
        return Detail(self._luma_blend.blend(large, small), engine, self._gain.value)

    def _mended(self, pair: Pixels, found: Followed) -> Pixels:
        """The pair, moved; where pixels were lost, what is around them."""
        smaller, lost = self._pair_small, found.lost
        if smaller is None or cv2.countNonZero(lost) < _WORTH_MENDING * lost.size:
            return pair
        around = sampled(smaller.means, found.small)
        places = np.asarray(cv2.dilate(lost, _NEAR), np.uint8)
        hidden = cv2.erode(lost, _NEAR)
        if cv2.countNonZero(hidden):
            hidden = cv2.dilate(hidden, _WIDER)
            cv2.bitwise_or(places, hidden, dst=places)
            wider = filled(sampled(smaller.pair, found.small), places)
            cv2.copyTo(cv2.resize(wider, around.shape[1::-1]), hidden, around)
        around, places = (
            np.asarray(cv2.resize(small, self._pair_size), np.uint8) for small in (around, places)
        )
        return np.asarray(cv2.copyTo(around, places, pair), np.uint8)

    def _is_still(self, newest: Pixels, last: Pixels) -> bool:
        return _least(stillness(newest, last)) >= _STILL

    def _follow(self, newest: Pixels, span: float) -> Followed | None:
        """Where the newest frame was in the pair; None where nothing says so."""
        earlier = self._small
        if earlier is None:
            return None
        still = stillness(newest, earlier)
        found = self._reprojection.follow(newest, earlier, span, still)
        if found.wrong > _CUT:
            self._reprojection.forget()
            self._luma_blend.forget()
            return None
        return found


def _least(plane: Mask) -> float:
    return float(cv2.minMaxLoc(plane)[0])


def _luma_in(pair: Pixels) -> Pixels:
    return np.asarray(cv2.extractChannel(pair, 3), np.uint8)


def _mirrored(picture: Pixels) -> Pixels:
    return np.asarray(cv2.flip(picture, 1), np.uint8)
