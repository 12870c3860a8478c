"""Microphone: what is said while a live run is recorded, through the library soundcard.

It speaks to PulseAudio (or PipeWire in its place), Core Audio and Media Foundation; the FFmpeg in
PyAV's wheels knows none of them on Linux but bare ALSA, whose devices a sound server holds.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamcam.errors import UsageError, quoted, words

RATE = 48_000
DEFAULT = "microphone"  # of `[output] audio`: the system's own choice
_BLOCK = 960  # samples, 20 ms
_KEPT = 250  # blocks, five seconds: what nobody has taken by then is lost
_CLOSING = 0.5  # seconds that its thread is waited for
_FAR = 0.1  # seconds between two times of a sample that are no mere jitter
# A block is fetched when it is there or later, never before: so an early one counts half of what
# it is early, and a late one for this. A clock that is two in a thousand slow is 4 ms behind so.
_EARLY, _LATE = 0.5, 0.01


class NoMicrophone(Exception):
    """Nothing can be recorded. The message says why, for people."""


class Block(NamedTuple):
    """(samples, channels) float32, and the `time.perf_counter()` at which the first was heard."""

    at: float
    samples: NDArray[np.float32]


def microphone_names() -> list[str]:
    """Those of this machine, the system's choice first. Raises `NoMicrophone`."""
    library = _library()
    try:
        found = [str(one.name) for one in library.all_microphones()]
        first = str(library.default_microphone().name) if found else ""
    except Exception as error:
        raise NoMicrophone(f"they cannot be listed: {words(error)}") from error
    if not found:
        raise NoMicrophone("none is connected")
    return sorted(found, key=lambda name: name != first)


class Microphone:
    """Listens on a thread of its own from when it is opened. Used by one thread.

    name      for people
    channels  of its blocks, one or two
    clock     seconds, of the times of its blocks
    """

    def __init__(
        self, wanted: str, lost: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        """
        wanted  "microphone", or a part of a name
        lost    is called once with the reason if it breaks; on its thread
        clock   seconds, that of `Frame.captured_at`
        Raises `NoMicrophone`, and `UsageError` for a name that none has.
        """
        device = _chosen(wanted)
        self.name = str(device.name)
        self.channels = min(2, int(device.channels) or 1)
        self._lost = lost
        self.clock = clock
        self._blocks: deque[Block] = deque(maxlen=_KEPT)
        self._stop = Event()
        self._due: float | None = None  # when the next sample is heard, by those before
        try:
            self._recorder = device.recorder(RATE, channels=self.channels, blocksize=_BLOCK)
        except Exception as error:
            raise NoMicrophone(f"{self.name} cannot be opened: {words(error)}") from error
        self._thread = Thread(target=self._listen, name="microphone", daemon=True)
        self._thread.start()

    def take(self) -> Sequence[Block]:
        """What was heard since the last call, five seconds at most."""
        found = []
        with suppress(IndexError):
            while True:
                found.append(self._blocks.popleft())
        return found

    def close(self) -> None:
        """Stop listening. May be called twice."""
        self._stop.set()
        self._thread.join(_CLOSING)

    def _listen(self) -> None:
        try:
            with self._recorder as recorder:
                while not self._stop.is_set():
                    samples = np.ascontiguousarray(recorder.record(_BLOCK), np.float32)
                    heard = self.clock() - len(samples) / RATE - _delay(recorder)
                    self._blocks.append(Block(self._steady(heard, len(samples)), samples))
        except Exception as error:  # noqa: BLE001  # whatever the library raises, it is silent now
            if not self._stop.is_set():
                self._lost(f"{self.name} is lost: {words(error)}")

    def _steady(self, heard: float, count: int) -> float:
        """When a block was heard, without the jitter of the thread that fetched it."""
        due = self._due
        if due is None or abs(heard - due) > _FAR:
            due = heard
        else:
            due += (_EARLY if heard < due else _LATE) * (heard - due)
        self._due = due + count / RATE
        return due


def _delay(recorder: Any) -> float:  # noqa: ANN401
    """Seconds from the microphone to here, where the system tells (PulseAudio)."""
    try:
        return max(0.0, float(recorder.latency))
    except Exception:  # noqa: BLE001  # the others have no such attribute
        return 0.0


def _chosen(wanted: str) -> Any:  # noqa: ANN401
    library = _library()
    try:
        found = {str(one.name): one for one in library.all_microphones()}
        default = library.default_microphone() if found else None
    except Exception as error:
        raise NoMicrophone(f"no microphone can be had: {words(error)}") from error
    if not found:
        raise NoMicrophone("no microphone is connected")
    if wanted == DEFAULT:
        return default
    matching = [one for name, one in found.items() if wanted.casefold() in name.casefold()]
    if not matching:
        known = ", ".join(map(quoted, found))
        raise UsageError(
            f"there is no microphone {quoted(wanted)} ([output] audio in the preset). There are: "
            f"{known}."
        )
    return matching[0]


def _library() -> Any:  # noqa: ANN401
    # A gap in what it records would be a line across the status on stderr.
    warnings.filterwarnings("ignore", module="soundcard")
    try:
        import soundcard
    except ModuleNotFoundError as error:
        raise NoMicrophone("it needs pip install 'streamcam[audio]'") from error
    except OSError as error:
        raise NoMicrophone("libpulse cannot be loaded: sudo apt install libpulse0") from error
    except Exception as error:  # it connects to the sound server as it is imported
        raise NoMicrophone("no sound server answers") from error
    return soundcard
