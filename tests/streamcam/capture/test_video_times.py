"""The times of films: seams between clocks, pauses, how long a picture lasts, constant rates."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from capture_fakes import until

from streamcam.capture import Wanted, open_source
from streamcam.capture.video import VideoSource
from streamcam.capture.video.decoder import Decoder

AT_ONCE = Wanted(realtime=False, loop=False)
HUNDREDTH = Fraction(1, 100)
THOUSANDTH = Fraction(1, 1000)
PLAYLIST = """#EXTM3U
#EXT-X-TARGETDURATION:2
#EXTINF:2,
{}
#EXT-X-DISCONTINUITY
#EXTINF:2,
{}
#EXT-X-ENDLIST
"""


def played(path: Path):
    """All frames of the film, once."""
    source = open_source(str(path), AT_ONCE)
    frames, _ = until(EOFError, source.read)
    source.close()
    return frames


def lasts(frames) -> float:
    """Seconds from the first picture to the end of the last."""
    return frames[-1].media_time + frames[-1].duration


@pytest.fixture
def parts(make_film):
    """Makes a part of two seconds, 25 pictures a second, whose clock begins at `begin` seconds."""

    def make(begin: float, suffix: str = "ts", codec: str = "libx264") -> Path:
        return make_film(
            f"{begin:g}.{suffix}",
            times=50,
            rate=25,
            codec=codec,
            container={"output_ts_offset": str(begin)},
        )

    return make


JOINTS = {"forward": (0, 3600), "back": (3600, 0), "a little back": (10, 5), "the same": (7, 7)}


@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("kind", ["ts", "mpg", "m3u8"])
def test_a_seam_between_two_clocks_takes_no_time(parts, tmp_path, joint, kind):
    """As FFmpeg makes it: four seconds of two and two."""
    form = ("mpg", "mpeg2video") if kind == "mpg" else ("ts", "libx264")
    content = [parts(begin, *form).read_bytes() for begin in JOINTS[joint]]
    path = tmp_path / f"joined.{kind}"
    if kind == "m3u8":
        for name, data in zip(("one.ts", "two.ts"), content, strict=True):
            (tmp_path / name).write_bytes(data)
        path.write_text(PLAYLIST.format("one.ts", "two.ts"))
    else:
        path.write_bytes(b"".join(content))
    frames = played(path)
    steps = [later.media_time - earlier.media_time for earlier, later in pairwise(frames)]
    assert len(frames) == 100
    missed = 0.041 if kind == "mpg" else 0.001  # FFmpeg's muxer leaves a time out now and then
    assert steps == pytest.approx([0.04] * 99, abs=missed)
    assert lasts(frames) == pytest.approx(4, abs=2 * missed)


def test_a_live_show_does_not_stand_still_at_a_seam(parts, tmp_path, clock):
    path = tmp_path / "joined.ts"
    path.write_bytes(parts(0).read_bytes() + parts(3600).read_bytes())
    source = VideoSource(Decoder(str(path)), Wanted(), clock)
    begin = clock.now()
    frames = [source.read() for _ in range(150)]
    assert None not in frames
    assert clock.now() - begin == pytest.approx(149 / 25, abs=0.01)


def test_a_clock_of_33_bits_may_wrap(parts):
    frames = played(parts(2**33 / 90000 - 1))
    assert [frame.media_time for frame in frames] == pytest.approx([i / 25 for i in range(50)])


@pytest.mark.parametrize("name", ["rest.mp4", "rest.mkv", "rest.webm", "rest.mov", "rest.avi"])
def test_the_pauses_of_a_recording_stay(make_film, name):
    codec = {"webm": "libvpx", "avi": "mpeg4"}.get(name[5:], "libx264")
    frames = played(make_film(name, times=[0, 1, 700, 701, 2500], codec=codec))
    shown = [frame.media_time for frame in frames]
    assert shown == pytest.approx([0, 0.1, 70, 70.1, 250], abs=0.002)
    assert [frame.duration for frame in frames][:4] == pytest.approx(
        [0.1, 69.9, 0.1, 179.9], abs=0.002
    )


@pytest.fixture
def slow_gif(make_film):
    """Half a second, half a second, three seconds."""
    path = make_film("slow.gif", times=[0, 50, 100], tick=HUNDREDTH, codec="gif", format="rgb8")
    content = bytearray(path.read_bytes())
    last = content.rfind(b"\x21\xf9\x04")  # its graphic control extension
    content[last + 4 : last + 6] = (300).to_bytes(2, "little")
    path.write_bytes(content)
    return path


def test_the_last_picture_of_a_gif_lasts_as_long_as_it_says(slow_gif, clock):
    frames = played(slow_gif)
    assert [frame.duration for frame in frames] == pytest.approx([0.5, 0.5, 3.0])
    source = VideoSource(Decoder(str(slow_gif)), Wanted(), clock)
    shown = []
    while len(shown) < 10:
        frame = source.read()
        if frame is not None:
            shown.append((frame.media_time, clock.now() - 1000))
    times = [0, 0.5, 1, 4, 4.5, 5, 8, 8.5, 9, 12]
    assert [media for media, _ in shown] == pytest.approx(times)
    assert [now for _, now in shown] == pytest.approx(times, abs=0.01)


@pytest.fixture
def resting_webm(make_film):
    """Nine pictures in 0.9 s, and then nothing new for three seconds: as a screen is recorded.

    The last block of such a file has no duration of its own, but the segment states all of it.
    """
    path = make_film("rest.webm", times=9, codec="libvpx", tick=THOUSANDTH * 100)
    content = bytearray(path.read_bytes())
    at = content.find(b"\x44\x89\x88") + 3  # Duration, a double of milliseconds
    assert at > 3
    content[at : at + 8] = struct.pack(">d", 3900.0)
    path.write_bytes(content)
    return path


def test_a_webm_that_ends_in_a_pause_lasts_as_long_as_it_says(resting_webm):
    frames = played(resting_webm)
    assert len(frames) == 9
    assert frames[-1].duration == pytest.approx(3.1, abs=0.01)
    assert lasts(frames) == pytest.approx(3.9, abs=0.01)


def test_a_webm_that_was_cut_short_ends_where_it_is_cut(resting_webm):
    content = resting_webm.read_bytes()
    resting_webm.write_bytes(content[: len(content) * 3 // 4])
    frames = played(resting_webm)
    assert 2 <= len(frames) < 9
    assert frames[-1].duration == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("name", ["one.mp4", "one.mkv", "one.avi", "one.ts"])
@pytest.mark.parametrize("rate", ["1", "5", "25", "24000/1001", "60000/1001", "25/2", "240"])
def test_a_constant_rate_is_told_exactly(make_film, name, rate):
    wanted = Fraction(rate)
    codec = "mpeg4" if name == "one.avi" else "libx264"
    path = make_film(name, times=40, rate=wanted, codec=codec)
    source = open_source(str(path), Wanted())
    assert source.film.rate == wanted
    assert source.fps == pytest.approx(float(wanted))
    source.close()
    assert lasts(played(path)) == pytest.approx(float(40 / wanted), abs=0.002)


AFTER_EVEN = [*range(0, 12000, 40), 12013, 12099, 12150, 13000, 13777]
UNEVEN = {
    "a screen": [0, 33, 66, 133, 166, 400, 433],
    "a telephone": [0, 33, 67, 99, 134, 171, 199, 240, 266, 301, 333, 371],
    "a late pause": [*range(0, 400, 40), 1200],
}


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv", "uneven.mov"])
@pytest.mark.parametrize("kind", UNEVEN)
def test_an_uneven_film_has_no_rate(make_film, name, kind):
    path = make_film(name, times=UNEVEN[kind], rate=25, tick=THOUSANDTH)
    assert Decoder(str(path)).rate is None
    times = [frame.media_time for frame in played(path)]
    assert times == pytest.approx([time / 1000 for time in UNEVEN[kind]], abs=0.0011)


def test_a_film_that_begins_evenly_and_goes_on_otherwise_has_no_rate(make_film):
    """Where the container counts its pictures: they are too few or too many."""
    path = make_film("uneven.mp4", times=AFTER_EVEN, rate=25, tick=THOUSANDTH)
    assert Decoder(str(path)).rate is None


def test_a_slow_gif_has_no_rate_and_an_even_one_has(slow_gif, make_film):
    assert Decoder(str(slow_gif)).rate is None
    even = make_film(
        "even.gif", times=range(0, 80, 4), tick=HUNDREDTH, rate=25, codec="gif", format="rgb8"
    )
    assert Decoder(str(even)).rate == 25
    thirds = [0, 3, 7, 10, 13, 17, 20]
    third = make_film(
        "third.gif", times=thirds, tick=HUNDREDTH, rate=30, codec="gif", format="rgb8"
    )
    assert Decoder(str(third)).rate is None


def test_what_has_no_times_has_the_rate_at_which_it_is_played(make_film):
    decoder = Decoder(str(make_film("raw.h264", times=20, rate=25)))
    assert decoder.rate == decoder.fps == 25
