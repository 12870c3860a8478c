"""Waiting: what is said while a source is slow to open, or gone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from streamcam.capture import Opened
from streamcam.obstacles import Obstacle


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


def _kind(source: str) -> str:
    return source.partition(":")[0]


def _question(source: str) -> Obstacle | None:
    """What the system asks its user meanwhile."""
    if _kind(source) != "camera":
        return None
    from streamcam.capture.camera.permission import is_asked, question

    return question() if is_asked() else None
