"""Waiting: for what other threads open, and what is said and shown meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from time import perf_counter
from typing import Any

from streamcam.capture import Opened
from streamcam.flow.curtain import card
from streamcam.flow.main_thread import MainThread
from streamcam.frames import Frame, Queue, RingClosed
from streamcam.frames.geometry import Size
from streamcam.obstacles import Obstacle

_POLL_SECONDS = 0.1  # seconds between looks, and chances for Ctrl-C, which wakes no wait on Windows
_LATE_SECONDS = 2.0  # seconds after which a source is late
# Seconds after which viewers see a card. A start of what is kept has its picture before that, and a
# card would flash up.
_CARD_SECONDS = 0.5
_STARTING = "The picture is being prepared"


def waiting_for(source: str) -> str:
    """What is waited for: 'waiting for the camera'. `source` as `--source` names it."""
    kind = _kind(source)
    return f"waiting for the {kind if kind in ('camera', 'screen') else 'video'}"


class Patience:
    """Says once that a source is waited for. Used by the main thread."""

    def __init__(self, source: str, say: Callable[[str], None]) -> None:
        self._source = source
        self._say = say
        self._said = False

    def lost(self, opened: Future[Opened]) -> None:
        """Two seconds have gone by: a pipe without a writer and a slow server look alike."""
        if not (opened.done() or self._said):
            self._said = True
            self._say(f"source: {_question(self._source) or waiting_for(self._source)}")


class Meanwhile:
    """What the main thread does while source and engine are opened by others."""

    def __init__(
        self,
        source: Future[Opened],
        patience: Patience,
        main: MainThread,
        cards: tuple[Sequence[Queue[Frame]], Size],
        say: Callable[[str], None],
    ) -> None:
        """`cards`: for the outputs of these queues, in this size, if it takes long."""
        self._source = source
        self._patience = patience
        self._main = main
        self._outboxes, self._size = cards
        self._say = say
        self._said = False

    def attend(self, seconds: float) -> None:
        """So long has been waited. Raises what the source raised."""
        if self._source.done() and not self._said:
            self._said = True
            self._say(f"source: {self._source.result().label}")
        if seconds >= _CARD_SECONDS and self._outboxes:
            outboxes, self._outboxes = self._outboxes, ()
            frame = Frame(card(self._size, _STARTING), 0, perf_counter(), repeat=True)
            for outbox in outboxes:
                with suppress(RingClosed):  # that output is gone
                    outbox.put(frame)
        if seconds >= _LATE_SECONDS:
            self._patience.lost(self._source)
        self._main.serve(0.0)


def wait_for_all(parts: Sequence[Future[Any]], meanwhile: Meanwhile) -> None:
    """Until all are there. Raises at once what one of them raised, of several the first."""
    began = perf_counter()
    while True:
        there = wait_for(parts, _POLL_SECONDS, FIRST_COMPLETED).done
        for part in parts:
            if part in there:
                part.result()
        parts = [part for part in parts if part not in there]
        meanwhile.attend(perf_counter() - began)
        if not parts:
            return


def _kind(source: str) -> str:
    return source.partition(":")[0]


def _question(source: str) -> Obstacle | None:
    """What the system asks its user meanwhile."""
    if _kind(source) != "camera":
        return None
    from streamcam.capture.camera.permission import is_asked, question

    return question() if is_asked() else None
