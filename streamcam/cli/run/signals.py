"""Ctrl-C and its kin end a run in order: devices closed, files finished, exit code 0."""

from __future__ import annotations

import signal
from threading import Event
from types import FrameType
from typing import Self

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # of which a platform has some
_SIGNALS_WITHOUT_EFFECT = (
    2  # signals while nothing looks at them; one more ends the program at once
)


class Interrupted(KeyboardInterrupt):
    """A stop while the program opens.

    A class of its own, for a plain KeyboardInterrupt that passes through an `exec` (dataclasses
    use it) makes CPython end the process by SIGINT, even after it was caught.
    """


class StopSignals:
    """From `with` until its end, a signal asks for a stop. Main thread only.

    requested  set by the first signal. Until `running` is called the signal also raises
               `Interrupted`, since opening devices may take long and looks at no event.
    heard      how many have come
    """

    def __init__(self) -> None:
        self.requested = Event()
        self.heard = 0
        self._interrupts = True
        self._received = 0  # since the last look at `requested`
        self._repeated = False
        self._before: dict[int, object] = {}

    def opening(self) -> None:
        """Another run opens: its stop has not been asked for."""
        self.requested.clear()
        self._interrupts, self._repeated = True, False

    def running(self) -> None:
        """From now on the main thread looks at `requested`."""
        self._interrupts = False

    def repeated(self) -> bool:
        """Whether a signal has come since the last call, after the stop was asked for."""
        self._received = 0
        repeated, self._repeated = self._repeated, False
        return repeated

    def __enter__(self) -> Self:
        for name in _NAMES:
            number = getattr(signal, name, None)
            # One that is ignored (nohup, a job started with `&`) stays ignored.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._repeated = self.requested.is_set()
        self.requested.set()
        self._received += 1
        self.heard += 1
        if self._interrupts or self._received > _SIGNALS_WITHOUT_EFFECT:
            self._interrupts = False
            raise Interrupted
