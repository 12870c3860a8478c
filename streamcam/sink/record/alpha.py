"""Alpha: video that keeps it. ProRes 4444 for editing, in a .mov; VP9 for browsers and OBS, in a
.webm."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from av.video.codeccontext import VideoCodecContext

from streamcam.sink import Format, Quality
from streamcam.sink.record.h264 import Coding, Effort, describe
from streamcam.sink.record.timeline import Timeline

_FACTOR: dict[Quality, int] = {"small": 33, "good": 24, "best": 15}  # VP9's, 0 to 63


@dataclass(frozen=True, slots=True)
class ProRes:
    """4444 with eight bits of alpha, every picture on its own. The quality is ProRes' own."""

    form: Format
    rate: Fraction
    time_base: Fraction
    codec: ClassVar[str] = "prores_ks"
    pix_fmt: ClassVar[str] = "yuva444p10le"
    label: ClassVar[str] = "ProRes 4444 with alpha"
    adjustable: ClassVar[bool] = False
    reordered: ClassVar[bool] = False
    alpha: ClassVar[bool] = True

    def configure(self, context: VideoCodecContext, effort: Effort) -> None:
        """Tell an encoder that is not open yet."""
        del effort
        context.options = {"profile": "4444", "alpha_bits": "8", "vendor": "apl0"}
        describe(context, self.form, (self.rate, self.time_base), self.pix_fmt)


@dataclass(frozen=True, slots=True)
class Vp9:
    """With alpha where pictures may have one: a second stream of the same kind beside the first,
    which FFmpeg's own decoder leaves out and libvpx's and browsers' do not."""

    form: Format
    rate: Fraction
    time_base: Fraction
    codec: ClassVar[str] = "libvpx-vp9"
    adjustable: ClassVar[bool] = False
    reordered: ClassVar[bool] = False

    @property
    def alpha(self) -> bool:
        return self.form.alpha

    @property
    def pix_fmt(self) -> str:
        return "yuva420p" if self.alpha else "yuv420p"

    @property
    def label(self) -> str:
        """For people."""
        return "VP9 with alpha" if self.alpha else "VP9"

    def configure(self, context: VideoCodecContext, effort: Effort) -> None:
        """Tell an encoder that is not open yet."""
        del effort
        live = self.form.realtime
        options = {
            "auto-alt-ref": "0",  # with pictures that are not shown there is no alpha
            "deadline": "realtime" if live else "good",
            "cpu-used": "8" if live else "5",
            "lag-in-frames": "0",  # what it holds is lost if the program is killed
            "row-mt": "1",
            "g": str(max(1, round(2 * self.form.fps))),
        }
        if self.form.quality == "lossless":
            options["lossless"] = "1"
        else:
            options["crf"] = str(_FACTOR[self.form.quality])
        context.options = options
        describe(context, self.form, (self.rate, self.time_base), self.pix_fmt)


AnyCoding = Coding | ProRes | Vp9


def coding_for(container: str, form: Format, timeline: Timeline) -> AnyCoding:
    """How the pictures of a file of that kind are encoded."""
    rate, base = timeline.rate, timeline.time_base
    if container == "webm":
        return Vp9(form, rate, base)
    if container == "mov" and form.alpha:
        return ProRes(form, rate, base)
    # An .mp4 with B pictures has a wrong length unless all pictures last equally long.
    return Coding(form, rate, base, reordered=timeline.steady)
