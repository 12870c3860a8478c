"""The whole: a program with its API, an OBS, and what goes between them."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest
from fake_obs import FakeObs

from streamcam.clock.tempo import Tempo
from streamcam.control.doors import Doors
from streamcam.errors import UnknownChoice
from streamcam.obs import connection, following
from streamcam.obs.connection import Kicked
from streamcam.obs.following import Following, Wishes
from streamcam.obs.server import FoundObs, ObsServer
from streamcam.sink import Format
from streamcam.sink.web import WebSink
from streamcam.stats import Stats
from streamcam.web import instances, server
from streamcam.web.client import Instance
from streamcam.web.runtime import saved
from streamcam.web.server import Site, WebServer

SCENES = {"Game": "noir", "BRB": "card", "Lost": "nowhere"}


class Program:
    """The running program, as its API shows it. `late`: its latency in milliseconds."""

    def __init__(self):
        self.stats = Stats()
        self.preset_name = "anime"
        self.curtain = "live"
        self.outputs = ["web"]
        self.form = Format(1280, 720, 30)
        self.scenes = dict(SCENES)
        self.shown: list[str] = []
        self.tempo, self.quantise = Tempo(), "off"

    def late(self, milliseconds):
        for _ in range(512):  # all that count
            self.stats.took("motion", milliseconds / 1000)

    def preset_names(self):
        return ["anime"]

    def look_names(self):
        return ["anime", "noir"]

    @property
    def look(self):
        return self.shown[-1] if self.shown else "anime"

    def values(self):
        return {"prompt": self.look}  # what undo remembers

    def select_look(self, name):
        if name not in self.look_names():
            raise UnknownChoice("look", name, self.look_names())
        self.shown.append(name)

    def select_preset(self, name):
        raise UnknownChoice("preset", name, self.preset_names())

    def draw_curtain(self, name):
        self.curtain = name
        self.shown.append(name)


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "runtime_folder", lambda: tmp_path)
    monkeypatch.setattr(instances, "runtime_folder", lambda: tmp_path)
    made = Program()
    made.late(100)
    sink = WebSink(Format(48, 32, 30))
    web = WebServer(Doors(made), sink, Site(port=0, preset="anime", outputs=("web",)))
    web.start()
    made.instance = Instance(saved(tmp_path)[0], "anime")
    made.web = web
    yield made
    web.stop()
    sink.close()


class Follower:
    """`streamcam obs` on a thread of its own. `said`: its lines; `end` it."""

    def __init__(self, instance, wishes):
        self.said: list[str] = []
        self.error: BaseException | None = None
        self._ending = threading.Event()
        made = Following(instance, wishes, self.said.append, self._ending.is_set)
        self._thread = threading.Thread(target=self._run, args=(made,))
        self._thread.start()

    def _run(self, made):
        try:
            asyncio.run(made.run())
        except BaseException as error:  # noqa: BLE001  # `end` raises it
            self.error = error

    def until(self, text, times=1):
        wait_for(lambda: sum(text in line for line in list(self.said)) >= times, self.said)

    @property
    def ended(self):
        return not self._thread.is_alive()

    def end(self):
        self._ending.set()
        self._thread.join(30)
        assert self.ended
        if self.error is not None:
            raise self.error


def wait_for(condition, about=""):
    end = time.perf_counter() + 60
    while not condition():
        assert time.perf_counter() < end, about
        time.sleep(0.01)


@pytest.fixture
def found(monkeypatch, obs):
    """What is known of OBS, for tests to change: `found[0]`."""
    known = [FoundObs(True, (ObsServer(obs.port, obs.password, enabled=True),))]
    monkeypatch.setattr(following, "find_obs", lambda _: known[0])
    monkeypatch.setattr(following, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(following, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr("streamcam.clock.backoff._FIRST_SECONDS", 0.02)
    return known


@pytest.fixture
def follow(program, found):
    """Start `streamcam obs` with these wishes."""
    started = []

    def start(**wishes):
        started.append(Follower(program.instance, Wishes(**wishes)))
        return started[-1]

    yield start
    for one in started:
        one.end()


def test_it_makes_the_source_follows_the_scenes_and_sets_the_sound(obs, program, follow):
    obs.add("Mic/Aux", "pulse_input_capture")
    one = follow()
    one.until("audio: 'Mic/Aux' 100 ms late, as the picture is")
    assert one.said[:2] == [
        "OBS: 29.0.2 (obs-websocket 5.1.0)",
        f"source: 'streamcam' made in the scene 'Scene': Media Source of "
        f"http://127.0.0.1:{program.web.port}/stream.mkv",
    ]
    assert obs.offsets["Mic/Aux"] == 100
    assert program.shown == [], "the scene on air says nothing, so the look stays"
    for scene, line in (
        ("Game", "look noir"),
        ("BRB", "curtain card"),
        ("Scene", "curtain live"),
    ):
        obs.switch_to(scene)
        one.until(f"scene: {scene}, {line}")
    assert program.shown == ["noir", "card", "live"]
    one.end()
    assert one.said[-1] == "audio: 'Mic/Aux' is back at 0 ms"
    assert obs.offsets["Mic/Aux"] == 0
    assert list(obs.inputs) == ["Mic/Aux", "streamcam"], "the source stays"


def test_the_scene_that_is_on_air_counts_from_the_start(obs, program, follow):
    obs.scene = "BRB"
    follow().until("scene: BRB, curtain card")
    assert program.curtain == "card"


def test_a_look_that_is_not_there_is_a_line(obs, program, follow):
    one = follow()
    one.until("source:")
    obs.switch_to("Lost")
    one.until("scene: Lost, and look nowhere was not shown: unknown look 'nowhere'.")
    obs.switch_to("Game")
    one.until("scene: Game, look noir")


def test_a_preset_without_scenes_lifts_no_curtain(obs, program, follow):
    """It was switched by hand while "Be right back" was on air."""
    one = follow()
    obs.switch_to("BRB")
    one.until("scene: BRB")
    program.scenes = {}
    program.late(300)
    obs.add("Mic/Aux", "pulse_input_capture")
    one.until("audio:")
    assert program.curtain == "card"
    program.scenes = {"BRB": "off"}  # and one that says something else is followed
    one.until("scene: BRB, curtain off")


def test_sound_follows_with_a_word_above_40_ms(obs, program, follow):
    obs.add("Mic/Aux", "pulse_input_capture")
    one = follow(camera_ms=30)
    one.until("audio: 'Mic/Aux' 130 ms late")
    program.late(130)
    wait_for(lambda: obs.offsets["Mic/Aux"] == 160)
    program.late(220)
    one.until("audio: 'Mic/Aux' 250 ms late")
    assert not [line for line in one.said if "160 ms" in line]


def test_no_microphone_and_no_wish_for_one(obs, program, follow):
    follow().until("audio: no microphone in OBS to set 100 ms late")
    one = follow(audio=False)
    one.until("source:")
    obs.switch_to("Game")
    one.until("scene: Game")
    assert not [line for line in one.said if line.startswith("audio")]


@pytest.mark.parametrize("loss", ["cut", "close"])
def test_an_obs_that_goes_and_comes_is_taken_up_again(obs, program, follow, found, loss):
    obs.add("Mic/Aux", "pulse_input_capture")
    one = follow()
    one.until("audio: 'Mic/Aux' 100 ms late")
    obs.close() if loss == "close" else obs.cut()
    if loss == "cut":  # the connection alone
        one.until("OBS: it has gone; waiting for it")
        one.until("OBS: 29.0.2", times=2)
        return
    one.until("OBS: OBS runs, and nothing answers on port")
    again = FakeObs(port=obs.port)
    again.add("Mic/Aux", "pulse_input_capture")
    again.scene = "Game"
    one.until("scene: Game, look noir")
    wait_for(lambda: again.offsets["Mic/Aux"] == 100)
    one.end()
    assert again.offsets["Mic/Aux"] == 0
    again.close()


def test_each_reason_is_said_once_and_obs_is_waited_for(obs, program, follow, found):
    there, (up,) = found[0], found[0].servers
    obs.close()
    found[0] = FoundObs(False, ())
    one = follow()
    one.until("OBS: OBS does not run: start it; it has never run for this user, so install it")
    found[0] = FoundObs(True, (ObsServer(up.port, up.password, enabled=False),))
    one.until("OBS: OBS's WebSocket server is off: in OBS, Tools → WebSocket Server Settings")
    again = FakeObs(port=obs.port, password="another")
    found[0] = there
    one.until("OBS: it wants another password")
    tried = again.connections
    time.sleep(0.5)
    assert again.connections == tried, "who was refused does not hammer"
    found[0] = FoundObs(True, (ObsServer(up.port, "another", enabled=True),))
    one.until("source: 'streamcam' made")
    assert [line for line in one.said if line.startswith("OBS:")] == list(
        dict.fromkeys(line for line in one.said if line.startswith("OBS:"))
    )
    one.end()
    again.close()


def test_the_first_of_several_that_lets_us_in(obs, program, follow, found):
    dead, (up,) = ObsServer(1, "x", enabled=True), found[0].servers
    found[0] = FoundObs(True, (dead, ObsServer(up.port, "wrong", enabled=True), up))
    follow().until("OBS: 29.0.2")


def test_who_is_turned_out_does_not_come_back(obs, program, follow):
    one = follow()
    one.until("source:")
    obs.kick()
    wait_for(lambda: one.ended)
    with pytest.raises(Kicked, match="OBS has turned streamcam out"):
        one.end()
    one.error = None


def test_it_ends_with_the_program_and_puts_the_sound_back(obs, program, follow, monkeypatch):
    obs.add("Mic/Aux", "pulse_input_capture")
    one = follow()
    one.until("audio: 'Mic/Aux' 100 ms late")
    monkeypatch.setattr(type(program.instance.running), "alive", False)
    program.web.stop()
    wait_for(lambda: one.ended, one.said)
    one.end()
    assert one.said[-2:] == ["streamcam: it has ended", "audio: 'Mic/Aux' is back at 0 ms"]
    assert obs.offsets["Mic/Aux"] == 0


def test_a_program_that_does_not_answer_is_waited_for(obs, program, follow):
    obs.add("Mic/Aux", "pulse_input_capture")
    one = follow()
    one.until("audio: 'Mic/Aux' 100 ms late")
    program.web.stop()
    one.until("streamcam: it does not answer")
    assert obs.offsets["Mic/Aux"] == 100
    one.end()
    assert obs.offsets["Mic/Aux"] == 0


def test_an_end_while_obs_hangs(obs, program, follow, monkeypatch):
    monkeypatch.setattr(connection, "_ANSWER_SECONDS", 0.3)
    obs.add("Mic/Aux", "pulse_input_capture")
    one = follow()
    one.until("audio: 'Mic/Aux' 100 ms late")
    obs.silent = True
    one.until("OBS: it has gone")
    one.end()


def test_another_version_of_the_program_is_named(obs, program, follow, monkeypatch):
    monkeypatch.setattr(Instance, "state", lambda _: json.loads('{"preset": "anime"}'))
    one = follow()
    wait_for(lambda: one.ended)
    with pytest.raises(Exception, match="of another version: end it and start it again"):
        one.end()
    one.error = None
