"""The sound of a film that is rendered: with it, in step, whole, and copied where that can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from sounding_film import Film, clicks, flashes, packets

from streamcam.capture import Wanted, open_source
from streamcam.sink import Format
from streamcam.sink.record import Recording

STEP = 0.003  # seconds by which sound may be early or late: a lossy codec blurs a click


def render(source: str | Path, target: Path, pixels=None, **more) -> Recording:
    """Every picture of a film with its sound, as it is: the engine's part is left out. `pixels`:
    what stands in the place of a picture, by its number."""
    opened = open_source(str(source), Wanted(realtime=False, loop=False, sound=True, **more))
    film = opened.film
    height, width = (opened.height, opened.width) if pixels is None else pixels(0).shape[:2]
    form = Format(
        width,
        height,
        opened.fps,
        realtime=False,
        rate=film.rate,
        tick=film.tick,
        tracks=film.tracks,
    )
    sink = Recording(target, form)
    try:
        while True:
            try:
                frame = opened.read()
            except EOFError:
                break
            if frame is not None:
                shown = frame.pixels if pixels is None else pixels(frame.seq)
                sink.write(replace(frame, pixels=shown))
    finally:
        opened.close()  # before the sink: what it needs of the sound is its own
    sink.close()
    return sink


@pytest.mark.parametrize("target", ["out.mp4", "out.mov", "out.mkv"])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("film.mp4", "aac"),
        ("film.ts", "aac"),
        ("film.mkv", "libopus"),
        ("film.mkv", "flac"),
        ("film.mp4", "ac3"),
        ("film.mov", "alac"),
        ("film.avi", "pcm_s16le"),
        ("film.avi", "libmp3lame"),
        ("film.avi", "wmav2"),
        ("film.mkv", "mp2"),
    ],
)
def test_a_click_stays_with_its_flash(tmp_path, name, codec, target):
    film = Film(codecs=[codec])
    source = film.write(tmp_path / name)
    sink = render(source, tmp_path / target)
    seen, heard = flashes(tmp_path / target), clicks(tmp_path / target)
    assert len(seen) == len(heard) == 3, sink.label
    assert np.diff(seen) == pytest.approx(np.diff(film.events), abs=1e-3)
    # FFmpeg's times of reordered pictures in an .avi are not those at which they are shown.
    shown = film.events if source.suffix == ".avi" else flashes(source)
    late = np.subtract(clicks(source), shown)  # what its own codec delays it by
    assert np.subtract(heard, seen) == pytest.approx(late, abs=STEP)
    assert max(abs(late)) < 0.05


@pytest.mark.parametrize("target", ["out.mp4", "out.mov"])
@pytest.mark.parametrize(
    ("name", "codec"), [("film.mp4", "aac"), ("film.mkv", "aac"), ("film.mov", "alac")]
)
def test_copied_sound_is_the_same_packet_by_packet(tmp_path, name, codec, target):
    """Also the one before the first picture, from which the decoder starts."""
    source = Film(codecs=[codec]).write(tmp_path / name)
    sink = render(source, tmp_path / target)
    assert f"sound: {codec}, copied" in sink.label
    given, found = packets(source), packets(tmp_path / target)
    first = given[0][0] if source.suffix == ".mp4" else found[0][0]
    assert [data for _, data in found] == [data for _, data in given]
    assert [at - found[0][0] for at, _ in found] == pytest.approx(
        [at - given[0][0] for at, _ in given], abs=1e-3
    )
    assert found[0][0] == pytest.approx(first, abs=1e-3)


@pytest.mark.parametrize("target", ["out.mp4", "out.mov", "out.mkv"])
def test_packets_keep_their_times_between_large_pictures(tmp_path, target):
    """Each has more bytes than a piece of a silent file may have."""
    source = Film().write(tmp_path / "film.mp4")
    noise = np.random.default_rng(3).integers(0, 256, (368, 640, 3), np.uint8)
    render(source, tmp_path / target, lambda number: np.roll(noise, 37 * number, 0))
    assert (tmp_path / target).stat().st_size > 75 * 130_000
    given, found = packets(source), packets(tmp_path / target)
    skipped = len(given) - len(found)  # before the first picture
    times = [at for at, _ in given[skipped:]]
    assert [at for at, _ in found] == pytest.approx(times, abs=1e-3)


def test_sound_as_it_is_broadcast_loses_its_headers_alone(tmp_path):
    """AAC in a transport stream has seven bytes before every packet, which no .mp4 may have."""
    source = Film().write(tmp_path / "film.ts")
    render(source, tmp_path / "out.mp4")
    given, found = packets(source), packets(tmp_path / "out.mp4")
    assert [data for _, data in found] == [data[7:] for _, data in given][-len(found) :]
    assert len(given) - len(found) <= 5, "what is long before the first picture"


@pytest.mark.parametrize(
    ("name", "codec", "target", "becomes"),
    [
        ("film.mkv", "libopus", "out.mov", "opus, as AAC"),  # FFmpeg says it can, and cannot
        ("film.mkv", "libopus", "out.mp4", "opus, copied"),
        ("film.avi", "pcm_s16le", "out.mp4", "pcm_s16le, as AAC"),  # no browser plays it there
        ("film.mkv", "pcm_s16le", "out.mkv", "pcm_s16le, copied"),
        ("film.avi", "pcm_s16le", "out.mov", "pcm_s16le, copied"),
        ("film.avi", "wmav2", "out.mkv", "wmav2, as AAC"),
    ],
)
def test_what_a_container_does_not_take_is_encoded_and_said(tmp_path, name, codec, target, becomes):
    film = Film(codecs=[codec])
    sink = render(film.write(tmp_path / name), tmp_path / target)
    assert f"; sound: {becomes})" in sink.label
    with av.open(str(tmp_path / target)) as file:
        stream = file.streams.audio[0]
        wanted = "aac" if becomes.endswith("AAC") else becomes.partition(",")[0]
        assert stream.codec_context.name == wanted
        assert (stream.codec_context.sample_rate, stream.codec_context.channels) == (48000, 2)
        lasts = max(frame.time + frame.samples / 48000 for frame in file.decode(stream))
    assert lasts == pytest.approx(3.0, abs=0.06)


TRACKS = (
    {"language": "eng", "title": "English"},
    {"language": "spa", "title": "Español"},
)


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.mov"])
def test_all_tracks_stay_in_their_order_with_their_languages(tmp_path, target):
    film = Film(codecs=["aac", "ac3"], labels=TRACKS, default=1)
    sink = render(film.write(tmp_path / "film.mkv"), tmp_path / target)
    assert "sound: aac, copied, ac3, copied" in sink.label
    with av.open(str(tmp_path / target)) as file:
        found = [(one.codec_context.name, one.language) for one in file.streams.audio]
        default = [bool(one.disposition & 1) for one in file.streams.audio]
    assert found == [("aac", "eng"), ("ac3", "spa")]
    assert default == [False, True]
    for track in range(2):
        late = np.subtract(clicks(tmp_path / target, track), flashes(tmp_path / target))
        assert late == pytest.approx([0, 0, 0], abs=0.025)


@pytest.mark.parametrize("heard", [(0.0, 5.5), (0.0, 1.0), (1.0, 3.0)])
@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
@pytest.mark.parametrize("target", ["out.mp4", "out.mkv"])
def test_sound_may_be_longer_or_shorter_than_the_picture(tmp_path, heard, codec, target):
    """Nothing of it is cut off, and it stays in step though it begins late."""
    film = Film(codecs=[codec], heard=heard)
    render(film.write(tmp_path / "film.mkv"), tmp_path / target)
    with av.open(str(tmp_path / target)) as file:
        ends = [frame.time + frame.samples / 48000 for frame in file.decode(audio=0)]
    with av.open(str(tmp_path / target)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 75
    assert max(ends) == pytest.approx(heard[1], abs=0.06)
    seen = [at for at in flashes(tmp_path / target) if heard[0] <= at < heard[1]]
    assert clicks(tmp_path / target) == pytest.approx(seen, abs=0.025)


def test_sound_from_before_the_first_picture_is_left_out(tmp_path):
    """A transport stream that was cut begins with sound, and the picture half a second later."""
    times = [0.5 + number / 25 for number in range(60)]
    film = Film(times=times, heard=(0.0, 2.9), events=(0.9, 1.7))
    source = film.write(tmp_path / "film.ts")
    render(source, tmp_path / "out.mp4")
    assert flashes(tmp_path / "out.mp4") == pytest.approx([0.4, 1.2], abs=1e-3)
    late = np.subtract(clicks(source), flashes(source))
    heard = np.subtract(clicks(tmp_path / "out.mp4"), flashes(tmp_path / "out.mp4"))
    assert heard == pytest.approx(late, abs=STEP)


def test_without_sound_there_is_no_track(tmp_path):
    source = Film(codecs=[]).write(tmp_path / "film.mp4")
    sink = render(source, tmp_path / "out.mp4")
    assert "; sound:" not in sink.label
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert [stream.type for stream in file.streams] == ["video"]


UNEVEN = tuple(float(at) for at in np.cumsum([0, *np.tile([0.04, 0.013, 0.2, 0.0815], 12)]))


@pytest.mark.parametrize("target", ["out.mp4", "out.mov", "out.mkv"])
@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_uneven_times_stay_to_the_tick_and_sound_with_them(tmp_path, target, codec):
    film = Film(times=UNEVEN, events=[UNEVEN[5], UNEVEN[22], UNEVEN[41]], codecs=[codec])
    source = film.write(tmp_path / "film.mkv")
    render(source, tmp_path / target)
    assert shown(tmp_path / target) == shown(source)
    late = np.subtract(clicks(tmp_path / target), flashes(tmp_path / target))
    assert late == pytest.approx(np.subtract(clicks(source), flashes(source)), abs=STEP)


def test_uneven_times_of_any_tick_stay_exactly(tmp_path):
    source = Film(times=UNEVEN, codecs=[]).write(tmp_path / "film.mp4")
    render(source, tmp_path / "out.mp4")
    with av.open(str(source)) as one, av.open(str(tmp_path / "out.mp4")) as other:
        ticks = [file.streams.video[0].time_base for file in (one, other)]
        assert ticks[0] == ticks[1]
        stamps = [[frame.pts for frame in file.decode(video=0)] for file in (one, other)]
    assert stamps[0] == stamps[1]


def shown(path):
    """Milliseconds from the first picture to each."""
    with av.open(str(path)) as file:
        times = [frame.time for frame in file.decode(video=0)]
    return [round((time - times[0]) * 1000) for time in times]


PARTS = {
    "#t=1": (1.0, 3.0),
    "#t=0.6,2": (0.6, 2.0),
    "#t=,2.6": (0.0, 2.6),
    "#t=1.0,0:00:02.6": (1.0, 2.6),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("name", "codec", "target"),
    [
        ("film.mp4", "aac", "out.mp4"),
        ("film.ts", "aac", "out.mkv"),
        ("film.avi", "pcm_s16le", "out.mov"),
        ("film.mkv", "pcm_s16le", "out.mp4"),
    ],
)
def test_a_part_of_a_film_has_its_own_sound(tmp_path, part, name, codec, target):
    begin, end = PARTS[part]
    film = Film(codecs=[codec], options={"g": "20"})
    source = film.write(tmp_path / name)
    render(f"{source}{part}", tmp_path / target)
    out = tmp_path / target
    with av.open(str(out)) as file:
        times = [frame.time for frame in file.decode(video=0)]
    assert len(times) == round((end - begin) * 25)
    inside = [at - begin for at in film.events if begin <= at < end]
    assert np.subtract(flashes(out), times[0]) == pytest.approx(inside, abs=1e-3)
    shown = film.events if source.suffix == ".avi" else flashes(source)
    late = np.subtract(clicks(source), shown)[0]
    assert np.subtract(clicks(out), flashes(out)) == pytest.approx([late] * len(inside), abs=STEP)
    with av.open(str(out)) as file:
        ends = [frame.time + frame.samples / 48000 for frame in file.decode(audio=0)]
    assert max(ends) - times[0] == pytest.approx(end - begin, abs=0.06)


def test_fewer_pictures_a_second_keep_all_the_sound(tmp_path):
    film = Film(events=(0.4, 1.2, 2.4))
    source = film.write(tmp_path / "film.mp4")
    render(source, tmp_path / "out.mp4", most=12.5)
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert file.streams.video[0].average_rate == 12.5
        assert sum(1 for _ in file.decode(video=0)) == 38
    assert packets(tmp_path / "out.mp4") == packets(source)
    assert flashes(tmp_path / "out.mp4") == pytest.approx(film.events, abs=1e-3)


def test_two_recordings_of_one_film_both_have_its_sound(tmp_path):
    """One copies and two encode what was decoded once."""
    source = Film(codecs=["pcm_s16le"]).write(tmp_path / "film.mkv")
    opened = open_source(str(source), Wanted(realtime=False, loop=False, sound=True))
    form = Format(128, 128, 25, realtime=False, tracks=opened.film.tracks)
    sinks = [Recording(tmp_path / name, form) for name in ("a.mkv", "b.mp4", "c.mov")]
    while True:
        try:
            frame = opened.read()
        except EOFError:
            break
        for sink in sinks:
            sink.write(frame)
    opened.close()
    for sink in sinks:
        sink.close()
    for name in ("a.mkv", "b.mp4", "c.mov"):
        late = np.subtract(clicks(tmp_path / name), flashes(tmp_path / name))
        assert late == pytest.approx([0, 0, 0], abs=0.025)


def test_damaged_sound_costs_only_itself(tmp_path):
    source = Film(codecs=["pcm_s16le"]).write(tmp_path / "film.mkv")
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as file:
        hit = [one for one in file.demux(audio=0) if one.size][60:64]
    for packet in hit:
        data[packet.pos + 8 : packet.pos + packet.size] = bytes(packet.size - 8)
    source.write_bytes(data)
    render(source, tmp_path / "out.mp4")
    late = np.subtract(clicks(tmp_path / "out.mp4"), flashes(tmp_path / "out.mp4"))
    assert late == pytest.approx([0, 0, 0], abs=0.025)
