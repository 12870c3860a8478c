"""Noise: η of a seed, or of a mix of seeds while one crosses over to another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.step.schedule import initial_noise

_CACHED = 8  # noises; twice what a mix holds


class SeedNoise:
    """Noise of one shape. Used by one thread.

    Another mix gives another array object, so that a runner sees by its identity that it
    changed. A mix is written into one of two buffers by turns: the array stays valid until the next
    call.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._of_seed: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._mixed = [np.empty(shape, np.float32) for _ in range(2)]
        self._scaled = np.empty(shape, np.float32)

    def __call__(self, mix: Sequence[tuple[int, float]]) -> NDArray[np.float32]:
        """Σ w·η(seed). Normal with the variance Σ w², since the seeds' noises are independent."""
        if len(mix) == 1 and mix[0][1] == 1.0:
            return self._noise(mix[0][0])
        self._mixed.reverse()
        mixed = self._mixed[0]
        mixed.fill(0.0)
        for seed, weight in mix:
            np.multiply(self._noise(seed), np.float32(weight), out=self._scaled)
            mixed += self._scaled
        return mixed

    def _noise(self, seed: int) -> NDArray[np.float32]:
        noise = self._of_seed.get(seed)
        if noise is None:
            noise = self._of_seed[seed] = initial_noise(seed, self._shape)
            if len(self._of_seed) > _CACHED:
                self._of_seed.popitem(last=False)
        self._of_seed.move_to_end(seed)
        return noise
