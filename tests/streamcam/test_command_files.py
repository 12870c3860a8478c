"""Files rendered by the real program: with their sound, several in one call, and stopped midway."""

from __future__ import annotations

import signal
from fractions import Fraction

import av
import numpy as np
import pytest
from real_command import wait_until
from sounding_film import Film, clicks, flashes, packets

# Nothing is resolved and the model is small: what is looked at is the sound and the files.
PRESET = """
prompt = "anime style, cel shading"
size = "128x128"
[resolve]
mode = "off"
[output]
{output}
"""
OFF = ("--preset", "look.toml", "--realtime", "off")


@pytest.fixture
def look(folder):
    (folder / "look.toml").write_text(PRESET.format(output=""))
    return folder


def check_whole(source, target, film):
    """Every picture and every packet, in step."""
    assert flashes(target) == pytest.approx(film.events, abs=1e-3)
    late = np.subtract(clicks(source), film.events)
    assert np.subtract(clicks(target), flashes(target)) == pytest.approx(late, abs=0.003)
    assert packets(target) == packets(source)


def test_a_film_keeps_its_sound_and_the_other_output_too(launch, look):
    film = Film()
    source = film.write(look / "film.mp4")
    command = launch(*OFF, "--source", "film.mp4", "--output", "out.mp4", "--output", "also.mov")
    assert command.end() == 0, command.errors
    assert command.errors == []
    assert any("out.mp4 (H.264, 128x128; sound: aac, copied)" in line for line in command.said)
    for name in ("out.mp4", "also.mov"):
        check_whole(source, look / name, film)


def test_a_film_through_a_pipe_keeps_its_sound(launch, look):
    film = Film()
    source = film.write(look / "film.ts")
    command = launch(*OFF, "--source", "/dev/stdin", "--output", "out.mp4", program=PIPED)
    assert command.end() == 0, command.errors
    seen, heard = flashes(look / "out.mp4"), clicks(look / "out.mp4")
    late = np.subtract(clicks(source), flashes(source))
    assert len(seen) == 3
    assert np.subtract(heard, seen) == pytest.approx(late, abs=0.003)


# The program with a pipe as its standard input, into which another program writes a film.
PIPED = (
    "-c",
    """
import subprocess, sys
film = subprocess.Popen(["cat", "film.ts"], stdout=subprocess.PIPE)
command = [sys.executable, "-m", "streamcam", *sys.argv[1:]]
sys.exit(subprocess.call(command, stdin=film.stdout))
""",
)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ('audio = "off"', "sound: left out, as the preset says"),
        ("", "subtitles: left out, a recording has none"),
    ],
)
def test_what_is_left_out_is_said(launch, look, output, line):
    (look / "look.toml").write_text(PRESET.format(output=output))
    source = Film(times=[number / 25 for number in range(10)], events=()).write(look / "a.mkv")
    with av.open(str(source)) as given, av.open(str(look / "film.mkv"), "w") as film:
        tracks = {one.index: film.add_stream_from_template(one) for one in given.streams}
        words = film.add_mux_stream("subrip")
        for packet in given.demux():
            if packet.size:
                packet.stream = tracks[packet.stream.index]
                film.mux(packet)
        said = av.Packet(b"a word")
        said.stream, said.time_base = words, Fraction(1, 1000)
        said.pts = said.dts = 100
        said.duration = 200
        film.mux(said)
    command = launch(*OFF, "--source", "film.mkv", "--output", "out.mkv")
    assert command.end() == 0, command.errors
    assert line in command.said
    with av.open(str(look / "out.mkv")) as file:
        assert len(file.streams.audio) == (0 if output else 1)
        assert not file.streams.subtitles


def test_several_films_become_files_in_a_folder(launch, look):
    films = {}
    for name, codec in (("one.mp4", "aac"), ("two.mkv", "libopus"), ("three.mov", "alac")):
        films[name] = Film(
            codecs=[codec], times=[number / 25 for number in range(30)], events=(0.4,)
        )
        films[name].write(look / name)
    names = sorted(films)
    command = launch(*OFF, "--source", *names, "--output", "styled/")
    assert command.end() == 0, command.errors
    assert command.said[-1] == "done: 3 of 3 files"
    assert [line for line in command.said if line.startswith("file ")] == [
        f"file {number} of 3: {name}" for number, name in enumerate(names, 1)
    ]
    assert sorted(path.name for path in (look / "styled").iterdir()) == names
    for name, film in films.items():
        check_whole(look / name, look / "styled" / name, film)
    again = launch(*OFF, "--source", "*.mp4", "--output", "styled/")
    assert again.end() == 2
    assert "styled/one.mp4, which is there already" in again.errors[0]


def test_a_file_that_cannot_be_read_is_refused_before_the_first_is_rendered(launch, look):
    Film(codecs=[]).write(look / "one.mp4")
    (look / "two.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(200))
    command = launch(*OFF, "--source", "*.mp4", "--output", "styled/")
    assert command.end() == 2
    (line,) = command.errors
    assert "two.mp4" in line
    assert not list((look / "styled").iterdir())


def test_one_that_fails_on_the_way_leaves_the_others(launch, look):
    """The first file's output is deleted while it grows."""
    for name in ("one.mp4", "two.mp4"):
        Film(times=[number / 25 for number in range(200)], events=(0.4,)).write(look / name)
    command = launch(*OFF, "--source", "one.mp4", "two.mp4", "--output", "styled/")
    part = look / "styled" / "one.mp4.part"
    wait_until(lambda: part.exists() and command.until("live:"), "the first file")
    part.unlink()
    assert command.end() == 1
    (line,) = command.errors
    assert "one.mp4" in line
    assert "somebody has deleted one.mp4.part" in line
    assert command.said[-1] == "stopped: 1 of 2 files"
    assert flashes(look / "styled" / "two.mp4") == pytest.approx([0.4], abs=1e-3)


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_ctrl_c_leaves_a_part_that_plays_with_its_sound(launch, look, codec):
    """Neither picture nor sound goes on after the other, and it says how far it is."""
    film = Film(times=[number / 25 for number in range(1500)], events=(0.4, 1.2), codecs=[codec])
    source = film.write(look / "film.mkv")
    command = launch(*OFF, "--source", "film.mkv", "--output", "out.mp4")
    wait_until(lambda: (look / "out.mp4.part").exists() and command.until("live:"))
    wait_until(lambda: (look / "out.mp4.part").stat().st_size > 60_000, "some seconds of film")
    assert command.stop(signal.SIGINT) == 0
    assert command.errors == []
    assert [
        line for line in command.said if line.startswith("stopped: out.mp4 holds the first 0:0")
    ]
    assert command.said[-2].endswith(" of 1:00")
    assert flashes(look / "out.mp4") == pytest.approx(film.events, abs=1e-3)
    late = np.subtract(clicks(source), film.events)
    assert np.subtract(clicks(look / "out.mp4"), film.events) == pytest.approx(late, abs=0.003)
    with av.open(str(look / "out.mp4")) as file:
        pictures = [frame.time for frame in file.decode(video=0)]
    with av.open(str(look / "out.mp4")) as file:
        sound = [frame.time + frame.samples / 48000 for frame in file.decode(audio=0)]
    assert 1.2 < pictures[-1] < 50
    assert sound[-1] == pytest.approx(pictures[-1] + 1 / 25, abs=0.06)
    assert not list(look.glob("*.part"))


def test_ctrl_c_stops_all_the_files(launch, look):
    for name in ("one.mp4", "two.mp4"):
        Film(times=[number / 25 for number in range(1500)], events=()).write(look / name)
    command = launch(*OFF, "--source", "one.mp4", "two.mp4", "--output", "styled/")
    command.live()
    assert command.stop(signal.SIGINT) == 0
    assert command.said[-1] == "stopped: 0 of 2 files"
    assert [path.name for path in (look / "styled").iterdir()] == ["one.mp4"]


def test_uneven_times_and_turned_pictures_come_out_as_they_are_shown(launch, look):
    """A telephone's film: on its side, at an uneven rate, with sound."""
    uneven = [float(at) for at in np.cumsum([0, *np.tile([0.033, 0.034, 0.066, 0.021], 8)])]
    film = Film(times=uneven, events=(uneven[6], uneven[20]))
    film.write(look / "lying.mp4")
    with av.open(str(look / "lying.mp4")) as given, av.open(str(look / "film.mp4"), "w") as turned:
        tracks = {
            one.index: turned.add_stream_from_template(one, opaque=True) for one in given.streams
        }
        tracks[0].set_display_rotation(90)
        for packet in given.demux():
            if packet.size:
                packet.stream = tracks[packet.stream.index]
                turned.mux(packet)
    command = launch(*OFF, "--source", "film.mp4", "--output", "out.mp4")
    assert command.end() == 0, command.errors
    stamps = []
    for name in ("film.mp4", "out.mp4"):
        with av.open(str(look / name)) as file:
            stamps.append([round(frame.time * 12_000) for frame in file.decode(video=0)])
    assert stamps[0] == stamps[1]
    with av.open(str(look / "out.mp4")) as file:
        picture = next(file.decode(video=0))
        grey = picture.to_ndarray(format="gray")
    assert picture.rotation == 0, "the picture itself is upright"
    # The lighter bar lies across the upper half of the film's picture, so it now stands.
    across, down = np.ptp(grey[:, 40:60].mean(1)), np.ptp(grey[40:60].mean(0))
    assert down != pytest.approx(across, abs=1)
    late = np.subtract(clicks(look / "out.mp4"), flashes(look / "out.mp4"))
    assert late == pytest.approx([0, 0], abs=0.025)
