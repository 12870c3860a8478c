"""What a command does not need it does not load: each of these is a tenth of a second or more."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from real_command import surroundings

from streamcam.web.runtime import Running

# As the console script does it; what was loaded by the end goes to a file.
MAIN = """
import atexit, sys
from pathlib import Path
atexit.register(lambda: Path(sys.argv[0]).write_text("\\n".join(sys.modules)))
sys.argv[0] = "streamcam.modules"
from streamcam.__main__ import command
command()
"""
HEAVY = {
    *("asyncio", "av", "cv2", "fastapi", "importlib.metadata", "mss", "numpy", "openvino", "PIL"),
    *("pydantic", "rich", "tokenizers", "torch", "uvicorn", "watchfiles"),
}


@pytest.fixture
def loaded(tmp_path: Path):
    """Run it to its end: exit code, stdout and, of all modules that it loaded, the heavy ones."""
    folder = tmp_path / "here"
    folder.mkdir()

    def run(*arguments: str) -> tuple[int, str, set[str]]:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=folder,
            env=surroundings(folder),
            timeout=120,
            check=False,
        )
        modules = set((folder / "streamcam.modules").read_text().split())
        assert "streamcam.cli" in modules, done.stderr
        return done.returncode, done.stdout + done.stderr, HEAVY & modules

    return run


class Answer(BaseHTTPRequestHandler):
    """Says yes to whatever is asked."""

    def do_POST(self) -> None:
        body = json.dumps({"preset": "anime"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def running(tmp_path: Path):
    """A program that `switch` and `curtain` find and that does what they ask."""
    folder = tmp_path / "here-home" / "run" / "streamcam"
    for private in (folder.parents[1], folder.parent, folder):
        private.mkdir(mode=0o700)
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Running.here(server.server_port, "token", "anime", ("web",)).save(folder)
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_version(loaded) -> None:
    assert loaded("--version") == (0, "streamcam 0.1.0\n", set())


def test_help(loaded) -> None:
    code, _, heavy = loaded("--help")
    assert (code, heavy) == (0, set())


def test_presets(loaded) -> None:
    code, said, heavy = loaded("presets")
    assert (code, heavy) == (0, set())
    assert said.count("\n") == 15


@pytest.mark.parametrize("arguments", [("switch", "sakura"), ("curtain", "card")])
def test_of_a_program_that_runs(loaded, running, arguments) -> None:
    code, said, heavy = loaded(*arguments)
    assert (code, heavy) == (0, set()), said


@pytest.mark.parametrize(
    "arguments",
    [("switch", "noir"), ("curtain", "off"), ("switch", "noir", "--to", "all"), ("no-such",)],
)
def test_what_is_refused(loaded, arguments) -> None:
    code, _, heavy = loaded(*arguments)
    assert (code, heavy) == (2, set())


def test_the_list_of_presets_checks_the_users_own(loaded, tmp_path) -> None:
    own = tmp_path / "here-home" / ".config" / "streamcam" / "presets"
    own.mkdir(parents=True)
    (own / "zz.toml").write_text("prompt = 'mine'\nlooks.night = 'night'")
    code, said, heavy = loaded("presets")
    assert (code, said.splitlines()[-1]) == (0, "zz\tnight\tmine")
    assert "pydantic" in heavy, "this test can tell"
