"""OSC over loopback: values, looks, bundles with their times, answers, and what is no OSC."""

import socket
import struct
import time
from contextlib import suppress
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from streamcam.control import osc
from streamcam.control.beat import Beat
from streamcam.control.desk import Desk
from streamcam.control.osc import OscDoor
from streamcam.control.osc.packets import BrokenPacket, messages
from streamcam.errors import UsageError

AT_ONCE = (1).to_bytes(8, "big")


def wait_until(condition):
    end = time.perf_counter() + 20
    while not condition():
        assert time.perf_counter() < end, "it never happened"
        time.sleep(0.005)


class Peer:
    """A program that speaks OSC to a door."""

    def __init__(self, door):
        host, port = door.address.split(":")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(20)
        self.socket.connect((host, int(port)))

    def send(self, address, *arguments):
        self.socket.send(build_msg(address, list(arguments)).dgram)

    def send_bundle(self, at, *pairs):
        bundle = OscBundleBuilder(at)
        for address, argument in pairs:
            bundle.add_content(build_msg(address, [argument]))
        self.socket.send(bundle.build().dgram)

    def ask(self, address):
        self.send(address)
        answer = OscMessage(self.socket.recv(65536))
        return answer.address, answer.params


@pytest.fixture
def desk(program):
    """With its thread."""
    desk = Desk(program)
    thread = Thread(target=desk.work, daemon=True)
    thread.start()
    yield desk
    desk.close()
    thread.join(10)


@pytest.fixture
def door(desk, program):
    door = OscDoor(desk, Beat(program), "127.0.0.1:" + str(free_port()))
    thread = Thread(target=door.work, daemon=True)
    thread.start()
    yield door
    door.close()
    thread.join(10)


@pytest.fixture
def peer(door):
    peer = Peer(door)
    yield peer
    peer.socket.close()


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize(
    ("address", "argument", "key", "value"),
    [
        ("/streamcam/strength", 0.75, "strength", 0.75),
        ("/streamcam/strength", 1, "strength", 1.0),
        ("/streamcam/gate.threshold", 0.5, "gate.threshold", 0.5),
        ("/streamcam/gate/max_skip", 3.4, "gate.max_skip", 3),
        ("/streamcam/prompt", "film noir, été", "prompt", "film noir, été"),
        ("/streamcam/output/mirror", True, "output.mirror", True),
        ("/streamcam/output/mirror", 1.0, "output.mirror", True),
        ("/streamcam/gate/policy", 2, "gate.policy", "always"),
        (
            "/streamcam/modulation/blend/1",
            "sine 0.5 4 beats",
            "modulation.blend.1",
            "sine 0.5 4 beats",
        ),
    ],
)
def test_a_value(peer, program, address, argument, key, value):
    peer.send(address, argument)
    wait_until(
        lambda: (key, pytest.approx(value) if type(value) is float else value) in program.asked
    )


def test_looks_presets_curtains_and_taps(peer, program):
    for name, argument in (("look", "noir"), ("preset", "anime"), ("curtain", "card")):
        peer.send(f"/streamcam/{name}", argument)
        wait_until(lambda name=name, argument=argument: (name, argument) in program.asked)
    for _ in range(3):
        peer.send("/streamcam/tap", 1.0)
        time.sleep(0.3)
    wait_until(lambda: 100 < program.tempo.bpm < 201 and program.tempo.bpm != 120)


def test_what_is_asked_is_answered(peer, program):
    program.settings["seed"] = 2**32 - 1
    assert peer.ask("/streamcam/strength") == ("/streamcam/strength", [0.5])
    assert peer.ask("/streamcam/prompt") == ("/streamcam/prompt", ["anime"])
    assert peer.ask("/streamcam/output/mirror") == ("/streamcam/output/mirror", [False])
    assert peer.ask("/streamcam/look") == ("/streamcam/look", ["mine"])
    assert peer.ask("/streamcam/seed")[1] == [pytest.approx(2**32 - 1)]


def test_a_bundle_acts_as_one_and_at_its_time(peer, program):
    program.changes = 0
    peer.send_bundle(0, ("/streamcam/strength", 0.25), ("/streamcam/guidance", 2.0))
    wait_until(lambda: program.settings.get("guidance") == 2.0)
    assert program.changes == 1
    sent = time.perf_counter()
    peer.send_bundle(time.time() + 0.5, ("/streamcam/strength", 0.75), ("/streamcam/look", "oil"))
    peer.send("/streamcam/seed", 7)
    wait_until(lambda: program.settings["seed"] == 7)
    assert program.settings["strength"] == 0.25
    wait_until(lambda: program.look == "oil")
    assert time.perf_counter() - sent > 0.45
    peer.send_bundle(time.time() - 9.0, ("/streamcam/strength", 0.5))
    wait_until(lambda: program.settings["strength"] == 0.5)


def test_what_cannot_be_is_counted(peer, door, desk, program):
    peer.send("/streamcam/strength", 7.0)
    peer.send("/streamcam/steps", 2)
    peer.send("/streamcam/nothing", 2)
    wait_until(lambda: desk.refused == 3)
    peer.send("/other/strength", 0.1)
    peer.send("/streamcam/nothing")
    wait_until(lambda: door.unknown == 2)
    assert program.asked == []


def element(data):
    return struct.pack(">i", len(data)) + data


MESSAGE = build_msg("/streamcam/strength", [0.9]).dgram
BROKEN = [
    b"",
    b"x",
    b"/",
    b"/streamcam/strength",
    b"#bundle\0",
    b"#bundle\0" + AT_ONCE + struct.pack(">i", 0) + MESSAGE,
    b"#bundle\0" + AT_ONCE + struct.pack(">i", 2**30) + MESSAGE,
    b"#bundle\0" + AT_ONCE + element(MESSAGE)[:-4],
    b"/a\0\0,f\0\0\xff",
    b"/\xff\xfe\0,s\0\0\xff\xfe\xfd\0",
    b"/a\0\0,I\0\0",
    b"/a\0\0,[[[\0\0\0\0",
    b"/a\0\0,t\0\0" + b"\xff" * 8,
]


@pytest.mark.parametrize("datagram", BROKEN)
def test_a_broken_packet_is_one(datagram, capfd):
    try:
        found = messages(datagram)
    except BrokenPacket:
        found = []
    assert not [one for one in found if one.address == "/streamcam/strength"]
    assert capfd.readouterr() == ("", "")


def test_bundles_may_be_nested_so_far():
    data = MESSAGE
    for _ in range(8):
        data = b"#bundle\0" + AT_ONCE + element(data)
    assert [one.address for one in messages(data)] == ["/streamcam/strength"]
    with pytest.raises(BrokenPacket):
        messages(b"#bundle\0" + AT_ONCE + element(data))


BUNDLE, ADDRESS = b"#bundle\0" + AT_ONCE, b"/streamcam/x\0\0\0\0,"
tails = st.binary(max_size=60)


@given(tails | tails.map(lambda tail: BUNDLE + tail) | tails.map(lambda tail: ADDRESS + tail))
def test_any_bytes_are_messages_or_broken(data):
    with suppress(BrokenPacket):
        messages(data)


def test_broken_packets_are_counted_and_the_next_one_counts(peer, door, program):
    for datagram in BROKEN[1:]:
        peer.socket.send(datagram)
    peer.send("/streamcam/strength", 0.5)
    wait_until(lambda: ("strength", 0.5) in program.asked)
    assert door.packets == len(BROKEN)
    assert door.broken >= 10


def test_a_flood_ends_with_its_last_value(peer, door, program):
    for number in range(5000):
        peer.send("/streamcam/strength", (number + 1) / 5000)
        if number % 50 == 0:
            time.sleep(0.002)  # the system keeps some 500 while this process is not on a core
    wait_until(lambda: program.settings["strength"] == 1.0)


def test_one_who_has_gone_ends_nothing(door, program):
    for _ in range(20):
        peer = Peer(door)
        peer.send("/streamcam/strength")
        peer.socket.close()
    peer = Peer(door)
    assert peer.ask("/streamcam/look")[1] == ["mine"]
    peer.socket.close()


def test_a_port_that_is_taken_is_refused(door, desk, program):
    with pytest.raises(UsageError, match=r"OSC at .*: Address already in use"):
        OscDoor(desk, Beat(program), door.address)
    with pytest.raises(UsageError, match="must be PORT, or ADDRESS:PORT"):
        OscDoor(desk, Beat(program), "nowhere")
    with pytest.raises(UsageError, match=r"OSC at 203\.0\.113\.7:9000: "):
        OscDoor(desk, Beat(program), "203.0.113.7:9000")


def test_without_an_address_it_is_this_machine_alone(desk, program):
    door = OscDoor(desk, Beat(program), str(free_port()))
    assert door.address.startswith("127.0.0.1:")
    door.abandon()


def test_the_library_is_named_where_it_is_missing(desk, program, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "streamcam.control.osc.packets", None)
    monkeypatch.delattr(osc, "packets", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'streamcam\[osc\]'"):
        OscDoor(desk, Beat(program), "9000")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(allow_nan=True) | st.integers() | st.text() | st.booleans() | st.none())
def test_any_argument_is_a_value_or_refused(desk, given_):
    act = desk.sent("strength", given_)
    assert act is None or 0 < act.value <= 1
    act = desk.sent("gate.policy", given_)
    assert act is None or act.value in ("similarity", "hysteresis", "always")
