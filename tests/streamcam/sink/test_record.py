"""Recordings, read back with PyAV: every picture, at its time, in its colours; always finished."""

from __future__ import annotations

import subprocess
import sys
from threading import Event

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamcam.errors import SinkFailed, UsageError
from streamcam.frames import Frame, Ring
from streamcam.sink import Format
from streamcam.sink._worker import Delivery
from streamcam.sink.record import Recording, open_sink

LIVE = Format(96, 64, 30)
FILE = Format(96, 64, 30, realtime=False)


def read(path):
    """(seconds, RGB) of every picture in the file."""
    with av.open(str(path)) as file:
        return [
            (float(picture.pts * picture.time_base), picture.to_ndarray(format="rgb24"))
            for picture in file.decode(video=0)
        ]


def write_at(path, moments, frames, form=LIVE):
    """Record one frame at each of the `moments`, seconds."""
    now = [0.0]
    sink = Recording(path, form, clock=lambda: 50.0 + now[0])
    for now[0], frame in zip(moments, frames(form.width, form.height, len(moments)), strict=True):
        sink.write(frame)
    sink.close()


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize(("form", "rate"), [(LIVE, 30), (FILE, 25)])
def test_pictures_come_back(tmp_path, frames, same_colours, suffix, form, rate):
    path = tmp_path / f"out.{suffix}"
    write_at(path, [number / 30 for number in range(40)], frames, form)
    found = read(path)
    assert [time for time, _ in found] == pytest.approx([n / rate for n in range(40)], abs=6e-4)
    for (_, shown), frame in zip(found, frames(96, 64, 40), strict=True):
        same_colours(shown, frame.pixels)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_file_says_what_its_colours_are(tmp_path, frames):
    path = tmp_path / "out.mp4"
    write_at(path, [0.0, 0.1], frames)
    with av.open(str(path)) as file:
        picture = next(file.decode(video=0))
        stream = file.streams.video[0]
        assert (stream.codec_context.name, picture.format.name) == ("h264", "yuv420p")
        tags = picture.colorspace, picture.color_primaries, picture.color_trc, picture.color_range
        assert tags == (1, 1, 1, 1)  # BT.709 three times, limited range


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_the_index_comes_first(tmp_path, frames, suffix):
    path = tmp_path / f"out.{suffix}"
    write_at(path, [0.0, 0.1], frames)
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_a_missed_tick_leaves_a_gap_and_an_early_one_adds_nothing(tmp_path, frames):
    path = tmp_path / "out.mkv"
    write_at(path, [0, 1 / 30, 4 / 30, 4.1 / 30, 5 / 30], frames)
    assert [time * 30 for time, _ in read(path)] == pytest.approx([0, 1, 4, 5], abs=0.02)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.floats(0.5, 2.5), min_size=1, max_size=30))
def test_a_live_recording_follows_the_clock(tmp_path, ticks):
    moments = [0.0, *np.cumsum(ticks) / 30]
    now = [0.0]
    sink = Recording(tmp_path / "out.mkv", LIVE, clock=lambda: now[0])
    places = []
    for now[0] in moments:
        sink.write(Frame(np.zeros((64, 96, 3), np.uint8), 0, 0.0))
        places.append(sink._last)
    sink.close()
    assert all(
        abs(place - moment * 30) < 0.76 for place, moment in zip(places, moments, strict=True)
    )


def test_frames_without_a_time_are_one_period_apart(tmp_path):
    sink = Recording(tmp_path / "out.mkv", FILE)
    for seq in range(4):
        sink.write(Frame(np.zeros((64, 96, 3), np.uint8), seq, 0.0))
    sink.close()
    times = [time for time, _ in read(tmp_path / "out.mkv")]
    assert times == pytest.approx([0, 1 / 30, 2 / 30, 3 / 30], abs=6e-4)


def test_times_that_go_back_still_make_a_file(tmp_path):
    sink = Recording(tmp_path / "out.mp4", FILE)
    for time in [0.0, 0.04, 0.04, 0.02, 0.08]:
        sink.write(Frame(np.zeros((64, 96, 3), np.uint8), 0, 0.0, media_time=time))
    sink.close()
    times = [time for time, _ in read(tmp_path / "out.mp4")]
    assert len(times) == 5
    assert times == sorted(set(times))


def test_an_error_elsewhere_leaves_a_finished_file(tmp_path, frames):
    path = tmp_path / "out.mp4"
    made = frames(96, 64, 5)

    class Breaking(Ring):
        def get(self, timeout=None):
            if not made:
                raise ZeroDivisionError
            return made.pop(0)

    with pytest.raises(ZeroDivisionError):
        Delivery(Recording(path, FILE), Breaking(), FILE, Event())()
    assert len(read(path)) == 5


def test_an_old_file_stays_until_the_new_one_is_complete(tmp_path, frames):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    sink = open_sink(str(path), LIVE)
    sink.write(frames(96, 64, 1)[0])
    assert path.read_bytes() == b"old"
    sink.close()
    assert len(read(path)) == 1


def test_without_a_picture_there_is_no_file(tmp_path):
    open_sink(str(tmp_path / "out.mp4"), LIVE).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere/out.mp4", "there is no folder"),
        ("folder.mp4", "it is a folder"),
        ("file.txt/out.mp4", "there is no folder"),
        ("out.avi", "must end in one of .mkv, .mov, .mp4"),
        ("x" * 300 + ".mp4", "cannot record to"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name, reason):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file.txt").touch()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=reason):
        open_sink(str(tmp_path / name), LIVE)
    assert sorted(tmp_path.iterdir()) == before


def test_what_the_encoder_refuses_leaves_nothing_behind(tmp_path):
    with pytest.raises(UsageError, match="cannot record to"):
        open_sink(str(tmp_path / "out.mp4"), Format(40_000, 40_000, 30))
    assert list(tmp_path.iterdir()) == []


def test_an_odd_size_is_refused_with_the_nearest_even_one(tmp_path):
    with pytest.raises(UsageError, match="--size 640x480"):
        open_sink(str(tmp_path / "out.mp4"), Format(641, 481, 30))


FULL_DISK = """
import resource, sys
import numpy as np
from streamcam.errors import SinkFailed
from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.record import open_sink

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
sink = open_sink(sys.argv[1], Format(320, 180, 30, realtime=False))
noise = np.random.default_rng(0)
try:
    for seq in range(400):
        pixels = noise.integers(0, 255, (180, 320, 3), np.uint8)
        sink.write(Frame(pixels, seq, 0.0, media_time=seq / 30))
except SinkFailed as error:
    print("write:", error)
try:
    sink.close()
except SinkFailed as error:
    print("close:", error)
sink.close()
"""


if sys.platform != "win32":  # which has no limit on a file's size that a test could set

    @pytest.mark.parametrize("suffix", ["mp4", "mkv"])
    def test_a_full_disk_is_named(tmp_path, suffix):
        path = tmp_path / f"out.{suffix}"
        command = [sys.executable, "-c", FULL_DISK, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        said = done.stdout.splitlines()
        assert said[0].startswith(f"write: cannot write {path}.part: ")
        assert said[1].startswith(f"close: cannot finish {path}: ")
        assert [entry.name for entry in tmp_path.iterdir()] == [f"out.{suffix}.part"]


def test_a_failed_picture_does_not_cost_those_before_it(tmp_path, frames, monkeypatch):
    path = tmp_path / "out.mp4"
    sink = Recording(path, FILE)
    made = frames(96, 64, 6)
    for frame in made[:5]:
        sink.write(frame)

    def refuse(packets):
        raise av.FFmpegError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sink, "_mux", refuse)
        with pytest.raises(SinkFailed, match="No space left on device"):
            sink.write(made[5])
    sink.close()
    assert len(read(path)) >= 5
