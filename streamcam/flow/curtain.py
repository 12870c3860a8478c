"""Curtain: what viewers see instead of the picture: at once, and whatever the engine is doing."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from streamcam.errors import UnknownChoice
from streamcam.frames import Frame, Pixels
from streamcam.looks.curtains import CURTAINS, OPEN
from streamcam.sink import Sink

_SAID = "Back in a moment"
_TOP, _BOTTOM, _ACCENT = (35, 32, 24), (11, 12, 15), (255, 180, 84)
_INK, _DIM = (241, 242, 244), (150, 152, 158)
_FONT = cv2.FONT_HERSHEY_DUPLEX
_WIDEST = 0.8  # of the width


class Curtain:
    """One for all outputs, used from any thread.

    live    the picture
    freeze  the last picture that was shown stays
    card    a card that says "Back in a moment"
    off     black
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """`size`: (width, height) of every output."""
        width, height = size
        black: Pixels = np.zeros((height, width, 3), np.uint8)
        self._covers: dict[str, Pixels] = {"card": card(size), "off": black}
        self._name = OPEN  # replaced as a whole by `draw`

    @property
    def name(self) -> str:
        """What is drawn: one of CURTAINS."""
        return self._name

    def draw(self, name: str) -> None:
        """From the next tick of every output on. Raises `UnknownChoice`."""
        if name not in CURTAINS:
            raise UnknownChoice("curtain", name, CURTAINS)
        self._name = name

    def cover(self, frame: Frame, shown: Frame | None) -> Frame:
        """What to show instead of `frame`: itself, or other pixels at its time.

        `shown` is what was shown last; with nothing yet, a frozen output is black.
        """
        name = self._name
        if name == OPEN:
            return frame
        if name == "freeze" and shown is not None:
            return replace(frame, pixels=shown.pixels, cut_out=shown.cut_out)
        return replace(frame, pixels=self._covers.get(name, self._covers["off"]), cut_out=None)


class Covered:
    """`sink` behind a curtain. Used and closed like it, by the same thread."""

    def __init__(self, sink: Sink, curtain: Curtain) -> None:
        self.label, self.paced, self.main_thread = sink.label, sink.paced, sink.main_thread
        self.reopen_as, self.finishes = sink.reopen_as, sink.finishes
        self._sink = sink
        self._curtain = curtain
        self._shown: Frame | None = None

    @property
    def watched(self) -> bool:
        return self._sink.watched

    def write(self, frame: Frame) -> None:
        covered = self._curtain.cover(frame, self._shown)
        if covered.repeat and (self._shown is None or covered.pixels is not self._shown.pixels):
            covered = replace(covered, repeat=False)  # a curtain has moved over a still picture
        self._shown = covered
        self._sink.write(covered)

    def close(self) -> None:
        self._sink.close()


def card(size: tuple[int, int], reason: str = "") -> Pixels:
    """(height, width, 3) RGB: our sign over a few words, and the reason for them, on a ground that
    darkens downwards."""
    width, height = size
    share = np.linspace(0.0, 1.0, height)[:, None, None]
    ground = np.array(_TOP) * (1.0 - share) + np.array(_BOTTOM) * share
    picture: Pixels = np.repeat(ground.astype(np.uint8), width, 1)
    middle, radius = (width // 2, round(0.40 * height)), max(3, round(0.085 * height))
    cv2.circle(picture, middle, radius, _ACCENT, max(1, round(radius * 0.42)), cv2.LINE_AA)
    cv2.circle(picture, middle, max(1, round(radius * 0.28)), _ACCENT, -1, cv2.LINE_AA)
    _write(picture, _SAID, (0.68, 0.067), _INK)
    if reason:
        _write(picture, reason, (0.80, 0.033), _DIM)
    return picture


def _write(
    picture: Pixels, text: str, line: tuple[float, float], ink: tuple[int, int, int]
) -> None:
    """`text` in the middle of a line: how far down it is and how tall, as shares of the height.
    What would be too wide is smaller."""
    height, width = picture.shape[:2]
    down, tall = line
    (whole, up), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    scale = min(tall * height / up, _WIDEST * width / whole)
    thick = max(1, round(scale))
    (across, up), _ = cv2.getTextSize(text, _FONT, scale, thick)
    place = ((width - across) // 2, round(down * height) + up // 2)
    cv2.putText(picture, text, place, _FONT, scale, ink, thick, cv2.LINE_AA)
