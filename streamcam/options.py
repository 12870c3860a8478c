"""Options: one run, with every choice made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from streamcam.capture import FilmInfo, Opened, Source, Wanted, open_source
from streamcam.frames.geometry import Size, View
from streamcam.presets import Preset
from streamcam.sink import Format, Sink, open_sink

if TYPE_CHECKING:
    from streamcam.remote.address import Address

LIVE_SIZE = (1280, 720)  # what every program that takes a camera takes
LIVE_FPS = 30.0
_LONGEST = 7680  # pixels of a rendered picture's longer side, as in a preset


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run. What is None comes from the preset.

    source    as `capture.open_source` takes it
    outputs   as `sink.open_sink` takes them; the first one is the one whose figures are shown
    size      (width, height) of the engine
    fps       ticks per second of the outputs
    device    of the engine, as `EngineSpec.device`
    engine    of another machine, which shows the picture while it can be reached; None: there is
              none
    realtime  False: a file is rendered frame by frame, however long it takes
    open_source  makes the source, on the thread "capture"
    open_sink  makes a sink of each name in `outputs`, on the main thread, and again on its own
              thread after a loss
    opened    what the source of a rendered file turned out to be: an automatic size of the outputs
              is its own, and they have its rate; None before that is known, and live
    web       serve the page; the picture goes there as well. `port` None: any free one
    """

    preset: Preset
    source: str
    outputs: tuple[str, ...]
    size: Size | None = None
    fps: float | None = None
    model: str | None = None
    backend: str | None = None
    device: str | None = None
    engine: Address | None = None
    realtime: bool = True
    web: bool = True
    port: int | None = None
    open_source: Callable[[str, Wanted], Source] = open_source
    open_sink: Callable[[str, Format], Sink] = open_sink
    opened: Opened | None = None

    @property
    def format(self) -> Format:
        """What the outputs get.

        Of a rendered file `fps` is the most, and each picture keeps its own time.
        """
        width, height = self.preset.output.size or _own_size(self.opened)
        fps = self.fps or self.preset.output.fps or LIVE_FPS
        film = (self.opened and self.opened.film) or FilmInfo()
        quality, audio = self.preset.output.quality, self.preset.output.audio
        return Format(
            width,
            height,
            fps,
            realtime=self.realtime,
            rate=film.rate,
            tick=film.tick,
            quality=quality,
            tracks=film.tracks,
            microphone="" if not self.realtime or audio in ("auto", "off") else audio,
            alpha=cuts_out(self.preset),
        )

    def unmet(self, preset: Preset) -> str:
        """What of another preset the outputs cannot follow, for people; "" if there is nothing."""
        form = self.format
        if replace(self, preset=preset).format == replace(form, alpha=cuts_out(preset)):
            kept = [name for name in self.outputs if name.lower().endswith((".mov", ".webm"))]
            if not kept or form.alpha or not cuts_out(preset):
                return ""
            return (
                f"preset {preset.name}: {kept[0]} was begun without alpha and shows mask.colour; "
                "transparent files need a new start"
            )
        return (
            f"preset {preset.name}: another output size or rate needs a new start; "
            f"the outputs keep {form.width}x{form.height} at {form.fps:g} fps"
        )

    @property
    def wanted(self) -> Wanted:
        """What the source is asked for."""
        form = self.format
        return Wanted(
            form.width,
            form.height,
            form.fps,
            self.realtime,
            loop=self.realtime,
            sound=not self.realtime and self.preset.output.audio != "off",
            most=self.fps or self.preset.output.fps,
        )


def cuts_out(preset: Preset) -> bool:
    """Whether there is to be nothing behind the person, where an output can show that."""
    return preset.mask.source != "off" and preset.mask.background == "transparent"


def view_for(preset: Preset, options: Options) -> View:
    """What the outputs show of a source; their size stays that of the start."""
    form = options.format
    return View((form.width, form.height), preset.output.fit)


def left_out(film: FilmInfo, options: Options) -> list[str]:
    """What of a film a recording does not hold, as lines for people."""
    lines, missing = [], film.sound - len(film.tracks)
    if missing and options.realtime:
        more = "and the microphone" if options.format.microphone else "alone"
        lines.append(f"sound: left out, a live recording holds the picture {more}")
    elif missing and options.preset.output.audio == "off":
        lines.append("sound: left out, as the preset says")
    elif missing:
        lines.append(
            f"sound: {missing} of {film.sound} tracks left out, nothing here can decode it"
        )
    if film.subtitles and not options.realtime:
        lines.append("subtitles: left out, a recording has none")
    return lines


def _own_size(opened: Opened | None) -> Size:
    """The source's own size in even numbers, as video files need them; scaled down where its longer
    side is beyond _LONGEST."""
    if opened is None:
        return LIVE_SIZE
    scale = min(1.0, _LONGEST / max(opened.width, opened.height))
    return _even(opened.width * scale), _even(opened.height * scale)


def _even(length: float) -> int:
    return max(2, int(length) // 2 * 2)
