"""The two ends in PipeWire's graph: the default microphone, and ours, which is as late as asked.

Both are in one group, so one driver runs both in each of its cycles, in any order; the cycle's
clock says whether the microphone's block has come before the one that is asked for.
"""

from __future__ import annotations

import ctypes
import os
from threading import Lock

import numpy as np

from streamcam.microphone import NAME
from streamcam.microphone.delay_line import DelayLine, Sound
from streamcam.pipewire import library as pw
from streamcam.pipewire import pods
from streamcam.pipewire.stream import Stream

DESCRIPTION = "streamcam microphone"
RATE = 48_000
LONGEST = 5.0  # seconds: a model on a processor is that late
_CHANNELS = 2
_FRAME = _CHANNELS * 4  # bytes
# What is asked of the graph: 10 ms, a tenth of what people notice, and 94 calls a second.
_LATENCY = b"512/48000"
_LOST_CYCLES = 3  # without a block of the microphone: it is gone, or stands still


class Delayed:
    """What the microphone hears, for the other end to give out later. For both streams' threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        # Protected by _lock:
        self._line = DelayLine(RATE, _CHANNELS, LONGEST)
        self._ticks = 0  # of the cycle whose block came last
        self._block = 0  # its frames

    def delay(self, seconds: float) -> None:
        with self._lock:
            self._line.delay(seconds)

    def hear(self, sound: Sound, ticks: int) -> None:
        """The microphone's block of the cycle `ticks`."""
        with self._lock:
            self._line.write(sound)
            self._ticks, self._block = ticks, len(sound)

    def say(self, sound: Sound, ticks: int) -> None:
        """Fill the block of the cycle `ticks`."""
        with self._lock:
            waiting = max(ticks - self._ticks, 0)
            if waiting > _LOST_CYCLES * max(len(sound), self._block):
                self._line.clear()
            self._line.read(sound, self._block if waiting else 0)

    def forget(self) -> None:
        """Nobody shall hear later what was said until now."""
        with self._lock:
            self._line.clear()


class _End(Stream):
    """One of the two. `keys`: its properties."""

    def __init__(self, library: ctypes.CDLL, delayed: Delayed, keys: dict[bytes, bytes]) -> None:
        super().__init__(library)
        self._delayed = delayed
        group = f"{NAME}-{os.getpid()}".encode()
        # In one link group so that nobody links the one to the other.
        self._keys = keys | {
            b"media.type": b"Audio",
            b"media.role": b"Communication",
            b"node.group": group,
            b"node.link-group": group,
            b"node.latency": _LATENCY,
        }
        self._time = pw.Time()

    def _make(self, loop: int) -> int | None:
        made: int | None = self._library.pw_stream_new_simple(
            loop, NAME.encode(), self._properties(self._keys), ctypes.byref(self._events), None
        )
        return made

    def _state_changed(self) -> None:
        if self._state != pw.STREAMING:
            self._delayed.forget()
        if self._state != pw.CONNECTING:
            self._settled.set()

    def _ticks(self, stream: int) -> int:
        """Of the clock in this cycle. `stream`: as `_process` has found it, for `close` takes
        `_stream` away before it waits for the thread that is in there."""
        self._library.pw_stream_get_time(stream, ctypes.byref(self._time))
        return int(self._time.ticks)


class MicrophoneStream(_End):
    """Hears the default microphone, while the other end is listened to."""

    def __init__(self, library: ctypes.CDLL, delayed: Delayed) -> None:
        """Raises `Unreachable` with nothing left open."""
        name = f"{NAME}-input".encode()
        keys = {
            b"media.category": b"Capture",
            b"node.name": name,
            b"node.description": DESCRIPTION.encode(),
            b"node.passive": b"true",  # alone it keeps no microphone open
        }
        super().__init__(library, delayed, keys)
        flags = pw.AUTOCONNECT | pw.MAP_BUFFERS | pw.RT_PROCESS
        self._open(pw.INPUT, pw.ANY_NODE, flags, pods.sound_format(RATE))

    def _process(self) -> None:
        stream = self._stream
        if stream is None:
            return
        while buffer := self._library.pw_stream_dequeue_buffer(stream):
            try:
                block = buffer.contents.buffer.contents.datas[0]
                chunk = block.chunk.contents
                if block.data:
                    frames = min(chunk.size, block.maxsize - chunk.offset) // _FRAME
                    heard = _sound(block.data + chunk.offset, frames)
                    self._delayed.hear(heard, self._ticks(stream))
            finally:
                self._library.pw_stream_queue_buffer(stream, buffer)


class DelayedStream(_End):
    """The microphone that programs can choose."""

    def __init__(self, library: ctypes.CDLL, delayed: Delayed) -> None:
        """Make it known. Raises `Unreachable` with nothing left open."""
        keys = {
            b"media.category": b"Capture",
            b"media.class": b"Audio/Source",
            b"node.name": NAME.encode(),
            b"node.description": DESCRIPTION.encode(),
            b"node.nick": DESCRIPTION.encode(),
            b"node.virtual": b"true",
        }
        super().__init__(library, delayed, keys)
        flags = pw.MAP_BUFFERS | pw.RT_PROCESS
        self._open(pw.OUTPUT, pw.ANY_NODE, flags, pods.sound_format(RATE))

    @property
    def heard(self) -> bool:
        """Whether a program listens now. For any thread."""
        return self._state == pw.STREAMING

    def _process(self) -> None:
        stream = self._stream
        if stream is None:
            return
        buffer = self._library.pw_stream_dequeue_buffer(stream)
        if not buffer:
            return
        try:
            block = buffer.contents.buffer.contents.datas[0]
            frames = block.maxsize // _FRAME
            if buffer.contents.requested:
                frames = min(frames, buffer.contents.requested)
            if block.data:
                self._delayed.say(_sound(block.data, frames), self._ticks(stream))
            chunk = block.chunk.contents
            chunk.offset, chunk.size, chunk.stride = 0, frames * _FRAME, _FRAME
        finally:
            self._library.pw_stream_queue_buffer(stream, buffer)


def _sound(address: int, frames: int) -> Sound:
    """The samples there, without a copy."""
    memory = (ctypes.c_uint8 * (frames * _FRAME)).from_address(address)
    return np.frombuffer(memoryview(memory), np.float32).reshape(frames, _CHANNELS)
