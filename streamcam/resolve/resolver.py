"""Resolver: the newest camera frame and the newest pair become a picture for the outputs."""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import Frame, Pixels
from streamcam.frames.geometry import Placement, Size, View
from streamcam.resolve import Level
from streamcam.resolve.guide import Guide, slopes
from streamcam.resolve.luma import Luma, luma_of
from streamcam.resolve.reprojection import Maps, Reprojection, sampled, wrong_share
from streamcam.resolve.steadiness import LumaBlend, PairBlend, noise_of, stillness
from streamcam.resolve.trust import Trust

_CUT = 0.35  # share of the picture that was not found again: another scene
_DETAIL = 1.2  # times the engine's width that the frame must have before it has detail to give


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
        self._size: Size = view.size
        self._mirror = mirror
        self._reproject = reproject
        shown, placed, visible = placement.shown, placement.placed, placement.visible
        larger = min(shown.width, visible.width) >= _DETAIL * placed.width
        self._guided = level is Level.GUIDED and larger
        self._luma = Luma(placement)
        self._pair_blend = PairBlend(steadiness)
        self._luma_blend = LumaBlend(shown.size, steadiness)
        self._guide = Guide(shown.size)
        self._flipped = np.empty((shown.height, shown.width), np.uint8)
        self._reprojection = Reprojection(placed.size)
        self._trust = Trust(placed.size)
        # Of the pair:
        self._styled: Pixels | None = None  # with luma as a fourth channel
        self._codes: Pixels | None = None
        self._small: Pixels | None = None
        self._seen: Pixels | None = None
        self._taken_at = 0.0
        self._noise = 1.0  # levels

    def take(self, picture: Frame) -> None:
        """Work with this pair from now on. `picture` is the engine's, with `made_of`."""
        made_of = picture.made_of
        if made_of is None or picture.pixels is self._seen:
            return
        self._seen = picture.pixels
        part = self._placement.placed
        luma, styled = luma_of(made_of.given, part), part.of(picture.pixels)
        small = self._reprojection.shrunk(luma)
        self._noise = noise_of(small)
        if self._reproject and self._reprojection.possible:
            span = picture.captured_at - self._taken_at
            self._trust.look_at(styled, small, made_of.look, span)
            self._taken_at = picture.captured_at
        styled, luma = self._pair_blend.blend(styled, luma, made_of.look, self._noise)
        self._styled = np.dstack([styled, luma])
        self._small = self._reprojection.shrunk(luma)
        if self._guided:
            self._codes = slopes(styled, luma)

    def resolve(self, pixels: Pixels, span: float, into: Pixels) -> bool:
        """Write the picture of a camera frame into (height, width, 3) of the outputs' size.

        `span`: seconds from the pair's frame to this one. False, and nothing written, where the
        frame does not show what the pair does, or the look does not move along.
        """
        styled, earlier, codes = self._styled, self._small, self._codes
        if styled is None or earlier is None:
            return False
        self._luma.look_at(pixels)
        newest = self._reprojection.shrunk(self._luma.small)
        if self._reproject:
            maps = self._follow(newest, earlier, span)
            if maps is None:
                return False
            styled = sampled(styled, maps)
            codes = None if codes is None else sampled(codes, maps)
        if self._mirror:
            styled, newest = _mirrored(styled), _mirrored(newest)
            codes = None if codes is None else _mirrored(codes)
        shown = self._placement.shown
        look, target = styled[:, :, :3], shown.of(into)
        if codes is None:
            cv2.resize(look, shown.size, dst=target, interpolation=cv2.INTER_CUBIC)
            return True
        detail = self._luma.large
        if self._mirror:
            detail = _mirrored(detail, self._flipped)
        self._luma_blend.blend(detail, newest, self._noise)
        self._guide.apply(look, styled[:, :, 3], codes, detail, target)
        return True

    def _follow(self, newest: Pixels, earlier: Pixels, span: float) -> Maps | None:
        """Where the newest frame was in the pair; None where nothing says so."""
        if not (self._reprojection.possible and self._trust.moves):
            return None
        still = stillness(newest, earlier, self._noise)
        maps, difference = self._reprojection.follow(newest, earlier, span, still)
        if wrong_share(difference) > _CUT:
            self._reprojection.forget()
            self._luma_blend.forget()
            return None
        return maps


def _mirrored(picture: Pixels, into: Pixels | None = None) -> Pixels:
    return np.asarray(cv2.flip(picture, 1, dst=into), np.uint8)
