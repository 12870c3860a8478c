"""Composer: the styled picture, the camera's very frame and its mask become what is shown.

Whatever goes wrong with a mask, the whole picture is shown styled.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from streamcam.errors import told
from streamcam.frames import FramePool, Pixels
from streamcam.frames.geometry import Box, Size, View
from streamcam.frames.scaling import Scaler
from streamcam.mask import NoMask, Plane
from streamcam.mask.between import Between
from streamcam.mask.cut_out import CutOut
from streamcam.mask.edges import Cut, Edges, put, taken
from streamcam.mask.foreground import freed
from streamcam.mask.masking import Masking
from streamcam.mask.steadiness import Steady

# Shares of the picture from which what a preset wants as it is would be the whole camera: the mask
# does not separate anything then.
_MOST_PERSON, _LEAST_PERSON = 0.9, 0.004
_REST_SECONDS = 1.0  # after a failure, until the mask is tried again


class Composer:
    """For outputs of one view and one masking. Used by one thread.

    cut_out  the person alone of what `compose` gave last, (height, width, 4) with alpha, where the
             masking asks for it; None where nothing is cut out
    """

    def __init__(
        self,
        view: View,
        masking: Masking,
        put_up: Callable[[str], None],
        *,
        mirror: bool = False,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`put_up` is told what is the matter with the mask, and "" when nothing is any more."""
        self.masking = masking
        self._view = view
        self._mirror = mirror
        self._put_up = put_up
        self._clock = clock
        self._pool = FramePool(*view.size)
        self._edges = Edges(view.size)
        self._steady = Steady()
        self._between = Between()
        self._for: Size | None = None  # of the camera's frame, which these are for
        self._shown = Box(0, 0, *view.size)  # where outputs show it
        self._scaler: Scaler | None = None
        self._camera = np.zeros((view.size[1], view.size[0], 3), np.uint8)
        self._flipped = np.empty_like(self._camera)
        self._last: tuple[Pixels, Pixels, Pixels] | None = None  # styled, camera, made
        self._cut: Cut | None = None  # of that camera's frame
        self.cut_out: Pixels | None = None
        self._cut_out = CutOut(view.size) if masking.cuts_out else None
        self._matter = ""
        self._rests_until = float("-inf")

    def compose(self, styled: Pixels, frame: Pixels, *, still: bool = False) -> Pixels:
        """What is shown.

        styled  (height, width, 3) of the outputs' size, made of `frame`; not written to
        frame   (height, width, 3): the camera's, of any size
        still   it shows what the frame before did
        """
        last = self._last
        seen = last is not None and last[0] is styled and (still or last[1] is frame)
        if last is not None and seen and not self.masking.moves:
            return last[2]
        self.cut_out = None
        if self._clock() < self._rests_until:
            return styled
        try:
            made = self._made(styled, frame, seen=seen)
        except NoMask as error:
            self._fail(str(error))
            return styled
        except Exception as error:  # noqa: BLE001  # whatever a library raises: never the camera
            self._fail(told(error))
            self._rests_until = self._clock() + _REST_SECONDS
            return styled
        self._last = styled, frame, made
        self._say("")
        return made

    def _made(self, styled: Pixels, frame: Pixels, *, seen: bool) -> Pixels:
        camera = self._placed(frame)
        if not seen or self._cut is None:
            self._cut = self._cut_of(camera)
        cut, masking = self._cut, self.masking
        person = camera if masking.raw_person else styled
        background = masking.background
        behind = styled if background is None else background.behind(styled, camera, cut.small)
        made = self._pool.take()
        np.copyto(made, behind)
        cv2.copyTo(person, cut.inside, made)
        front = self._mix(cut, person, behind, made)
        _keep_bars(self._shown, styled, made)
        if self._cut_out is not None:
            cut_out = self._cut_out.of(made, cut, front, behind)
            for bar in _bars(self._shown):
                cut_out[bar] = 0
            self.cut_out = cut_out
        return made

    def _mix(self, cut: Cut, person: Pixels, behind: Pixels, made: Pixels) -> Pixels:
        """Where the mask is soft: the person's own colours over what is behind. The former,
        (count, pixels, 3)."""
        if not len(cut.soft[0]):
            return np.zeros((0, 0, 3), np.uint8)
        raw = self.masking.raw_person
        front = freed(cut.at if raw else taken(person, cut.soft), cut, person)
        if raw:
            self.masking.source.clean(front)
        put(cut.mixed(front, taken(behind, cut.soft)), made, cut.soft)
        return front

    def _cut_of(self, camera: Pixels) -> Cut:
        masking, shown = self.masking, self._shown
        half = _halved(camera)
        small = np.asarray(cv2.resize(half, self._edges.small, interpolation=cv2.INTER_LINEAR))
        light = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        mask = self._mask_of(half, light)
        luma = light * np.float32(1 / 255)
        cut = self._edges.cut(self._whole(mask, shown), camera, luma, masking.source)
        self._check(float(cut.small.mean()))
        return cut

    def _mask_of(self, half: Pixels, light: Pixels) -> Plane:
        """As its source has it, and steady: of the picture between the bars. `light`: the luma of
        the small mask's size."""
        size, source = self._view.size, self.masking.source
        seen = _scaled(self._shown, size, self._edges.small)
        light = seen.of(light)
        if self._cut is not None and not source.exact:
            known = self._between.mask(light, seen.of(self._cut.small))
            if known is not None:
                return self._steady.take(known)
        part = _scaled(self._shown, size, (half.shape[1], half.shape[0])).of(half)
        mask = source.look_at(np.ascontiguousarray(cv2.flip(part, 1)) if self._mirror else part)
        mask = np.asarray(cv2.flip(mask, 1) if self._mirror else mask, np.float32)
        mask = self._steady.blend(mask)
        self._between.looked(light, mask)
        return mask

    def _whole(self, mask: Plane, shown: Box) -> Plane:
        """The mask of the picture between the bars, of the whole output, small; a new array. Its
        edges go on over the bars."""
        width, height = self._edges.small
        part = _scaled(shown, self._view.size, self._edges.small)
        smaller = mask.shape[1] > part.width
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        placed = cv2.resize(mask, part.size, interpolation=how)
        down = (part.top, height - part.top - part.height)
        across = (part.left, width - part.left - part.width)
        return np.asarray(cv2.copyMakeBorder(placed, *down, *across, cv2.BORDER_REPLICATE))

    def _check(self, share: float) -> None:
        """Raises `NoMask` where the whole camera would be shown as it is."""
        if self.masking.raw_person and share > _MOST_PERSON:
            raise NoMask("it takes the whole picture for the person")
        if self.masking.raw_background and share < _LEAST_PERSON:
            raise NoMask("there is no person to be seen")

    def _placed(self, frame: Pixels) -> Pixels:
        """The camera's frame as an output shows it, until the next call: (height, width, 3)."""
        size = (frame.shape[1], frame.shape[0])
        if size != self._for:
            self._for, at = size, self._view.place(size)
            self._shown = self._mirrored(at.shown) if self._mirror else at.shown
            same = size == self._view.size and at.visible == at.shown
            self._scaler = None if same else Scaler(at.visible, at.shown)
            self._camera[:] = 0
            self._forget()
        camera = frame
        if self._scaler is not None:
            self._scaler.scale(frame, self._camera)
            camera = self._camera
        if self._mirror:
            cv2.flip(camera, 1, dst=self._flipped)
            return self._flipped
        return camera

    def _mirrored(self, box: Box) -> Box:
        return Box(self._view.size[0] - box.left - box.width, box.top, box.width, box.height)

    def _fail(self, why: str) -> None:
        self._last, self._cut = None, None
        self._forget()
        self._say(f"mask: {why}; the whole picture is styled")

    def _forget(self) -> None:
        self._steady.forget()
        self._between.forget()

    def _say(self, matter: str) -> None:
        if matter != self._matter:
            self._matter = matter
            self._put_up(matter)


def _halved(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    even = picture[: height // 2 * 2, : width // 2 * 2]
    half = cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)


def _scaled(box: Box, size: Size, small: Size) -> Box:
    """The same part of a smaller picture."""
    across, down = small[0] / size[0], small[1] / size[1]
    left, top = round(box.left * across), round(box.top * down)
    right, bottom = round((box.left + box.width) * across), round((box.top + box.height) * down)
    return Box(left, top, max(right - left, 1), max(bottom - top, 1))


def _keep_bars(shown: Box, styled: Pixels, made: Pixels) -> None:
    """What is beside the picture stays as it was."""
    for bar in _bars(shown):
        made[bar] = styled[bar]


def _bars(shown: Box) -> tuple[Any, ...]:
    """What is beside the picture, as indices."""
    bottom, right = shown.top + shown.height, shown.left + shown.width
    return np.s_[: shown.top], np.s_[bottom:], np.s_[:, : shown.left], np.s_[:, right:]
