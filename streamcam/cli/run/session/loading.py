"""Loading: Python's own settings while a start loads its code, on several threads."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECTS = 200_000  # new ones between two collections; a start makes half of that
_TURN_SECONDS = 0.001  # seconds that a thread computes before another one gets Python's lock


@contextmanager
def loading() -> Iterator[None]:
    """Code makes objects by the ten thousand and no garbage: to look through them for some took a
    tenth of the start. And at every file that a thread opens it is another one's turn."""
    collected, turn = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(_OBJECTS, *collected[1:])
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        gc.set_threshold(*collected)
        sys.setswitchinterval(turn)
