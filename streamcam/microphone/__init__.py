"""The microphone for calls: one of ours in PipeWire's graph, as late as the picture.

`--audio delay`. Where there is no PipeWire, people hear how late their program's sound has to be.
"""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from time import perf_counter

from streamcam.clock.audio_delay import AudioDelay
from streamcam.clock.backoff import Backoff
from streamcam.errors import reason
from streamcam.obstacles import Obstacle

NAME = "streamcam-microphone"  # of its node, which programs call its device
_READING_SECONDS = 1.0  # between looks at the latency
_END_SECONDS = 1.0  # for the process to end by itself
_PROCESS = (sys.executable, "-m", "streamcam.microphone.process")
_SAID = {
    "ready": "'streamcam microphone' is there for calls; choose it where you chose the camera",
    "there": "it hears your microphone",
    "none": "there is no microphone; the picture goes on, and one that comes is heard",
}


class DelayedMicrophone:
    """Keeps the process that delays (see process.py), and tells it how late the picture is.

    Everything but `close` is for one thread, which waits for nothing here. What breaks is a line
    and is begun again; it never ends the run.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        extra_ms: float = 0.0,
        obstacle: Obstacle | None = None,
        command: tuple[str, ...] = _PROCESS,
    ) -> None:
        """
        say       gets lines for people
        extra_ms  the camera's own delay, which nobody can measure
        obstacle  why there cannot be one: then the delay is said alone
        """
        self._say = say
        self._obstacle = obstacle
        self._command = command
        self._delay = AudioDelay(extra_ms)
        self._late: int | None = None  # milliseconds
        self._read_at = 0.0
        self._child: _Child | None = None
        self._backoff = Backoff()
        self._start_at = 0.0
        self._said: str = ""
        if obstacle is not None:
            say(f"audio: no microphone of ours here, as {obstacle.text}")

    def follow(self, latency_ms: float) -> None:
        """Call it often. `latency_ms`: the median of what moves, as `Stats` has it; 0: none yet."""
        if self._obstacle is None:
            self._attend()
        now = perf_counter()
        if now < self._read_at:
            return
        self._read_at = now + _READING_SECONDS
        move = self._delay.measured(latency_ms)
        if move is None:
            return
        self._late = move.milliseconds
        if self._child is not None:
            self._child.order(self._late)
        if move.worth_a_word and self._obstacle is None:
            self._say(f"audio: {self._late} ms late, as the picture is")
        elif move.worth_a_word:
            self._say(
                f"audio: the picture is {self._late} ms late; set the sound in your program as "
                "late (in OBS, streamcam obs does it)"
            )

    def close(self) -> None:
        """Take the microphone away. May be called twice."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def _attend(self) -> None:
        child = self._child
        if child is None:
            if perf_counter() >= self._start_at:
                self._start()
            return
        for word in child.words():
            self._say_once(_SAID.get(word, word))
            self._backoff.restart()
        if child.ended:
            self._child = None
            self._start_at = perf_counter() + self._backoff.next()
            self._say_once(f"the microphone is lost: {child.close()}; trying again")

    def _start(self) -> None:
        try:
            self._child = _Child(self._command)
        except OSError as error:
            self._start_at = perf_counter() + self._backoff.next()
            self._say_once(f"the microphone cannot be begun: {reason(error)}; trying again")
        else:
            if self._late is not None:
                self._child.order(self._late)

    def _say_once(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._say(f"audio: {text}")


class _Child:
    """The process, and what it says."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the program, which ends this one when it is done.
            start_new_session=True,
        )
        self._said: deque[str] = deque()
        self._errors: deque[str] = deque(maxlen=1)
        pipes = ((self._process.stdout, self._said), (self._process.stderr, self._errors))
        self._readers = [
            Thread(target=_read, args=pipe, name="microphone", daemon=True) for pipe in pipes
        ]
        for reader in self._readers:
            reader.start()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None and not self._said

    def words(self) -> list[str]:
        """What it has said since the last call."""
        return [self._said.popleft() for _ in range(len(self._said))]

    def order(self, milliseconds: int) -> None:
        """Be this late. A process that has ended is noticed elsewhere."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(f"{milliseconds}\n")
            self._process.stdin.flush()

    def close(self) -> str:
        """End it; what it said last on stderr."""
        process = self._process
        assert process.stdin is not None
        with suppress(OSError, ValueError):
            process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for reader in self._readers:
            reader.join(_END_SECONDS)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        return self._errors[-1] if self._errors else f"its process ended with {process.returncode}"


def _read(pipe: object, lines: deque[str]) -> None:
    with suppress(ValueError):  # closed
        lines.extend(line.strip() for line in pipe)  # type: ignore[attr-defined]
