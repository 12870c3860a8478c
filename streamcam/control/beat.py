"""Beat: where the tempo comes from beside the preset: taps, MIDI's clock, Link."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import perf_counter

from streamcam.clock.tempo import FASTEST, SLOWEST, Tempo
from streamcam.control.controls import Controls
from streamcam.control.pulses import Pulses

_A_BEAT = 24  # pulses of MIDI's clock
_TOLD = 6  # pulses from one change of tempo to the next


class Beat:
    """Every method may be called from any thread. Whoever came last counts."""

    def __init__(self, program: Controls, clock: Callable[[], float] = perf_counter) -> None:
        self._program = program
        self._clock = clock
        self._lock = Lock()
        # Protected by _lock:
        self._taps = Pulses(1, kept=8, pause=60.0 / SLOWEST)
        self._pulses = Pulses(_A_BEAT, kept=4 * _A_BEAT, pause=10 * 60.0 / SLOWEST / _A_BEAT)

    @property
    def now(self) -> float:
        """The beat of the moment."""
        return self._program.tempo.beat_at(self._clock())

    def tap(self) -> Tempo:
        """Somebody taps the beat; the first tap begins a bar. The tempo by now."""
        with self._lock:
            tempo = self._taps.add(self._clock(), self._program.tempo)
        if tempo is not None:
            self._program.keep_time(tempo)
        return self._program.tempo

    def pulse(self) -> None:
        """A pulse of MIDI's clock."""
        with self._lock:
            tempo = self._pulses.add(self._clock(), self._program.tempo)
            told = self._pulses.count % _TOLD == 0
        if told and tempo is not None:
            self._program.keep_time(tempo)

    def start(self) -> None:
        """MIDI's clock starts: its next pulse is beat 0."""
        with self._lock:
            self._pulses.restart()

    def follow(self, bpm: float, beat: float) -> None:
        """Link says what beat it is, and how fast they come."""
        if not SLOWEST <= bpm <= FASTEST:
            return
        zero = self._clock() - beat * 60.0 / bpm
        self._program.keep_time(Tempo(bpm, zero, self._program.tempo.bar))
