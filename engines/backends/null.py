"""The test device: no model, returns its input. Runs the whole app on any machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.api import UNWATCHED, Area, Embedding, Engine, EngineSpec, Params, Watch
from engines.prompts.syntax import parse

_PROMPT_SHAPE = (1, 4)


class NullEngine:
    """Engine whose picture is its input, `delay` frames late like a real stream batch."""

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = replace(
            spec, backend="null", device="CPU", precision="float32", execution="eager"
        )
        self.delay = spec.steps - 1 if spec.batching == "stream" else 0
        self.patched = False
        self.label = "null (shows its input; for tests)"
        self._flight: list[NDArray[np.uint8]] = []
        self._pictures: deque[NDArray[np.uint8]] = deque()

    def encode(self, prompt: str, loras: tuple[float, ...] = ()) -> Embedding:
        """A constant that depends on the prompt. Any length will do."""
        parse(prompt)
        value = float(sum(prompt.encode()) % 97) / 97.0
        return Embedding(np.full(_PROMPT_SHAPE, value, np.float32))

    def run(
        self,
        frame_HWC: NDArray[np.uint8],
        params: Params,
        out_HWC: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        out = np.empty_like(frame_HWC) if out_HWC is None else out_HWC
        if self.delay == 0:
            np.copyto(out, frame_HWC)
            return out
        if not self._flight:
            self._flight = [frame_HWC.copy() for _ in range(self.delay)]
        oldest = self._flight.pop(0)
        np.copyto(out, oldest)
        np.copyto(oldest, frame_HWC)
        self._flight.append(oldest)
        return out

    def start(
        self,
        frame_HWC: NDArray[np.uint8],
        params: Params,
        out_HWC: NDArray[np.uint8] | None = None,
        changed: Area | None = None,
    ) -> None:
        """All is done here, whatever changed."""
        self._pictures.append(self.run(frame_HWC, params, out_HWC))

    def finish(self) -> NDArray[np.uint8]:
        return self._pictures.popleft()

    def prepare_patches(self, watch: Watch = UNWATCHED) -> None:
        """It has none."""

    def restart(self) -> None:
        self._flight.clear()

    def take_over(self, other: Engine) -> bool:
        if not isinstance(other, NullEngine) or self.spec != other.spec:
            return False
        self._flight, other._flight = other._flight, []
        return True

    def stage_ms(self) -> Mapping[str, float]:
        return {}

    def close(self) -> None: ...
