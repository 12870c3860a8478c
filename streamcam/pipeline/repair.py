"""Repair: what to build after an engine broke, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from engines.api import EngineSpec
from engines.errors import EngineError
from streamcam.errors import told
from streamcam.infer.size import smaller_size
from streamcam.stats import Stats

_LASTED = 10.0  # seconds that an engine ran after which its failure is a new one


class Repair:
    """The same engine once more, then one for a smaller picture if there is a smaller size, then
    none. Not thread-safe.

    trouble  what viewers may know; "" while an engine runs. May be read from any thread
    """

    def __init__(self, stats: Stats, clock: Callable[[], float] = perf_counter) -> None:
        """`stats` gets the notice "engine", with all that is known."""
        self.trouble = ""
        self._stats = stats
        self._clock = clock
        self._attempts = 0
        self._running, self._running_since = True, clock()

    def running(self) -> None:
        """An engine has taken over."""
        if self.trouble:
            self.trouble = ""
            self._running, self._running_since = True, self._clock()
            self._stats.notice("engine", "")

    def after(self, spec: EngineSpec, error: Exception, *, other: bool) -> EngineSpec | None:
        """What to build after the engine of `spec` broke or could not be built; None: nothing.

        other  another one is being built already, for another preset
        """
        said = told(error, EngineError)
        reason = f"the engine failed: {said}{'' if said.endswith(('.', '!', '?')) else '.'}"
        self.trouble = "The picture engine is being started again"
        if other:
            self._stats.notice("engine", f"{reason} Another one is being built.")
            return None
        following = self._following(spec)
        if following is None:
            self.trouble = "The picture engine has stopped"
            what_now = "No other one is tried until a preset is saved or chosen."
        else:
            what_now = f"It is built again, {following.width}x{following.height}."
        self._stats.notice("engine", f"{reason} {what_now}")
        return following

    def _following(self, spec: EngineSpec) -> EngineSpec | None:
        if self._running and self._clock() - self._running_since >= _LASTED:
            self._attempts = 0
        self._running = False
        self._attempts += 1
        if self._attempts == 1:
            return spec
        if self._attempts > 2:
            return None
        width, height = smaller_size(spec.width, spec.height) or (spec.width, spec.height)
        return replace(spec, width=width, height=height)
