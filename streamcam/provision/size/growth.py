"""Growth: a larger automatic size, once an engine runs that is faster than the first one was."""

from __future__ import annotations

from engines.api import Engine
from engines.errors import EngineFailed
from streamcam.frames.geometry import Size
from streamcam.provision.pending import Pending
from streamcam.provision.size import holds, larger_size
from streamcam.provision.size.fitting import frame_seconds
from streamcam.provision.spec import Specs


class Growth:
    """Used by the thread "rebuild", with engines that have not taken over yet.

    Other work on the device slows them down, so the size is rather too small.
    """

    def __init__(self, fps: float, specs: Specs) -> None:
        """`fps`: the rate that is to be held."""
        self._fps = fps
        self._specs = specs
        self._too_large: set[Size] = set()

    def following(self, engine: Engine, pending: Pending) -> Pending | None:
        """What to build once the engine of `pending` runs; None: nothing. Takes a sixth of a second
        or five frames where a better engine has a size that the program chose.

        Raises `EngineFailed` for an engine of a larger size that does not hold the rate, and what
        the engine raises.
        """
        if not pending.better or not self._specs.has_automatic_size(pending.preset):
            return None
        seconds = frame_seconds(engine)
        if pending.grows and not holds(seconds, self._fps):
            self._too_large.add((engine.spec.width, engine.spec.height))
            raise EngineFailed(f"a frame takes {seconds * 1e3:.0f} ms.")
        size = larger_size(engine, seconds, self._fps, self._specs.automatic.aspect)
        if size is None or size in self._too_large:
            return None
        return Pending(pending.preset, pending.recipe.at(*size), grows=True)
