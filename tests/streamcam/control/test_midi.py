"""MIDI, with devices that a test plugs in: knobs are learned and play, keys, clock, comebacks."""

import sys
from threading import Thread

import fake_midi
import pytest
from mido import Message
from test_osc import wait_until

from streamcam.control import midi
from streamcam.control.beat import Beat
from streamcam.control.desk import Desk
from streamcam.control.midi import MidiDoor
from streamcam.control.midi.bindings import Bindings
from streamcam.errors import UnknownChoice, UsageError

KNOBS, KEYS = "nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "Keystation:Keystation MIDI 1 24:0"


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "streamcam" / "midi.toml"
    monkeypatch.setattr(midi, "midi_file", lambda: path)
    monkeypatch.setattr(midi, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(fake_midi, "PLUGGED", {KNOBS: []})
    monkeypatch.setattr(fake_midi, "FAILS", None)
    monkeypatch.setenv("MIDO_BACKEND", "fake_midi")
    return path


@pytest.fixture
def desk(program):
    desk = Desk(program)
    thread = Thread(target=desk.work, daemon=True)
    thread.start()
    yield desk
    desk.close()
    thread.join(10)


@pytest.fixture
def open_door(file, desk, program):
    doors = []

    def opened(wanted="auto"):
        door = MidiDoor(desk, Beat(program), wanted)
        thread = Thread(target=door.work, daemon=True)
        thread.start()
        doors.append((door, thread))
        count = sum(wanted in ("auto", name.split(":")[0]) for name in fake_midi.PLUGGED)
        wait_until(lambda: len(door.inputs) == count)
        return door

    yield opened
    for door, thread in doors:
        door.close()
        thread.join(10)
        assert not any(fake_midi.PLUGGED.values()), "a port was left open"


def turn(control, value, channel=0, device=KNOBS):
    message = Message("control_change", channel=channel, control=control, value=value)
    fake_midi.send(device, message)


def press(note, device=KNOBS, velocity=100):
    fake_midi.send(device, Message("note_on", note=note, velocity=velocity))


def test_a_knob_is_learned_and_plays(open_door, program, file):
    door = open_door()
    turn(21, 100)
    assert program.asked == []
    door.bindings.arm("strength")
    assert door.bindings.armed == "strength"
    turn(21, 127)
    wait_until(lambda: program.settings["strength"] == 1.0)
    assert door.bindings.armed == ""
    turn(21, 0)
    wait_until(lambda: program.settings["strength"] == pytest.approx(0.001))
    assert file.read_text() == '[controllers]\n"1 21" = "strength"\n\n[notes]\n'
    door.bindings.arm("strength")
    turn(22, 127, channel=3)
    assert door.bindings.tables() == {"controllers": {"4 22": "strength"}, "notes": {}}
    door.bindings.forget("strength")
    turn(22, 64, channel=3)
    assert door.bindings.tables()["controllers"] == {}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("guidance", 127, 4.0),
        ("delta", 127, 2.0),
        ("seed", 64, 64),
        ("gate.max_skip", 127, 127),
        ("gate.policy", 127, "always"),
        ("gate.policy", 0, "similarity"),
        ("output.mirror", 64, True),
        ("output.mirror", 63, False),
        ("blend.1", 127, 1.0),
        ("control.bpm", 127, 400.0),
    ],
)
def test_what_a_knob_says(open_door, program, key, value, expected):
    door = open_door()
    door.bindings.arm(key)
    turn(1, value)
    wait_until(lambda: (key, expected) in program.asked)


def test_a_wheel_is_a_knob(open_door, program):
    open_door().bindings.arm("strength")
    fake_midi.send(KNOBS, Message("pitchwheel", pitch=8191))
    wait_until(lambda: program.settings["strength"] == pytest.approx(1.0))


def test_keys_bring_looks_and_tap(open_door, program):
    door = open_door()
    door.bindings.arm("look noir")
    turn(21, 3)
    assert door.bindings.armed == "look noir", "a look waits for a key"
    press(36)
    wait_until(lambda: program.look == "noir")
    press(36, velocity=0)
    door.bindings.arm("tap")
    press(37)
    assert door.bindings.tables()["notes"] == {"1 36": "noir", "1 37": "tap"}
    assert [one for one in program.asked if one[0] == "look"] == [("look", "noir")]


def test_the_clock_is_the_beat(open_door, program, monkeypatch):
    door = open_door()
    pulses = []
    monkeypatch.setattr(door._beat, "pulse", lambda: pulses.append(1))
    monkeypatch.setattr(door._beat, "start", lambda: pulses.append("start"))
    for kind in ("start", "clock", "clock", "stop", "active_sensing"):
        fake_midi.send(KNOBS, Message(kind))
    assert pulses == ["start", 1, 1]


def test_a_device_that_is_plugged_in_again_plays_on(open_door, program):
    door = open_door()
    door.bindings.arm("strength")
    turn(21, 10)
    (port,) = fake_midi.PLUGGED.pop(KNOBS)
    del port
    wait_until(lambda: door.inputs == [])
    assert "nanoKONTROL2 MIDI 1 is gone" in program.stats.snapshot().notice
    fake_midi.PLUGGED[KNOBS.replace("20:0", "28:0")] = []
    wait_until(lambda: door.inputs == ["nanoKONTROL2:nanoKONTROL2 MIDI 1"])
    turn(21, 127, device=KNOBS.replace("20:0", "28:0"))
    wait_until(lambda: program.settings["strength"] == 1.0)
    assert program.stats.snapshot().notice == ""


def test_one_device_is_asked_for(open_door, program):
    fake_midi.PLUGGED[KEYS] = []
    fake_midi.PLUGGED["Midi Through:Midi Through Port-0 14:0"] = []
    assert open_door("Keystation").inputs == ["Keystation:Keystation MIDI 1"]


def test_what_goes_wrong_is_said_and_ends_nothing(open_door, program, monkeypatch):
    door = open_door()
    fake_midi.FAILS = OSError("the sequencer is gone")
    wait_until(lambda: "the sequencer is gone" in program.stats.snapshot().notice)
    fake_midi.FAILS = None
    door.bindings.arm("strength")
    monkeypatch.setattr(door._desk, "turned", lambda *_: 1 / 0)
    turn(21, 3)
    assert door.broken == 1
    monkeypatch.undo()


def test_a_machine_without_midi_says_so_at_once(file, desk, program, monkeypatch):
    fake_midi.FAILS = OSError("error creating ALSA sequencer client object")
    with pytest.raises(UsageError, match="MIDI cannot be used here: error creating ALSA"):
        MidiDoor(desk, Beat(program), "auto")
    fake_midi.FAILS = None
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(UsageError, match=r"pip install 'streamcam\[midi\]'"):
        MidiDoor(desk, Beat(program), "auto")


@pytest.mark.parametrize("key", ["prompt", "modulation.strength", "steps", "looks"])
def test_what_no_knob_can_play(tmp_path, key):
    with pytest.raises(UsageError, match="no value that a knob can play"):
        Bindings(tmp_path / "midi.toml").arm(key)
    with pytest.raises(UnknownChoice):
        Bindings(tmp_path / "midi.toml").arm("stregth")


def test_the_file_is_kept_by_hand_and_by_the_program(tmp_path):
    path = tmp_path / "midi.toml"
    path.write_text('# my knobs\n[controllers]\n"1 21" = "strength"  # left\n"1 22" = "delta"\n')
    bindings = Bindings(path)
    assert bindings.played("controllers", "1 21") == "strength"
    bindings.arm("guidance")
    bindings.played("controllers", "1 22")
    text = path.read_text()
    assert text.startswith('# my knobs\n[controllers]\n"1 21" = "strength"  # left\n')
    assert Bindings(path).tables()["controllers"] == {"1 21": "strength", "1 22": "guidance"}


@pytest.mark.parametrize("text", ["[controllers", "controllers = 3", '[notes]\n"1 2" = 3'])
def test_a_file_that_cannot_be_read_is_named(tmp_path, text):
    path = tmp_path / "midi.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"midi\.toml"):
        Bindings(path)


def test_a_file_that_cannot_be_written_is_said_and_the_knob_plays(tmp_path):
    folder = tmp_path / "folder"
    folder.write_text("a file")
    bindings = Bindings(folder / "midi.toml")
    bindings.arm("strength")
    with pytest.raises(UsageError, match=r"midi\.toml cannot be written"):
        bindings.played("controllers", "1 21")
    assert bindings.played("controllers", "1 21") == "strength"


def test_a_knob_is_waited_for_half_a_minute(tmp_path, monkeypatch):
    bindings = Bindings(tmp_path / "midi.toml")
    bindings.arm("strength")
    monkeypatch.setattr("streamcam.control.midi.bindings.perf_counter", lambda: 1e12)
    assert bindings.armed == ""
    assert bindings.played("controllers", "1 21") is None
