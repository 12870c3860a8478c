"""Options: one run, with every choice made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamcam.capture import Source, Wanted, open_source
from streamcam.presets import Preset
from streamcam.sink import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run. What is None comes from the preset.

    source    as `capture.open_source` takes it
    outputs   as `sink.open_sink` takes them; the first one is the one whose figures are shown
    size      (width, height) of the engine
    fps       ticks per second of the outputs
    realtime  False: a file is rendered frame by frame, however long it takes
    open_source  makes the source, on the thread "capture"
    web       serve the page; the picture goes there as well. `port` None: any free one
    """

    preset: Preset
    source: str
    outputs: tuple[str, ...]
    size: tuple[int, int] | None = None
    fps: float | None = None
    model: str | None = None
    backend: str | None = None
    realtime: bool = True
    web: bool = True
    port: int | None = None
    open_source: Callable[[str, Wanted], Source] = open_source

    @property
    def format(self) -> Format:
        """What the outputs get."""
        width, height = self.preset.output.size
        fps = self.fps or self.preset.output.fps
        return Format(width, height, fps, realtime=self.realtime)

    @property
    def wanted(self) -> Wanted:
        """What the source is asked for."""
        form = self.format
        return Wanted(form.width, form.height, form.fps, self.realtime, loop=self.realtime)
