"""Masked: finished pictures with a preset's [mask] put on them."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from streamcam.frames import Frame, Pixels
from streamcam.frames.geometry import View
from streamcam.mask.composer import Composer
from streamcam.mask.masking import Masking
from streamcam.notices import Notice
from streamcam.stats import Stats

_TOPIC = "mask"


class Masked:
    """Used by the thread "post" alone, but for `masking`, which any thread may set.

    masking  None: the whole picture is styled
    """

    def __init__(
        self,
        view: View,
        *,
        mirror: bool = False,
        masking: Masking | None = None,
        stats: Stats | None = None,
    ) -> None:
        """`stats` get the time that it takes, and a notice where there is no mask."""
        self.masking = masking
        self._view, self._mirror = view, mirror
        self._stats = stats
        self._composer: Composer | None = None
        self._shown: Pixels | None = None  # last

    @property
    def label(self) -> str:
        """What the mask shows, for people; "" without one."""
        masking = self.masking
        return "" if masking is None else masking.label

    def put_on(self, frame: Frame, whole: Pixels | None) -> Frame:
        """`frame`, of the outputs' size, was made of the camera's frame `whole`, of any size; None:
        it is no engine's picture, and stays as it is."""
        masking = self.masking
        if masking is None or whole is None or masking.two_looks:  # which "infer" does
            self._leave()
            return frame
        if self._composer is None or self._composer.masking is not masking:
            self._leave()
            self._composer = Composer(self._view, masking, self._put_up, mirror=self._mirror)
        began = perf_counter()
        pixels = self._composer.compose(frame.pixels, whole, still=frame.repeat)
        if self._stats is not None and pixels is not self._shown:
            self._stats.took("mask", perf_counter() - began)
        again = frame.repeat and pixels is self._shown
        self._shown = pixels
        return replace(frame, pixels=pixels, repeat=again, cut_out=self._composer.cut_out)

    def _leave(self) -> None:
        if self._composer is not None:
            self._composer, self._shown = None, None
            self._put_up("")

    def _put_up(self, matter: str) -> None:
        if self._stats is not None:
            self._stats.notices.put(Notice(_TOPIC, matter))
