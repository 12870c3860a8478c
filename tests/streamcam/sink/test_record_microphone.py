"""The microphone in a live recording: in step with the picture, or one line that there is none."""

from __future__ import annotations

import sys
import threading
from time import perf_counter, sleep
from types import SimpleNamespace

import av
import numpy as np
import pytest
from sounding_film import clicks, flashes

from streamcam.errors import UsageError
from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink import record as sinks
from streamcam.sink.record import Recording, open_sink
from streamcam.sink.record.microphone import RATE, Block, Microphone

FPS = 30
EVENTS = (1.013, 2.517, 4.211)
BEGAN = 50.0  # by the clock
DARK, LIGHT = (np.full((128, 128, 3), grey, np.uint8) for grey in (40, 230))


class Room(Microphone):
    """A microphone without a thread: somebody claps in front of it, by a clock that the test moves
    on, and blocks are fetched when they are there, or some milliseconds later now and then.

    pace   of the sound card's clock: 1.001 is a second too many in a thousand
    """

    name, channels = "Desk", 2

    def __init__(self, *, pace: float = 1.0) -> None:
        self.now = BEGAN - 1.0
        self.closed = False
        self._pace = pace
        self._came = 0  # samples, since a second before the start
        self._due = None

    def clock(self) -> float:
        return self.now

    def take(self):
        blocks = []
        while (there := self._second(self._came + 960)) <= self.now:
            heard = self._second(self._came + np.arange(960)) - BEGAN
            samples = 0.02 * np.sin(2 * np.pi * 220 * heard)
            for event in EVENTS:
                samples[(heard >= event) & (heard < event + 0.004)] = 0.8
            fetched = there + (0.0 if self._came % 4800 else 0.007)
            at = self._steady(fetched - 960 / RATE, 960)
            blocks.append(Block(at, np.stack([samples, samples], 1).astype(np.float32)))
            self._came += 960
        return blocks

    def close(self) -> None:
        self.closed = True

    def _second(self, sample):
        return BEGAN - 1.0 + sample / (RATE * self._pace)


class Recorder:
    """What soundcard gives: noise in real time, until it `breaks`."""

    latency = 0.02

    def __init__(self) -> None:
        self.breaks, self.closed = threading.Event(), threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed.set()

    def record(self, count):
        if self.breaks.wait(count / RATE):
            raise OSError("no such device")
        return np.full((count, 2), 0.1, np.float32)


class Device:
    def __init__(self, name: str, channels: int = 2) -> None:
        self.name, self.channels, self.listening = name, channels, Recorder()

    def recorder(self, rate, channels, blocksize):
        assert (rate, channels, blocksize) == (RATE, min(2, self.channels), 960)
        return self.listening


@pytest.fixture
def soundcard(monkeypatch):
    """A sound system with these microphones, the first the system's choice."""

    def install(*devices, **more):
        module = SimpleNamespace(
            all_microphones=lambda: list(devices), default_microphone=lambda: devices[0], **more
        )
        monkeypatch.setitem(sys.modules, "soundcard", module)

    return install


def form(wanted="microphone", tell=lambda _text: None):
    return Format(128, 128, FPS, microphone=wanted, tell=tell)


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Record a scene that flashes when somebody claps; how much later than it is seen a clap is
    heard. Pictures are shown `late` seconds after they were taken, from two seconds on `jump` more,
    and the first one `first` more.
    """

    def run(room, *, late, jump=0.0, first=0.0, suffix="mp4"):
        monkeypatch.setattr(sinks, "Microphone", lambda *_: room)
        path = tmp_path / f"out.{suffix}"
        sink = Recording(path, form(), clock=room.clock)
        assert "; sound: Desk, as AAC)" in sink.label
        for tick in range(6 * FPS):
            room.now = BEGAN + tick / FPS
            taken = room.now - late - (jump if tick > 2 * FPS else 0.0 if tick else first)
            lit = any(event <= taken - BEGAN < event + 1 / FPS for event in EVENTS)
            sink.write(Frame(LIGHT if lit else DARK, tick, taken))
        sink.close()
        assert room.closed
        seen, heard = flashes(path), clicks(path)
        assert len(seen) == len(heard) == 3
        return np.subtract(heard, seen)

    return run


# A picture stands for a thirtieth of a second, in which the clap may be anywhere.
EARLIEST, LATEST = -1 / FPS - 0.005, 0.005


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("late", [0.0, 0.08, 0.3])
def test_a_clap_is_heard_where_it_is_seen(record, suffix, late):
    """However late the picture is that the engine makes."""
    found = record(Room(), late=late, suffix=suffix)
    assert min(found) >= EARLIEST
    assert max(found) <= LATEST


@pytest.mark.parametrize("pace", [0.998, 1.002])
def test_a_sound_card_whose_clock_is_off_stays_in_step(record, tmp_path, pace):
    """Two in a thousand are 12 ms in six seconds and seven seconds in an hour."""
    found = record(Room(pace=pace), late=0.1)
    assert min(found) >= EARLIEST - 0.006
    assert max(found) <= LATEST + 0.006
    with av.open(str(tmp_path / "out.mp4")) as file:
        samples = sum(frame.samples for frame in file.decode(audio=0))
    assert samples / RATE == pytest.approx(6.1, abs=0.15)


def test_the_sound_follows_a_delay_that_changes(record):
    found = record(Room(), late=0.05, jump=0.06)
    assert found[-1] - found[0] == pytest.approx(0.0, abs=1 / FPS + 0.03)


def test_a_first_picture_that_waited_for_the_engine_says_nothing_of_the_others(record):
    found = record(Room(), late=0.1, first=1.0)
    assert min(found) >= EARLIEST
    assert max(found) <= LATEST


def test_an_hour_of_a_clock_that_is_off_is_followed_to_some_milliseconds():
    for pace in (0.9995, 1.0, 1.0005):
        room = Room(pace=pace)
        late = 0.0
        for block in range(180_000):
            fetched = 960 * (block + 1) / (RATE * pace) + (0.0 if block % 5 else 0.007)
            truth = 960 * block / (RATE * pace)
            found = room._steady(fetched - 960 / RATE, 960)
            late = max(late, abs(found - truth)) if block > 500 else 0.0
        assert late < 0.01


def test_of_several_microphones_a_part_of_the_name_chooses(tmp_path, soundcard):
    devices = Device("Desk"), Device("Blue Yeti", channels=1)
    soundcard(*devices)
    sink = Recording(tmp_path / "out.mp4", form("yeti"))
    assert "sound: Blue Yeti, as AAC" in sink.label
    sink.close()
    assert devices[1].listening.closed.wait(10)
    assert not list(tmp_path.iterdir())


def test_a_name_that_no_microphone_has_is_refused(tmp_path, soundcard):
    soundcard(Device("Desk"))
    with pytest.raises(UsageError, match=r"no microphone 'Yeti' .* There are: 'Desk'\."):
        open_sink(str(tmp_path / "out.mp4"), form("Yeti"))
    assert not list(tmp_path.iterdir())


def test_blocks_are_as_old_as_the_sound_system_says(soundcard):
    device = Device("Desk")
    soundcard(device)
    began = perf_counter()
    heard = Microphone("microphone", pytest.fail, perf_counter)
    blocks = []
    while len(blocks) < 5:
        blocks += heard.take()
    heard.close()
    assert device.listening.closed.wait(10)
    assert blocks[0].samples.shape == (960, 2)
    assert began - 0.021 <= blocks[0].at < perf_counter()
    steps = np.diff([block.at for block in blocks])
    assert min(steps) > 0


def broken(*_arguments, **_named):
    raise RuntimeError("the server hung up")


@pytest.mark.parametrize(
    ("modules", "reason"),
    [
        ({"soundcard": None}, "it needs pip install 'streamcam[audio]'"),
        ({"soundcard": SimpleNamespace(all_microphones=list)}, "no microphone is connected"),
        (
            {"soundcard": SimpleNamespace(all_microphones=broken)},
            "no microphone can be had: RuntimeError: the server hung up",
        ),
    ],
)
def test_without_a_microphone_one_line_says_so_and_the_picture_is_recorded(
    tmp_path, monkeypatch, modules, reason
):
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    sink = open_sink(str(tmp_path / "out.mp4"), form())
    assert f"; no sound: {reason})" in sink.label
    sink.write(Frame(np.zeros((128, 128, 3), np.uint8), 0, 0.0))
    sink.close()
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert [stream.type for stream in file.streams] == ["video"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ('OSError("cannot load library")', "libpulse cannot be loaded: sudo apt install libpulse0"),
        ("AssertionError", "no sound server answers"),
    ],
)
def test_without_a_sound_system_it_says_what_is_missing(tmp_path, monkeypatch, fault, reason):
    (tmp_path / "soundcard.py").write_text(f"raise {fault}")
    monkeypatch.delitem(sys.modules, "soundcard", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    sink = open_sink(str(tmp_path / "out.mp4"), form())
    assert f"; no sound: {reason})" in sink.label
    sink.close()


def test_a_microphone_that_cannot_be_opened_is_the_same(tmp_path, soundcard):
    device = Device("Desk")
    device.recorder = broken
    soundcard(device)
    sink = open_sink(str(tmp_path / "out.mp4"), form())
    assert "no sound: Desk cannot be opened: RuntimeError: the server hung up" in sink.label
    sink.close()


def test_a_microphone_that_is_unplugged_is_told_and_the_picture_goes_on(tmp_path, soundcard):
    device, told, said = Device("Desk"), [], threading.Event()
    soundcard(device)
    sink = Recording(tmp_path / "out.mp4", form(tell=lambda text: (told.append(text), said.set())))
    device.listening.breaks.set()
    assert said.wait(30)
    for tick in range(5):
        sink.write(Frame(DARK, tick, perf_counter()))
        sleep(0.05)
    sink.close()
    assert told == [
        "the recording goes on without sound: the microphone Desk is lost: OSError: no such device"
    ]
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) >= 2


def test_a_rendered_file_opens_no_microphone(tmp_path, soundcard):
    soundcard()
    sink = Recording(
        tmp_path / "out.mp4", Format(128, 128, 30, realtime=False, microphone="microphone")
    )
    assert "sound" not in sink.label.rpartition("(")[2]
    sink.close()
