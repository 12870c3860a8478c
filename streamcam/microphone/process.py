"""The process that delays the microphone: `python -m streamcam.microphone.process`.

One of its own, since sound stands no wait: the program beside it holds the interpreter for up to
0.1 s (an engine is being built), and a block of sound is due every 0.01 s.

On stdin comes how late it is to be, a line each, in milliseconds; its end is the end. On stdout
goes what is new: "ready", then "there" or "none" whenever a microphone comes or the last one goes.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import ExitStack, closing
from select import select
from time import perf_counter

from streamcam.clock.backoff import Backoff
from streamcam.microphone import NAME
from streamcam.microphone.streams import Delayed, DelayedStream, MicrophoneStream
from streamcam.pipewire import library as pipewire
from streamcam.pipewire.nodes import Node, Nodes
from streamcam.pipewire.stream import Broken, Unreachable

READY, THERE, NONE = "ready", "there", "none"
_CLASSES = ("Audio/Source", "Audio/Duplex")
_LOOK_SECONDS = 0.25


class Hearing:
    """Hears a microphone while there is one: who asks for one that is not there is refused."""

    def __init__(self, delayed: Delayed) -> None:
        self._delayed = delayed
        self._stream: MicrophoneStream | None = None
        self._backoff = Backoff()
        self._again_at = 0.0

    def attend(self, *, there: bool) -> None:
        """Look after it. `there`: whether the graph has a microphone."""
        if self._stream is not None:
            try:
                self._stream.check()
            except Broken:
                self.close()
        if self._stream is None and there and perf_counter() >= self._again_at:
            self._again_at = perf_counter() + self._backoff.next()
            try:
                self._stream = MicrophoneStream(pipewire.load(), self._delayed)
            except Unreachable:
                return
            self._backoff.restart()

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
            self._delayed.forget()


class Orders:
    """What comes on a pipe, a line each. `ended`: whoever gave orders is gone."""

    def __init__(self, pipe: int) -> None:
        self.ended = False
        self._pipe = pipe
        self._rest = b""

    def newest(self) -> float | None:
        """Wait for a moment; the last order that came meanwhile, if one did."""
        if not select([self._pipe], [], [], _LOOK_SECONDS)[0]:
            return None
        came = os.read(self._pipe, 4096)
        self.ended = not came
        *lines, self._rest = (self._rest + came).split(b"\n")
        return float(lines[-1]) if lines else None


def main() -> int:
    """0: stdin has ended. 1: PipeWire does not go along; the last line on stderr says why."""
    try:
        with ExitStack() as opened:
            _run(opened)
    except (Unreachable, Broken, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _run(opened: ExitStack) -> None:
    library = pipewire.load()
    delayed = Delayed()
    nodes = opened.enter_context(closing(Nodes(library)))
    ours = opened.enter_context(closing(DelayedStream(library, delayed)))
    hearing = opened.enter_context(closing(Hearing(delayed)))
    _tell(READY)
    gc.freeze()  # what is here now stays; what comes after it is freed without a collection
    before: bool | None = None
    orders = Orders(sys.stdin.fileno())
    while not orders.ended:
        late = orders.newest()
        if late is not None:
            delayed.delay(late / 1000)
        ours.check()
        # We are in the graph ourselves: with us, all that were there before have been told.
        known = nodes.now()
        there = any(map(_is_microphone, known))
        if there != before and (there or any(one.name == NAME for one in known)):
            before = there
            _tell(THERE if there else NONE)
        hearing.attend(there=there)


def _is_microphone(node: Node) -> bool:
    return node.media_class.startswith(_CLASSES) and node.name != NAME


def _tell(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
