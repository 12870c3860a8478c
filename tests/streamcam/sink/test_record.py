"""Recordings, read back with PyAV: every picture, at its time, in its colours; always finished."""

from __future__ import annotations

from fractions import Fraction
from threading import Event

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamcam.errors import UsageError
from streamcam.flow.delivery import Delivery
from streamcam.frames import Frame, Ring
from streamcam.sink import Format
from streamcam.sink.record import Recording, open_sink
from streamcam.sink.record.timeline import LiveTimeline

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


def test_a_missed_tick_leaves_a_gap_and_an_early_one_adds_nothing(tmp_path, frames):
    path = tmp_path / "out.mkv"
    write_at(path, [0, 1 / 30, 4 / 30, 4.1 / 30, 5 / 30], frames)
    assert [time * 30 for time, _ in read(path)] == pytest.approx([0, 1, 4, 5], abs=0.02)


@given(st.lists(st.floats(0.5, 2.5), min_size=1, max_size=30))
def test_a_live_recording_follows_the_clock(ticks):
    moments = [0.0, *np.cumsum(ticks) / 30]
    now = [0.0]
    live, frame = (
        LiveTimeline(30, clock=lambda: now[0]),
        Frame(np.zeros((4, 4, 3), np.uint8), 0, 0.0),
    )
    places = [-1]
    for now[0] in moments:
        place = live.place(frame)
        places.append(places[-1] if place is None else place)
        assert abs(places[-1] - now[0] * 30) < 0.76
    now[0] += 2.0
    assert live.end() - places[-1] == pytest.approx(60, abs=1)


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
    with pytest.raises(UsageError, match=r'\[output\]: size = "640x480"'):
        open_sink(str(tmp_path / "out.mp4"), Format(641, 481, 30))


RATES = [Fraction(24000, 1001), Fraction(60000, 1001), Fraction(25), Fraction(1), Fraction(5)]


def rendered(path, frames, form):
    """What a file says about itself, and the times of its pictures."""
    sink = Recording(path, form)
    for frame in frames:
        sink.write(frame)
    sink.close()
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        rates = stream.average_rate, stream.base_rate
        times = [float(picture.pts * picture.time_base) for picture in file.decode(video=0)]
        return rates, file.duration / 1e6, times


def at(times, lengths=None):
    """Frames at these times, each shown for so long."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    return [
        Frame(pixels, seq, 0.0, media_time=time, duration=lengths[seq] if lengths else None)
        for seq, time in enumerate(times)
    ]


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 20, 53])
def test_a_constant_rate_stays_exactly_that(tmp_path, suffix, rate, count):
    """Whatever the preset's rate is, and wherever the encoder's reordered pictures end."""
    form = Format(96, 64, 30, realtime=False, rate=rate)
    times = [float(number / rate) for number in range(count)]
    rates, duration, found = rendered(tmp_path / f"out.{suffix}", at(times), form)
    assert rates == (rate, rate)
    assert duration == pytest.approx(float(count / rate), abs=1e-5)
    assert found == pytest.approx(times, abs=1e-5)


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_a_constant_rate_in_matroska(tmp_path, rate):
    """Whose times are milliseconds and whose rate a time in nanoseconds."""
    form = Format(96, 64, 30, realtime=False, rate=rate)
    times = [float(number / rate) for number in range(20)]
    rates, duration, found = rendered(tmp_path / "out.mkv", at(times), form)
    assert float(rates[0]) == pytest.approx(float(rate), rel=1e-5)
    assert duration == pytest.approx(float(20 / rate), abs=1e-3)
    assert found == pytest.approx(times, abs=6e-4)


gaps = st.lists(st.integers(1, 900).map(lambda number: number / 180), max_size=40)


@pytest.mark.parametrize(("suffix", "exact"), [("mp4", 1e-5), ("mkv", 1e-3)])
@given(gaps, st.floats(0.02, 5))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_uneven_times_and_the_last_length_stay(tmp_path, suffix, exact, gaps, last):
    times = [0.0, *(float(time) for time in np.cumsum(gaps))]
    lengths = [*gaps, last]
    _, duration, found = rendered(tmp_path / f"out.{suffix}", at(times, lengths), FILE)
    assert found == pytest.approx(times, abs=exact)
    assert duration == pytest.approx(times[-1] + last, abs=2 * exact)


def test_without_a_length_the_last_picture_lasts_a_period(tmp_path):
    _, duration, _ = rendered(tmp_path / "out.mp4", at([0.0, 0.5, 0.7]), FILE)
    assert duration == pytest.approx(0.7 + 1 / 30, abs=1e-4)


@pytest.mark.parametrize("length", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_length_that_cannot_be_is_none(tmp_path, length):
    _, duration, _ = rendered(tmp_path / "out.mp4", at([0.0], [length]), FILE)
    assert duration == pytest.approx(1 / 30, abs=1e-4)


def test_frames_without_a_time_follow_on_the_length_of_the_one_before(tmp_path):
    frames = [*at([0.0], [2.0]), *at([None, None], [0.5, 0.25])]
    _, duration, found = rendered(tmp_path / "out.mp4", frames, FILE)
    assert found == pytest.approx([0.0, 2.0, 2.5], abs=1e-4)
    assert duration == pytest.approx(2.75, abs=1e-4)


@pytest.mark.parametrize("stopped", [0.02, 2.5])
def test_the_last_live_picture_lasts_until_the_stop(tmp_path, stopped):
    now = [0.0]
    path = tmp_path / "out.mp4"
    sink = Recording(path, LIVE, clock=lambda: now[0])
    for number in range(31):
        now[0] = number / 30
        sink.write(Frame(np.zeros((64, 96, 3), np.uint8), 0, 0.0))
    now[0] = 1.0 + stopped
    sink.close()
    with av.open(str(path)) as file:
        assert file.duration / 1e6 == pytest.approx(max(31 / 30, 1.0 + stopped), abs=0.02)
        assert sum(1 for _ in file.decode(video=0)) == 31


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_every_picture_can_be_looked_up(tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    rendered(path, at([number / 30 for number in range(300)]), FILE)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        for number in (299, 0, 150, 37, 251):
            file.seek(round(number / 30 / stream.time_base), stream=stream)
            for picture in file.decode(stream):
                if picture.time > number / 30 - 0.01:
                    break
            assert picture.time == pytest.approx(number / 30, abs=1e-3)
