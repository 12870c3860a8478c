"""What the engine says of long work while it builds, as lines for people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


@contextmanager
def engine_notes(say: Callable[[str], None]) -> Iterator[None]:
    """While a run lasts, `say` what `engines` logs; called on whichever thread builds."""
    logger = logging.getLogger("engines")
    lines, level = _Lines(say), logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)
