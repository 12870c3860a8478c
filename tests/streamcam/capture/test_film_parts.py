"""Parts of a film, its sound over jumps of its times, and fewer pictures a second of it."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam import capture
from streamcam.capture import Wanted, open_source
from streamcam.capture.video.film import Shot
from streamcam.capture.video.hearing import Moment, _Line
from streamcam.capture.video.thinning import Thinned
from streamcam.errors import UsageError
from streamcam.files.excerpt import WHOLE, Excerpt, cut

OFF = Wanted(realtime=False, loop=False)


@pytest.mark.parametrize(
    ("given", "name", "excerpt"),
    [
        ("a.mp4", "a.mp4", WHOLE),
        ("a.mp4#t=10", "a.mp4", Excerpt(10)),
        ("a.mp4#t=10,20.5", "a.mp4", Excerpt(10, 20.5)),
        ("a.mp4#t=,20", "a.mp4", Excerpt(0, 20)),
        ("a.mp4#t=1:30,2:00", "a.mp4", Excerpt(90, 120)),
        ("a.mp4#t=npt:0:01:30.25", "a.mp4", Excerpt(90.25)),
        ("a.mp4#t=1:02:03,100:00:00", "a.mp4", Excerpt(3723, 360000)),
        ("https://a.b/c.mp4?d=e#t=1", "https://a.b/c.mp4?d=e", Excerpt(1)),
        ("a#b.mp4", "a#b.mp4", WHOLE),
        ("a#t=1.mp4#t=2", "a#t=1.mp4", Excerpt(2)),
    ],
)
def test_a_part_is_read_as_the_web_writes_it(given, name, excerpt):
    assert cut(given) == (name, excerpt)


@pytest.mark.parametrize(
    "part", ["20,10", "10,10", "x", "1,x", "-1", "1:99", "1,", "1h", "nan", "inf", "1e3"]
)
def test_a_part_that_cannot_be_is_refused_with_what_can(part):
    with pytest.raises(UsageError, match=r"must be #t=START,END") as refused:
        cut(f"a.mp4#t={part}")
    assert f"#t={part}" in str(refused.value)


def test_a_file_of_that_very_name_is_that_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4#t=1").touch()
    assert cut("a.mp4#t=1") == ("a.mp4#t=1", WHOLE)


@given(st.text(max_size=30))
def test_whatever_is_given_is_a_name_or_refused(text):
    try:
        name, _ = cut(text)
    except UsageError:
        return
    assert text.startswith(name)


def times(source):
    found = []
    while True:
        try:
            frame = source.read()
        except EOFError:
            return found
        if frame is not None:
            found.append((frame.media_time, frame.duration))


def test_a_part_of_a_picture_or_past_the_end_is_refused(make_film, tmp_path):
    path = make_film("film.mp4", times=20)
    with pytest.raises(UsageError, match="no picture that can be read from 5 s to its end"):
        open_source(f"{path}#t=5", OFF)
    from PIL import Image

    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="is a picture and has no times"):
        capture.parse(f"{tmp_path / 'a.png'}#t=1")
    with pytest.raises(UsageError, match=r"there is no file .*none\.mp4'"):
        capture.parse(f"{tmp_path / 'none.mp4'}#t=1")


def test_a_part_says_its_length_and_which_it_is(make_film):
    path = make_film("film.mp4", times=40)  # four seconds
    source = open_source(f"{path}#t=1,2.5", OFF)
    assert source.film.seconds == pytest.approx(1.5)
    assert source.label.endswith("at 10 fps, from 1 s to 2.5 s")
    assert open_source(f"{path}#t=3", OFF).film.seconds == pytest.approx(1.0, abs=0.01)
    assert open_source(f"{path}#t=3,99", OFF).film.seconds == pytest.approx(1.0, abs=0.01)
    assert len(times(source)) == 15


@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "film.ts"])
def test_a_part_begins_again_where_it_began(make_film, name):
    more = {"codec": "gif", "format": "rgb8"} if name.endswith("gif") else {}
    path = make_film(name, times=30, **more)
    source = open_source(f"{path}#t=1,1.5", Wanted(realtime=False, loop=True))
    frames = [source.read() for _ in range(12)]
    assert [round(frame.media_time, 3) for frame in frames] == pytest.approx(
        [number / 10 for number in range(12)], abs=1e-3
    )
    means = [float(frame.pixels.mean()) for frame in frames]
    assert means[:5] == pytest.approx(means[5:10], abs=0.5)
    source.close()


def test_an_avi_with_reordered_pictures_keeps_its_length(make_film):
    """FFmpeg gives them times in the order of the file: 1, 4, 3, 5, 2 …"""
    path = make_film("film.avi", times=30, options={"bf": "3", "b_strategy": "0"})
    found = times(open_source(str(path), OFF))
    assert [at for at, _ in found] == pytest.approx([number / 10 for number in range(30)])


class Shots:
    """Pictures at these times, with their numbers as sound; None: not there yet."""

    def __init__(self, at):
        self._rest = [
            None if one is None else Shot(None, one, 0.1, (number,))
            for number, one in enumerate(at)
        ]

    def next(self):
        if not self._rest:
            raise EOFError
        return self._rest.pop(0)

    def close(self):
        self._rest = []


def all_of(thinned):
    found = []
    while True:
        try:
            shot = thinned.next()
        except EOFError:
            return found
        if shot is not None:
            found.append(shot)


@given(st.lists(st.floats(0.001, 0.5), min_size=1, max_size=40), st.floats(1, 60), st.data())
def test_thinned_no_sound_and_no_time_is_lost(steps, most, data):
    at = [0.0]
    for step in steps:
        at.append(at[-1] + step)
    given = list(at)
    for place in data.draw(st.lists(st.integers(0, len(at)), max_size=4)):
        given.insert(place, None)
    shots = Shots(given)
    numbers = [shot.sound[0] for shot in shots._rest if shot is not None]
    found = all_of(Thinned(shots, most, None))
    assert [one for shot in found for one in shot.sound] == numbers
    assert sum(shot.duration for shot in found) == pytest.approx(0.1 * len(at))
    assert found[0].time == 0.0
    periods = [int(shot.time * most + 1e-6) for shot in found]
    assert periods == sorted(set(periods)), "one a period at most"


@pytest.mark.parametrize(
    ("rate", "most", "count"),
    [(30, 24, 24), (60, 30, 30), (Fraction(60000, 1001), 30, 30), (25, 12.5, 13)],
)
def test_thinned_an_even_film_stays_even(rate, most, count):
    at = [float(number / Fraction(rate)) for number in range(int(rate))]
    thinned = Thinned(Shots(at), most, Fraction(rate))
    assert thinned.rate == Fraction(most)
    found = [shot.time * most for shot in all_of(thinned)]
    assert found == pytest.approx(list(range(count)))


def packet(at, base=Fraction(1, 1000)):
    return SimpleNamespace(pts=round(at / base), dts=None, time_base=base, duration=20, size=1)


def heard(line, at, until, shift=0.0, jumps=0):
    moment = Moment(at, until, shift, jumps)
    return [(sound.packet.pts / 1000, round(sound.shift, 3)) for sound in line.along_with(moment)]


def test_sound_goes_along_with_its_picture_and_the_rest_with_the_last():
    line = _Line(None, gap=10.0)
    for number in range(10):
        line.put(packet(number * 0.02))
    assert heard(line, 0.0, 0.04) == [(0.0, 0.0), (0.02, 0.0)]
    assert heard(line, 0.04, 0.05) == [(0.04, 0.0)]
    assert heard(line, 0.05, 0.06) == []
    assert [at for at, _ in heard(line, 0.06, None)] == [0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18]


@pytest.mark.parametrize("after", [0.0, 5000.0], ids=["back", "forward"])
def test_sound_stays_with_the_picture_over_a_jump(after):
    """The times of a stream begin anew, and its sound comes a little before or after that."""
    line = _Line(None, gap=10.0)
    for at in (99.96, 99.98, 100.0, 100.02, after, after + 0.02, after + 0.04):
        line.put(packet(at))
    assert heard(line, 99.96, 100.0, -99.0) == [(99.96, -99.0), (99.98, -99.0)]
    shift = 1.0 - after  # the picture after the jump is shown at 1.0 s
    found = heard(line, after, after + 0.04, shift, jumps=1)
    assert found == [
        (100.0, -99.0),
        (100.02, -99.0),
        (after, shift),
        (after + 0.02, shift),
    ]


def test_sound_from_after_a_jump_waits_for_it():
    line = _Line(None, gap=10.0)
    line.put(packet(100.0))
    line.put(packet(0.0))
    assert heard(line, 100.0, 100.04) == [(100.0, 0.0)]
    assert heard(line, 100.04, 100.08) == []
    assert heard(line, 0.0, 0.04, 100.08, jumps=1) == [(0.0, 100.08)]


def test_sound_from_before_the_first_picture_is_left_but_for_what_a_decoder_runs_in_on():
    line = _Line(None, gap=10.0)
    for at in (4.0, 4.8, 4.95, 5.0):
        line.put(packet(at))
    assert [at for at, _ in heard(line, 5.0, 5.04, -5.0)] == [4.95, 5.0]
