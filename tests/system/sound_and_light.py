"""A clap that is heard and seen: programs that make one on both ways at the same moment, and the
time at which another program gets it.

The moments are whole multiples of PERIOD on the machine's monotonic clock, so nobody has to tell
anybody. Both are as they would be with perfect hardware: the microphone has no delay of its own,
and a sample is in the block that ends after it; the camera takes a picture at the moment itself.

    python sound_and_light.py clap                hands that clap: a node of this name
    python sound_and_light.py listen NODE         says when each clap is heard, until stdin ends
    python sound_and_light.py camera ARGUMENTS    streamcam ARGUMENTS, its source `demo` the camera
"""

import ctypes
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np

PERIOD = 1.2  # seconds: a multiple of the camera's 1/30
FPS = 30
LATE = 0.12  # seconds
LIT = 0.3  # seconds that the light stays on
RATE = 48_000
_LOUD = 0.5  # of the clap; everything else is silence
_SOUNDS = round(0.005 * RATE)  # samples that it lasts
SIZE = (640, 360)
PRESET = f"""
prompt = "whatever: the null backend shows its input"
backend = "null"
size = "{SIZE[0]}x352"
[gate]
policy = "always"
[resolve]
mode = "off"
[output]
size = "{SIZE[0]}x{SIZE[1]}"
fps = {FPS}
"""


class Program:
    """One of those below, in `session`, until `close`. `came`: the numbers that it said."""

    def __init__(self, session, *arguments):
        self.came = []
        command = (sys.executable, __file__, *arguments)
        self._process = session.popen(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        self.came.extend(float(line) for line in self._process.stdout)

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._reader.join(30)
        self._process.stdout.close()


@contextmanager
def clapping(session):
    """A microphone "claps" that hears them."""
    session.add_microphone("claps")
    hands = Program(session, "clap")
    session.link("hands", "claps")
    try:
        yield
    finally:
        hands.close()


def since_clap(moment):
    """Seconds since the last clap."""
    return moment % PERIOD


def _stream_class():
    from streamcam.pipewire import library as pw
    from streamcam.pipewire import pods
    from streamcam.pipewire.stream import Stream

    class End(Stream):
        """A stream of this format. `keys`: its properties."""

        def __init__(self, keys, direction, flags):
            super().__init__(pw.load())
            self._time = pw.Time()
            self._keys = {b"media.type": b"Audio", b"node.latency": b"512/48000"} | keys
            flags |= pw.MAP_BUFFERS | pw.RT_PROCESS
            self._open(direction, pw.ANY_NODE, flags, pods.sound_format(RATE))

        def _make(self, loop):
            return self._library.pw_stream_new_simple(
                loop, b"clap", self._properties(self._keys), ctypes.byref(self._events), None
            )

        def _state_changed(self):
            if self._state != pw.CONNECTING:
                self._settled.set()

        def _process(self):
            stream = self._stream
            buffer = self._library.pw_stream_dequeue_buffer(stream) if stream else None
            if not buffer:
                return
            block = buffer.contents.buffer.contents.datas[0]
            chunk = block.chunk.contents
            if self.gives:
                frames = min(block.maxsize // 8, buffer.contents.requested or 1 << 30)
                chunk.offset, chunk.size, chunk.stride = 0, frames * 8, 8
            frames = chunk.size // 8
            # When this cycle of the graph began, whenever Python comes to it.
            self._library.pw_stream_get_time(stream, ctypes.byref(self._time))
            begin = self._time.now / 1e9 - frames / RATE
            memory = (ctypes.c_float * (frames * 2)).from_address(block.data + chunk.offset)
            self.block(np.frombuffer(memory, np.float32).reshape(frames, 2), begin)
            self._library.pw_stream_queue_buffer(stream, buffer)

    return End, pw


def clap():
    """Nobody links it but who is told to, see `Session.add_microphone`."""
    End, pw = _stream_class()

    class Hands(End):
        gives = True
        clap = 0.0  # the moment of the next
        left = 0  # samples of one that has begun

        def block(self, sound, begin):
            """`begin`: the moment of its first sample."""
            sound[:] = 0
            if not self.clap or begin - self.clap > PERIOD / 2:
                self.clap = begin - since_clap(begin) + PERIOD
            place, first = round((self.clap - begin) * RATE), 0
            if place < len(sound):
                self.left, first = _SOUNDS, max(place, 0)
                self.clap += PERIOD
            end = min(first + self.left, len(sound))
            sound[first:end] = _LOUD
            self.left -= end - first

    return Hands({b"media.category": b"Playback", b"node.name": b"hands"}, pw.OUTPUT, 0)


def listen(node):
    End, pw = _stream_class()

    class Listener(End):
        gives = False
        quiet_until = 0.0

        def block(self, sound, begin):
            (loud,) = np.nonzero(sound[:, 0] > _LOUD / 2)
            if len(loud) and begin > self.quiet_until:
                self.quiet_until = begin + PERIOD / 2
                sys.stdout.write(f"{begin + loud[0] / RATE}\n")
                sys.stdout.flush()

    keys = {
        b"media.category": b"Capture",
        b"node.name": b"call",
        b"target.object": node.encode(),
        b"node.target": node.encode(),
    }
    return Listener(keys, pw.INPUT, pw.AUTOCONNECT)


class Camera:
    """White from a clap on for a while, black else; a picture at each multiple of 1/30 s.

    It is given LATE seconds after it was taken, and says so: as much as an engine makes of it on a
    small machine. On a busy one that would be as long as it likes.
    """

    label, fps, rate, notice, film = "a light", float(FPS), None, "", None
    width, height = SIZE

    def __init__(self):
        self._seq = 0

    def read(self):
        from streamcam.frames import Frame

        now = time.perf_counter()
        due = (int((now - LATE) * FPS) + 1) / FPS  # when it was taken
        time.sleep(max(due + LATE - now, 0))
        level = 255 if since_clap(due + 1e-4) < LIT else 0
        self._seq += 1
        return Frame(np.full((SIZE[1], SIZE[0], 3), level, np.uint8), self._seq, due)

    def close(self):
        pass


def camera(arguments):
    from streamcam.capture import demo

    demo.open_source = lambda *_: Camera()
    sys.argv[1:] = arguments
    from streamcam.cli import command

    command()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "camera":
        camera(arguments)
    else:
        end = {"clap": clap, "listen": listen}[what](*arguments)
        sys.stdin.read()
        end.check()
        end.close()
