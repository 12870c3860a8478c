"""RemoteEngine: an engine elsewhere that shows the picture while its link is good, and one on this
machine that does while it is not."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import replace
from threading import Lock

import numpy as np

from engines.api import UNWATCHED, Area, Embedding, Engine, Params, Picture, Watch
from streamcam.remote.link import Link

_KEPT = 64  # embeddings with their words


class RemoteEngine:
    """An `engines.api.Engine`, of the local one's size and spec.

    The local engine is ready all the time, so it shows the very frame that was not answered in
    time: within `trust.PATIENCE_SECONDS` and the time of one of its frames.
    """

    def __init__(self, local: Engine, link: Link) -> None:
        """Owns `local`, but not `link`, which outlives the engines of a run."""
        self.local = local
        self.spec, self.delay, self.label = local.spec, local.delay, local.label
        self.patched = False
        self._link = link
        self._away = False  # the last picture was made elsewhere
        self._made: deque[Picture] = deque()  # elsewhere, and not finished
        self._lock = Lock()
        self._encoded: OrderedDict[str, Embedding] = OrderedDict()  # protected by _lock

    def encode(self, prompt: str, loras: tuple[float, ...] = ()) -> Embedding:
        """As the local engine reads it, with its words, as the other one gets it. It has no live
        LoRAs."""
        del loras
        with self._lock:
            known = self._encoded.get(prompt)
            if known is None:
                known = replace(self.local.encode(prompt), words=prompt)
                self._encoded[prompt] = known
                if len(self._encoded) > _KEPT:
                    self._encoded.popitem(last=False)
            self._encoded.move_to_end(prompt)
            return known

    def run(self, frame_HWC: Picture, params: Params, out_HWC: Picture | None = None) -> Picture:
        self.start(frame_HWC, params, out_HWC)
        return self.finish()

    def start(
        self,
        frame_HWC: Picture,
        params: Params,
        out_HWC: Picture | None = None,
        changed: Area | None = None,
    ) -> None:
        """Where the link is good all is done here."""
        made = self._link.ask(frame_HWC, params) if self._link.good else None
        if made is not None:
            out = np.empty_like(frame_HWC) if out_HWC is None else out_HWC
            np.copyto(out, made)
            self._away = True
            self._made.append(out)
            return
        if self._away:  # what it has in flight is of another time
            self._away, changed = False, None
            self.local.restart()
        self.local.start(frame_HWC, params, out_HWC, changed)
        self._link.offer(frame_HWC, params)

    def finish(self) -> Picture:
        if self._made:
            self.patched = False
            return self._made.popleft()
        picture = self.local.finish()
        self.patched = self.local.patched
        return picture

    def prepare_patches(self, watch: Watch = UNWATCHED) -> None:
        self.local.prepare_patches(watch)

    def restart(self) -> None:
        self.local.restart()

    def take_over(self, other: Engine) -> bool:
        if not isinstance(other, RemoteEngine) or not self.local.take_over(other.local):
            return False
        self._away = other._away
        return True

    def stage_ms(self) -> Mapping[str, float]:
        return {} if self._away else self.local.stage_ms()

    def close(self) -> None:
        self.local.close()
