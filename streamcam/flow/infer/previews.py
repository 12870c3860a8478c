"""Previews: small pictures of the newest frame in other looks, made when the engine has time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

import cv2
import numpy as np

from engines.api import Params
from streamcam.frames import Pixels
from streamcam.looks.params import ParamsBox

WIDTH = 256  # pixels
_WANTED_SECONDS = 6.0  # that a wish lasts
# Shares of the engine's time: while the gate spares frames or the engine waits for them, and while
# it is behind the camera, where a preview costs a picture of the stream; there the first of each
# look may come sooner.
_IDLE_SHARE, _FIRST_SHARE, _BUSY_SHARE = 0.25, 0.1, 0.02


@dataclass(frozen=True, slots=True)
class Preview:
    """number  of all that were made; `params` and `scene` say of what."""

    number: int
    pixels: Pixels
    params: Params
    scene: int


class Previews:
    """`want` and `made` from any thread; the rest by "infer". Times: `perf_counter()` seconds."""

    def __init__(self) -> None:
        self._until = self._due = 0.0
        self._number = 0
        self._lock = Lock()
        # Protected by _lock:
        self._box: ParamsBox | None = None
        self._wanted: Mapping[str, Params] = {}
        self._made: dict[str, Preview] = {}

    def want(self, looks: Mapping[str, Params], box: ParamsBox, now: float) -> None:
        """Make them for some seconds to come, whichever is the oldest. `looks`: as the engine reads
        them that reads `box`."""
        with self._lock:
            self._box, self._wanted = box, looks
            self._made = {name: one for name, one in self._made.items() if name in looks}
            self._until = now + _WANTED_SECONDS

    def made(self) -> dict[str, Preview]:
        """By the name of the look; a copy."""
        with self._lock:
            return dict(self._made)

    def next(self, box: ParamsBox, scene: int, now: float) -> tuple[str, Params] | None:
        """What to make now on the engine that reads `box`; None for nothing. `scene` is another
        number whenever the picture has changed."""
        if not self._due <= now < self._until:
            return None
        with self._lock:
            if box is not self._box:
                return None
            stale = [name for name in self._wanted if not self._is_fresh(name, scene)]
            if not stale:
                return None
            name = min(stale, key=self._age)
            return name, self._wanted[name]

    def put(self, name: str, pixels: Pixels, params: Params, scene: int) -> None:
        """It is there: `pixels` are made small."""
        height, width = pixels.shape[:2]
        wide = min(WIDTH, width)
        small = np.empty((max(round(height * wide / width), 1), wide, 3), np.uint8)
        cv2.resize(pixels, small.shape[1::-1], dst=small, interpolation=cv2.INTER_AREA)
        self._number += 1
        with self._lock:
            if name in self._wanted:
                self._made[name] = Preview(self._number, small, params, scene)

    def rest(self, took: float, now: float, *, idle: bool) -> None:
        """One took so long: the next is made later, so that all take no more than their share."""
        with self._lock:
            busy = _BUSY_SHARE if self._wanted.keys() <= self._made.keys() else _FIRST_SHARE
        self._due = now + took / (_IDLE_SHARE if idle else busy)

    def _is_fresh(self, name: str, scene: int) -> bool:
        made = self._made.get(name)
        return made is not None and made.params is self._wanted[name] and made.scene == scene

    def _age(self, name: str) -> int:
        made = self._made.get(name)
        return 0 if made is None or made.params is not self._wanted[name] else made.number
