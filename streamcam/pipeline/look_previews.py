"""LookPreviews: the looks of the preset that plays, as the page shows them."""

from __future__ import annotations

from threading import Lock
from time import perf_counter

import cv2

from engines.api import Params
from engines.errors import EngineError
from streamcam.flow.infer.previews import Previews
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox
from streamcam.pipeline.playing import Playing

_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 80]


class LookPreviews:
    """From any thread. None are made unless they are asked for every few seconds."""

    def __init__(self, previews: Previews, playing: Playing) -> None:
        self._previews, self._playing = previews, playing
        self._lock = Lock()
        # Protected by _lock:
        self._box: ParamsBox | None = None
        self._encoded: dict[str, tuple[Look, Params]] = {}

    def numbers(self) -> dict[str, int]:
        """By the name of the look, a number that is another one for another picture. They are kept
        up to date for some seconds from now on."""
        with self._lock:
            box, looks = self._looks()
            self._previews.want(looks, box, perf_counter())
        return {name: one.number for name, one in self._previews.made().items()}

    def jpeg(self, name: str) -> bytes | None:
        """The picture in that look; None for none."""
        found = self._previews.made().get(name)
        if found is None:
            return None
        bgr = cv2.cvtColor(found.pixels, cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", bgr, _QUALITY)[1].tobytes()

    def _looks(self) -> tuple[ParamsBox, dict[str, Params]]:
        """Of a look that says the same as before the identical object."""
        preset, box = self._playing.preset, self._playing.box
        before = self._encoded if box is self._box else {}
        self._box, self._encoded = box, {}
        for name in (preset.name, *preset.look_names):
            look = preset.look(name)
            kept = before.get(name)
            try:
                params = kept[1] if kept and kept[0] == look else box.encoded(look)
            except EngineError:  # of another engine, which is just taking over
                continue
            self._encoded[name] = look, params
        return box, {name: params for name, (_, params) in self._encoded.items()}
