"""Ten thousand changes from all doors at once on a running pipeline: no tick is missed, nothing is
built, the last value of each door holds, and memory does not grow.

The outputs tick when the test says so, as in test_live_edits.py: it is about what happens, not
about how fast.
"""

import json
import socket
import threading
import tracemalloc
from http.client import HTTPConnection

import fake_midi
import pytest
from fake_world import FakeEngine, FakeSink, FakeSource, make_preset
from mido import Message
from pythonosc.osc_message_builder import build_msg
from test_live_edits import HandTicker
from waiting import wait_until
from websockets.sync.client import connect

from streamcam.control import midi
from streamcam.control.doors import Doors, Wanted
from streamcam.web import server
from streamcam.web.runtime import saved
from streamcam.web.server import Site, WebServer

CHANGES = 2000  # from each of the five doors
KNOBS = "Knobs 1:0"


class Noting(FakeEngine):
    shown = None

    def run(self, frame_HWC, params, out_HWC=None):
        self.shown = params
        return super().run(frame_HWC, params, out_HWC)


@pytest.fixture
def played(world, monkeypatch, tmp_path):
    """A pipeline with its doors and its server, once it shows pictures."""
    monkeypatch.setattr("streamcam.flow.delivery.Ticker", HandTicker)
    monkeypatch.setattr(HandTicker, "ticks", threading.Semaphore(0))
    monkeypatch.setattr(fake_midi, "PLUGGED", {KNOBS: []})
    monkeypatch.setattr(midi, "midi_file", lambda: tmp_path / "midi.toml")
    monkeypatch.setattr(midi, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(server, "runtime_folder", lambda: tmp_path)
    monkeypatch.setenv("MIDO_BACKEND", "fake_midi")
    world.sinks = {"fake": FakeSink(paced=True)}
    world.source = FakeSource(10**8, pace=0.001)
    world.make_engine = Noting
    prompt = "a | b"
    pipeline = world.pipeline(preset=make_preset(prompt=prompt, control={"slew": 0.0}))
    doors = Doors(pipeline)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    doors.take(Wanted(osc=str(port), midi="auto"))
    pipeline.start()
    doors.open()
    web = WebServer(doors, None, Site(port=0))
    web.start()
    assert world.sinks["fake"].reached(1)
    wait_until(lambda: doors.midi.inputs)
    yield pipeline, doors, saved(tmp_path)[0]
    web.stop()
    doors.close()


def by_http(running):
    connection = HTTPConnection("127.0.0.1", running.port, timeout=60)
    headers = {"Content-Type": "application/json", "X-Streamcam-Token": running.token}
    for number in range(CHANGES):
        wanted = {"strength": (number + 1) / CHANGES}
        if number % 10 == 9:  # one in ten is no strength, and changes nothing
            wanted = {"strength": 2.0 + number, "seed": 1}
        connection.request("PATCH", "/api/values", json.dumps(wanted), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        refused = number % 10 == 9
        assert answer.status == (422 if refused else 200)
        assert not refused or "must be a number above 0 and at most 1" in text
    connection.request("PATCH", "/api/values", '{"strength": 0.125}', headers)
    assert connection.getresponse().status == 200
    connection.close()


def by_feed(running):
    address = f"ws://127.0.0.1:{running.port}/api/feed?token={running.token}"
    reached = socket.create_connection(("127.0.0.1", running.port))
    with connect(address, sock=reached, proxy=None) as feed:
        for number in range(CHANGES):
            feed.send(json.dumps({"values": {"guidance": 20 * (number + 1) / CHANGES}}))
        feed.send('{"values": {"guidance": 3.5}}')
        while True:  # what it says is taken as it comes, the answers of others too
            if json.loads(feed.recv(timeout=60)).get("values", {}).get("guidance") == 3.5:
                return


def by_osc(doors):
    host, port = doors.osc.address.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect((host, int(port)))
        for number in range(CHANGES):
            out.send(build_msg("/streamcam/delta", [2 * number / CHANGES]).dgram)
            if number % 20 == 0:
                out.send(b"#bundle\0" + b"\xff" * 12)
                threading.Event().wait(0.002)
        out.send(build_msg("/streamcam/delta", [0.625]).dgram)


def by_knob():
    for number in range(CHANGES):
        message = Message("control_change", control=1, value=number % 128)
        fake_midi.send(KNOBS, message)
    fake_midi.send(KNOBS, Message("control_change", control=1, value=127))


def by_words(pipeline):
    for number in range(CHANGES):
        pipeline.change_values({"prompt": f"bright {number} | b", "blend.2": 0.5})
    pipeline.change_values({"prompt": "the last | one", "blend.2": 0.25})


@pytest.mark.slow
def test_ten_thousand_changes_from_all_doors(world, played):
    pipeline, doors, running = played
    (engine,) = world.engines
    sink = world.sinks["fake"]
    doors.midi.bindings.arm("variation")
    fake_midi.send(KNOBS, Message("control_change", control=1, value=0))
    failures = []

    def guarded(play, *arguments):
        try:
            play(*arguments)
        except BaseException as error:  # noqa: BLE001  # raised by the test
            failures.append(error)

    plays = [
        (by_http, running), (by_feed, running), (by_osc, doors), (by_knob,), (by_words, pipeline),
    ]  # fmt: skip
    threads = [threading.Thread(target=guarded, args=play) for play in plays]
    for thread in threads:
        thread.start()
    ticks = 0
    while any(thread.is_alive() for thread in threads):
        before = len(sink.frames)
        HandTicker.ticks.release()
        assert sink.reached(before + 1), "a tick without a picture"
        ticks += 1
    assert failures == []
    assert len(sink.frames) == 1 + ticks, "a picture at every tick, and no more"
    assert ticks > 10

    last = {"strength": 0.125, "guidance": 3.5, "delta": 0.625, "variation": 1.0}
    wait_until(lambda: last.items() <= pipeline.values().items())
    assert pipeline.values()["prompt"] == "the last::1 | one::0.25"
    assert pipeline.values()["seed"] == 2, "of a change that is refused nothing is made"

    def shown():
        now = engine.shown
        return (now.strength, now.guidance_scale, now.delta, now.seed) == (0.125, 3.5, 0.625, 3)

    HandTicker.ticks.release()
    wait_until(shown)
    assert len(world.engines) == 1, "nothing was built"
    assert engine.closes == 0
    assert pipeline.wait(0) is False
    assert doors.osc.broken == CHANGES // 20
    assert (doors.desk.refused, doors.desk.too_many) == (0, 0)


@pytest.mark.slow
def test_changes_leave_nothing_behind(world, played):
    """A round of changes after others costs no more memory than it gives back."""
    pipeline, doors, _ = played
    world.engines[0].prompts = _Forgetful()  # a fake engine keeps every prompt, a real one 64

    def a_round():
        for number in range(1500):
            pipeline.change_values({"strength": (number % 99 + 1) / 100, "prompt": f"{number} | b"})
            doors.desk.post([doors.desk.sent("delta", number % 2), doors.desk.sent("seed", number)])
        wait_until(lambda: pipeline.values()["seed"] == 1499)

    a_round()
    tracemalloc.start()
    a_round()
    first, _ = tracemalloc.get_traced_memory()
    a_round()
    a_round()
    last, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert last - first < 200_000, "bytes"


class _Forgetful(dict):
    def setdefault(self, key, value):
        return value
