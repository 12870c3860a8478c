"""A real server on a free port, controls that record what they were asked, and a plain client."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from streamcam.clock.tempo import Tempo
from streamcam.control.doors import Doors
from streamcam.control.values import checked_all
from streamcam.errors import UnknownChoice, UsageError
from streamcam.frames import Frame
from streamcam.looks.curtains import CURTAINS
from streamcam.pipeline.sources import Listed
from streamcam.presets import Preset
from streamcam.presets.arrangement import arranged
from streamcam.sink import Format
from streamcam.sink.web import WebSink
from streamcam.stats import Stats
from streamcam.web import instances, server
from streamcam.web.runtime import saved
from streamcam.web.server import Site, WebServer


class Previews:
    """One, of the look "ink"."""

    def numbers(self):
        return {"ink": 7}

    def jpeg(self, name):
        return b"a JPEG" if name == "ink" else None


class Program:
    """The running program, as the web page sees it."""

    def __init__(self):
        self.stats = Stats()
        self.preset_name = "anime"
        self.look = "anime"
        looks = {"ink": "ink drawing", "golden hour": "warm light"}
        self.preset = Preset.from_table({"prompt": "anime", "looks": looks}, Path("anime.toml"))
        self.stats.ask("look", lambda: self.look)
        self.curtain = "live"
        self.source = "demo"
        self.previews = Previews()
        self.settings = {"strength": 0.5, "prompt": "anime", "gate.max_skip": 10}
        self.saved = []
        self.tempo, self.quantise = Tempo(), "off"
        self.outputs = ["virtualcam:/dev/video10", "web"]
        self.form = Format(1280, 720, 30)
        self.scenes = {"Be right back": "card"}

    def devices(self):
        sources = [Listed("camera:0", "HD Webcam", "/dev/video0"), Listed("demo", "the clip")]
        found = {"sources": sources, "outputs": [Listed("web", "a page on this machine")]}
        return {kind: [asdict(one) for one in listed] for kind, listed in found.items()}

    def select_source(self, choice):
        if choice not in ("camera:0", "demo"):
            raise UnknownChoice("source", choice, ["camera:0", "demo"])
        self.source = choice
        return f"{choice}, 640x360 at 30 fps"

    def draw_curtain(self, name):
        if name not in CURTAINS:
            raise UnknownChoice("curtain", name, CURTAINS)
        self.curtain = name

    def values(self):
        return dict(self.settings)

    def change_values(self, wanted):
        self.settings |= checked_all(wanted)

    def prepare_values(self, wanted):
        checked_all(wanted)

    def keep_time(self, tempo):
        self.tempo = tempo

    def save(self, name):
        if "/" in name:
            raise UsageError(f"a preset cannot be called '{name}'")
        self.saved.append(name)
        return f"/home/me/{name}.toml"

    def take_plate(self):
        return "/home/me/plate.png"

    def preset_names(self):
        return ["anime", "broken", "noir"]

    def look_names(self):
        return [self.preset_name, *self.preset.looks]

    def arrange_looks(self, places):
        self.preset = arranged(self.preset, places, self.preset.look())

    def put_looks_back(self, before, look):
        self.preset = before

    def select_look(self, name):
        if name not in self.look_names():
            raise UnknownChoice("look", name, self.look_names())
        self.look = name

    def select_preset(self, name):
        if name == "broken":
            raise UsageError("broken.toml: strength = 9 is out of range 0 … 1")
        self.preset_name = name


class Film:
    """Writes moving pictures to a sink, a hundred a second, until it is stopped."""

    def __init__(self, sink):
        self._sink = sink
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        seq = 0
        while not self._stop.wait(0.01):
            self._sink.write(Frame(np.full((32, 48, 3), seq % 256, np.uint8), seq, 0.0))
            seq += 1

    def stop(self):
        self._stop.set()
        self._thread.join(10)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Plain HTTP to the server, with any header that a test wants to forge."""

    def __init__(self, port, token):
        self.port = port
        self.token = token

    def open(self, path, headers=()):
        """An open connection and its response, for streams."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=dict(headers))
        return connection, connection.getresponse()

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def ask(self, method, path, **headers):
        return self._ask(method, path, None, {k.replace("_", "-"): v for k, v in headers.items()})

    def head(self, path):
        return self._ask("HEAD", path, None, {})

    def post(self, path, body, **headers):
        return self.send("POST", path, body, **headers)

    def patch(self, path, body, **headers):
        return self.send("PATCH", path, body, **headers)

    def send(self, method, path, body, **headers):
        given = {"Content-Type": "application/json", "X-Streamcam-Token": self.token}
        given |= {k.replace("_", "-"): v for k, v in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._ask(method, path, data, {k: v for k, v in given.items() if v is not None})

    def _ask(self, method, path, body, headers):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the runtime files of this test lie."""
    monkeypatch.setattr(server, "runtime_folder", lambda: tmp_path)
    monkeypatch.setattr(instances, "runtime_folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def program():
    return Program()


@pytest.fixture
def sink():
    made = WebSink(Format(48, 32, 30))
    yield made
    made.close()


@pytest.fixture
def film(sink):
    running = Film(sink)
    yield running
    running.stop()


@pytest.fixture
def web(program, sink, folder):
    """A server that runs, with the picture of `sink`."""
    running = WebServer(
        Doors(program), sink, Site(port=0, preset="anime", outputs=("web", "a/b.mp4"))
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture
def make_client():
    return Client


@pytest.fixture
def http(web, folder):
    (running,) = saved(folder)
    return Client(web.port, running.token)
