"""Browsers, without a window, in front of a camera: what a web page sees with getUserMedia."""

import base64
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import cv2
import numpy as np

from tests.streamcam.real_command import LONG

_PAGE = Path(__file__).with_name("camera_page.html")
_CHROMIUM = (
    "chromium",
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--use-fake-ui-for-media-stream",  # allows the page the camera, the real one
    "--autoplay-policy=no-user-gesture-required",
)
_FIREFOX = ("firefox-esr", "--headless", "--no-remote")
_FIREFOX_SETTINGS = """
user_pref("media.webrtc.camera.allow-pipewire", true);
user_pref("media.navigator.permission.disabled", true);  // the page need not ask
user_pref("datareporting.policy.dataSubmissionEnabled", false);
"""


def chromium(folder: Path, *flags: str) -> list[str]:
    """The command that opens a page in Chromium, its profile in `folder`."""
    return [*_CHROMIUM, *flags, f"--user-data-dir={folder / 'chromium'}"]


def firefox(folder: Path) -> list[str]:
    """The command that opens a page in Firefox, its profile in `folder`."""
    profile = folder / "firefox"
    profile.mkdir()
    (profile / "user.js").write_text(_FIREFOX_SETTINGS)
    return [*_FIREFOX, "--profile", str(profile)]


@dataclass(frozen=True)
class Seen:
    """The camera's name, its (width, height), and some pictures, RGB."""

    label: str
    size: tuple[int, int]
    pictures: list[np.ndarray]


def look(popen: Callable[..., subprocess.Popen], browser: Sequence[str]) -> Seen:
    """Open the page with the command `browser`, which `popen` starts."""
    answers: Queue[dict] = Queue()
    waiting_for = ["the page"]

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(_PAGE.read_bytes())

        def do_POST(self):
            said = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/at":
                waiting_for.append(said)
            else:
                answers.put(json.loads(said))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        # 127.0.0.1 counts as secure, which a page with a camera has to be.
        address = f"http://127.0.0.1:{server.server_port}/"
        started = popen(*browser, address, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            said = answers.get(timeout=LONG)
        except Empty:
            raise AssertionError(f"the browser still waits for {waiting_for[-1]}") from None
        finally:
            started.terminate()
            started.wait(LONG)
            server.shutdown()
    assert "error" not in said, said["error"]
    size = said["settings"]["width"], said["settings"]["height"]
    return Seen(said["label"], size, [_decoded(one) for one in said["pictures"]])


def _decoded(address: str) -> np.ndarray:
    """The picture in a data: address."""
    encoded = base64.b64decode(address.partition(",")[2])
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
