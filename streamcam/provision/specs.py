"""Specs: which engine a preset gets in a run, as things stand."""

from __future__ import annotations

from dataclasses import replace

from engines.api import EngineSpec
from engines.errors import EngineError, InvalidPrompt
from streamcam.errors import UsageError
from streamcam.options import Options
from streamcam.presets import Preset
from streamcam.provision.repair import Repair
from streamcam.provision.shape import AutomaticSize
from streamcam.provision.spec import spec_for


class Specs:
    """Not thread-safe, but `of`, which may be called from any thread.

    automatic  what "auto" stands for in the sizes of presets to come
    """

    def __init__(self, options: Options, running: EngineSpec, repair: Repair) -> None:
        """`running`: the first engine's own spec."""
        self.automatic = AutomaticSize((running.width, running.height))
        self._options = options
        self._batching = running.batching
        self._repair = repair

    def of(self, preset: Preset) -> EngineSpec:
        """With what has failed in this run replaced by what works. Raises `UsageError`."""
        try:
            spec = spec_for(preset, self._options, self.automatic.size, self._batching)
        except InvalidPrompt as error:
            raise UsageError(str(error)) from error
        except EngineError as error:
            raise UsageError(f"preset {preset.name}: {error}") from error
        return self._repair.instead(spec)

    def of_shape(self, aspect: float, preset: Preset, spec: EngineSpec) -> EngineSpec:
        """`spec` for a picture that has another width / height now; as it is if the size of
        `preset` is not the program's choice."""
        self.automatic.follow(aspect)
        if not self.has_automatic_size(preset):
            return spec
        width, height = self.automatic.size
        return replace(spec, width=width, height=height)

    def has_automatic_size(self, preset: Preset) -> bool:
        """Whether the program chooses it."""
        return not (self._options.size or preset.size)
