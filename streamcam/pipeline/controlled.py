"""Controlled: what of a run can be asked and changed while it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from streamcam.clock.tempo import Tempo
from streamcam.errors import UnknownChoice
from streamcam.looks.curtains import OPEN
from streamcam.options import Options
from streamcam.pipeline.sources import ChosenSource, devices
from streamcam.presets import Preset, load_preset, preset_names
from streamcam.sink import Format

if TYPE_CHECKING:
    from streamcam.pipeline.live import Live
    from streamcam.pipeline.look_previews import LookPreviews
    from streamcam.pipeline.opening import Opening
    from streamcam.presets.arrangement import Place
    from streamcam.sink.web import WebSink

_NOT_STARTED = "the pipeline was not started"


class Controlled:
    """The half of `Pipeline` that doors call (control/controls.py). From any thread."""

    _options: Options
    _source: ChosenSource
    _opening: Opening | None
    _live: Live | None

    @property
    def web_sink(self) -> WebSink | None:
        """Where the page gets its picture from; None if it shows none."""
        return None if self._opening is None else self._opening.web_sink

    @property
    def outputs(self) -> list[str]:
        return [] if self._opening is None else self._opening.outputs

    @property
    def form(self) -> Format:
        return self._options.format

    @property
    def preset(self) -> Preset:
        """The one that runs; another one takes its place once its engine is built."""
        return self._live.preset if self._live else self._options.preset

    @property
    def written(self) -> Preset | None:
        """What this run wrote last to the file of the preset that plays; None: nothing."""
        return self._live.playing.written if self._live else None

    @property
    def preset_name(self) -> str:
        return self.preset.name

    def preset_names(self) -> list[str]:
        return preset_names()

    @property
    def look(self) -> str:
        return self._running.playing.box.look

    def look_names(self) -> list[str]:
        """The preset's own look, then those of its [looks]."""
        preset = self.preset
        return [preset.name, *preset.look_names]

    @property
    def scenes(self) -> dict[str, str]:
        return self.preset.obs.scenes

    @property
    def source(self) -> str:
        return self._source.choice

    def devices(self) -> dict[str, list[dict[str, str]]]:
        return devices()

    def select_source(self, choice: str) -> str:
        return self._source.select(choice)

    @property
    def previews(self) -> LookPreviews:
        return self._running.previews

    def select_look(self, name: str) -> None:
        self._running.select_look(name)

    @property
    def curtain(self) -> str:
        return self._opening.curtain.name if self._opening else OPEN

    def draw_curtain(self, name: str) -> None:
        self._opened.curtain.draw(name)

    def select_preset(self, name: str) -> None:
        """Takes names alone, no paths: a web page may ask."""
        if name not in preset_names():
            raise UnknownChoice("preset", name, preset_names())
        self.apply_preset(load_preset(name))

    def apply_preset(self, preset: Preset) -> None:
        """Change to `preset` without a missed tick; what needs another engine, once it is built.

        Raises `UsageError`; what runs then stays.
        """
        self._running.apply(preset)

    def values(self) -> dict[str, Any]:
        """Every value that can be changed, by key, as it is set now."""
        return self._running.playing.now()

    def change_values(self, wanted: Mapping[str, object]) -> None:
        """Change values by key, all or none, from the next frame on. Takes the time of encoding
        new words. Raises `UsageError` naming key, value and what is allowed."""
        self._running.playing.change(wanted)

    def prepare_values(self, wanted: Mapping[str, object]) -> None:
        """Check values and encode their words, so that changing them takes no time. Raises
        `UsageError`."""
        self._running.playing.prepare(wanted)

    @property
    def quantise(self) -> str:
        return self.preset.control.quantise

    @property
    def tempo(self) -> Tempo:
        return self._running.playing.box.tempo

    def keep_time(self, tempo: Tempo) -> None:
        self._running.playing.box.tempo = tempo

    def take_plate(self) -> str:
        """Keep the camera's newest frame as the picture of the empty room; its path. Raises
        `UsageError`."""
        return str(self._running.workers.take_plate(self._running.preset))

    def arrange_looks(self, places: Sequence[Place]) -> None:
        self._running.playing.arrange(places)

    def put_looks_back(self, before: Preset, look: str) -> None:
        self._running.playing.put_looks_back(before, look)

    def save(self, name: str) -> str:
        """Write a preset of the user's with what plays now; its path. Raises `UsageError`."""
        return str(self._running.playing.save(name))

    @property
    def _running(self) -> Live:
        if self._live is None:
            raise RuntimeError(_NOT_STARTED)
        return self._live

    @property
    def _opened(self) -> Opening:
        if self._opening is None:
            raise RuntimeError(_NOT_STARTED)
        return self._opening
