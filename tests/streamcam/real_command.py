"""The real program as people meet it: a process of its own, in an empty folder and home."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

PROGRAM = ("-m", "streamcam")
LONG = 60.0  # seconds that something may take on a busy machine
SMALL = ("--size", "256x144")
# Modules that stand for a machine without these, for the fixture `with_modules`.
NO_CAMERA = {"cv2_enumerate_cameras.py": "def enumerate_cameras(api): return []"}
NO_SCREEN = {
    "mss/__init__.py": """
class ScreenShotError(Exception):
    pass
def MSS():
    raise ScreenShotError("cannot connect to the display")
""",
    "mss/exception.py": "from mss import ScreenShotError",
}


def wait_until(condition: Callable[[], object], what: str = "it") -> object:
    """What `condition` returns once that is true; fails after a minute."""
    end = time.perf_counter() + LONG
    while not (found := condition()):
        assert time.perf_counter() < end, f"{what} never happened"
        time.sleep(0.02)
    return found


class Command:
    """`streamcam ARGUMENTS`, started in `folder`; `close` it. `program`: what Python is to run.

    said, errors  the lines on stdout and stderr so far
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        program: Sequence[str] = PROGRAM,
        **environment: str,
    ) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.errors: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=surroundings(folder) | environment,
            text=True,
            start_new_session=True,
            preexec_fn=heed_signals,
        )
        pipes = ((self.process.stdout, self.said), (self.process.stderr, self.errors))
        self._readers = [
            threading.Thread(target=_read, args=pipe, name="reader", daemon=True) for pipe in pipes
        ]
        for reader in self._readers:
            reader.start()

    def until(self, text: str, after: int = 0) -> str:
        """Wait for a line on stdout with `text` in it, from line number `after` on."""

        def said() -> str | None:
            found = next((line for line in self.said[after:] if text in line), None)
            code = None if found else self.process.poll()
            assert code is None, (text, code, self.said, self.errors)
            return found

        return wait_until(said, text)

    def live(self) -> "Command":
        """Wait for the first picture."""
        self.until("live:")
        return self

    def end(self) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(LONG)
        for reader in self._readers:
            reader.join(LONG)
        return code

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ask it to stop and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.end()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        self.process.stdout.close()
        self.process.stderr.close()

    @property
    def port(self) -> int:
        """Of its page."""
        return int(self.until("page:").rpartition(":")[2].strip("/"))

    def get(self, path: str, **headers: str) -> bytes:
        """The answer of its page."""
        address = f"http://127.0.0.1:{self.port}{path}"
        with _open(urllib.request.Request(address, headers=headers)) as answer:
            return answer.read()

    def stats(self) -> dict:
        return json.loads(self.get("/api/stats"))

    def picture(self) -> np.ndarray:
        """What it shows now, RGB."""
        jpeg = self.get("/snapshot.jpg")
        return cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1), cv2.COLOR_BGR2RGB)

    def pictures(self) -> Iterator[np.ndarray]:
        """The live stream, picture by picture."""
        address = f"http://127.0.0.1:{self.port}/stream.mjpg"
        with _open(urllib.request.Request(address)) as stream:
            while line := stream.readline():
                if line.lower().startswith(b"content-length:"):
                    stream.readline()
                    jpeg = np.frombuffer(stream.read(int(line.split(b":")[1])), np.uint8)
                    yield cv2.cvtColor(cv2.imdecode(jpeg, 1), cv2.COLOR_BGR2RGB)


def surroundings(folder: Path) -> dict[str, str]:
    """The environment: no display, and all folders of the user beside `folder`, but for the cache,
    which is that of the test session."""
    home = folder.with_name(f"{folder.name}-home")
    home.mkdir(exist_ok=True)
    dropped = ("XDG_", "DISPLAY", "WAYLAND", "PYTHONPATH", "COLUMNS")
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(dropped) or key == "XDG_CACHE_HOME"
    }
    return kept | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),  # made by who needs it, for the user alone
        "TERM": "xterm-256color",
    }


def heed_signals() -> None:
    """Runs in the new process. A test run in the background has taught it to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _open(request: urllib.request.Request):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=LONG)


def _read(pipe, lines: list[str]) -> None:
    with suppress(ValueError):  # closed
        for line in pipe:
            lines.append(line.rstrip("\n"))
