"""H.264: what the encoder is told. How good the picture is, is one thing; how hard it works for a
small file is another, and may change in the middle of one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from streamcam.sink import Format, Quality

CODEC = "libx264"
# The constant rate factor, whole. A step of six is about half or twice the file.
_FACTOR: dict[Quality, int] = {"small": 21, "good": 15, "best": 9}
_LOOKAHEAD = 10  # pictures that the encoder holds back, of a live recording
# What the parameter sets (SPS, PPS) say is the same for every effort, so that one encoder may go on
# where another has ended: one reference picture, no weights, CABAC, transforms of 8x8. psy moves
# the offset of chroma with the effort. The whole factor is in there as well.
_ALIKE = "ref=1:weightp=0:weightb=0:cabac=1:8x8dct=1:psy=0"


@dataclass(frozen=True, slots=True)
class Effort:
    """What the encoder does for a small file at the same quality.

    preset  of x264
    factor  what is added to the constant rate factor, so that all efforts have about the same PSNR;
            less than one where others may follow, so that all have the same parameter sets
    more    parameters of x264
    """

    preset: str
    factor: float
    more: str = ""


# A restyled 1280x720 picture of anime, engraving and sketch at "good" (AMD EPYC, 40 pictures each;
# tests/benchmarks/rendered_film.py): milliseconds of a core, kB, and dB to the lossless pictures.
#   ultrafast  11, 10, 17   50, 51, 69   45.1, 43.1, 43.2
#   superfast  18, 22, 27   44, 53, 48   44.9, 42.9, 42.1
#   veryfast   29, 25, 34   40, 46, 55   44.8, 42.5, 42.8
#   medium     65, 69, 80   36, 42, 51   45.2, 43.0, 43.3
#   live       11, 13, 15   48, 41, 53   44.6, 41.6, 41.9
EFFORTS = (
    Effort("ultrafast", 0.99, "aq-mode=0:deblock=0,0"),  # x264's own has no CABAC
    Effort("superfast", 0.5, "subme=2"),
    Effort("veryfast", 0.2),
    Effort("medium", 0.5),
)
# Cores and disks are what a live run is short of. Nothing follows it.
_LIVE_EFFORT = Effort("superfast", 3.0)


@dataclass(frozen=True, slots=True)
class Coding:
    """What every encoder of a file has in common.

    rate, time_base  of the pictures, as `Timeline`
    reordered        B pictures: they shrink the file, by a quarter of anime and sketch (see above)
    """

    form: Format
    rate: Fraction
    time_base: Fraction
    reordered: bool
    codec: ClassVar[str] = CODEC
    pix_fmt: ClassVar[str] = "yuv420p"
    label: ClassVar[str] = "H.264"
    alpha: ClassVar[bool] = False

    @property
    def adjustable(self) -> bool:
        """Whether the effort may change."""
        return not self.form.realtime and self.form.quality != "lossless"

    def configure(self, context: VideoCodecContext, effort: Effort) -> None:
        """Tell an encoder that is not open yet."""
        form = self.form
        describe(context, form, (self.rate, self.time_base), self.pix_fmt)
        context.options = self._options(_LIVE_EFFORT if form.realtime else effort)

    def _options(self, effort: Effort) -> dict[str, str]:
        form = self.form
        params = [_ALIKE, f"bframes={3 if self.reordered else 0}"]
        if form.quality == "lossless":
            return {"preset": EFFORTS[0].preset, "x264-params": ":".join([*params, "qp=0"])}
        factor = _FACTOR[form.quality] + effort.factor
        options = {"preset": effort.preset, "crf": f"{factor:g}"}
        if form.realtime:
            # A key picture every two seconds makes the file easy to cut. The encoder looks ahead
            # for a third of a second at most: what it holds is lost if the program is killed.
            options["g"] = str(max(1, round(2 * form.fps)))
            options["rc-lookahead"] = str(min(_LOOKAHEAD, int(form.fps / 3)))
        return {**options, "x264-params": ":".join([*params, *filter(None, [effort.more])])}


def describe(
    context: VideoCodecContext, form: Format, times: tuple[Fraction, Fraction], pix_fmt: str
) -> None:
    """What an encoder is told of the pictures, whatever it encodes to. `times`: rate, time base."""
    context.width, context.height = form.width, form.height
    context.pix_fmt = pix_fmt
    context.bit_rate = 0  # it follows from the quality
    context.framerate, context.time_base = times
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.colorspace = Colorspace.ITU709
    context.color_range = ColorRange.MPEG
    context.flags |= Flags.global_header
    if form.realtime:
        # The engine needs the cores more than the encoder does.
        context.thread_count = max(1, (os.cpu_count() or 4) // 4)
