"""What libraries raise while a video is opened and read: a line, or the film goes on."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest
from capture_fakes import RED, until

from streamcam.capture import Wanted, open_source
from streamcam.capture.video import VideoSource, decoder
from streamcam.capture.video import container as opening
from streamcam.capture.video.decoder import Decoder
from streamcam.errors import SourceLost, UsageError

AT_ONCE = Wanted(realtime=False, loop=False)
# What came out of PyAV when a fuzzer damaged films; FFmpeg's own and Python's.
RAISED = [
    av.error.InvalidDataError(1094995529, "Invalid data found when processing input"),
    av.error.ArgumentError(22, "Invalid argument"),
    av.error.ExternalError(542398533, "Generic error in an external library"),
    av.error.PatchWelcomeError(1163346256, "Not yet implemented in FFmpeg, patches welcome"),
    av.error.OSError(95, "Operation not supported"),
    av.error.EOFError(541478725, "End of file"),
    av.error.MemoryError(12, "Cannot allocate memory"),
    IndexError("list index out of range"),
    UnicodeDecodeError("utf-8", b"\xfc", 0, 1, "invalid start byte"),
]
named = pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)


def played(path):
    """The blue of all pictures of a film, which tells them apart."""
    source = open_source(str(path), AT_ONCE)
    frames, _ = until(EOFError, source.read)
    source.close()
    return [int(frame.pixels[..., 2].mean()) for frame in frames]


@pytest.mark.parametrize("name", ["old.mp4", "old.mov", "old.mkv", "old.avi", "old.flv", "old.ts"])
def test_titles_that_are_not_utf_8_are_no_reason_to_refuse_a_film(make_film, name):
    codec = "mpeg4" if name == "old.avi" else "libx264"
    path = make_film(name, codec=codec, metadata={"title": "Sommer in Mxnchen"})
    content = path.read_bytes()
    if name != "old.ts":  # which has no titles
        assert content.count(b"Mxnchen")
    path.write_bytes(content.replace(b"Mxnchen", b"M\xfcnchen"))
    assert len(played(path)) == 10


def test_a_pyav_without_the_parameter_for_titles_opens_films_as_well(make_film, monkeypatch):
    whole = av.open

    def later(file, mode=None, options=None, timeout=None):
        return whole(file, mode, options=options, timeout=timeout)

    monkeypatch.setattr(opening.av, "open", later)
    assert len(played(make_film())) == 10


def test_an_unknown_codec_is_named(make_film):
    path = make_film("raw.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"braw"))
    with pytest.raises(UsageError, match="'braw', which nothing here can decode") as refusal:
        open_source(str(path), Wanted())
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("length", range(20, 700, 40))
def test_a_download_cut_in_its_header_is_refused_in_one_line(make_film, length, capfd):
    path = make_film("cut.mp4", container={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UsageError) as refusal:
        open_source(str(path), Wanted())
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


@named
def test_whatever_is_raised_on_opening_is_one_line(make_film, monkeypatch, error):
    path = make_film()

    def breaks(*_, **__):
        raise error

    monkeypatch.setattr(opening.av, "open", breaks)
    with pytest.raises(UsageError) as refusal:
        open_source(str(path), Wanted())
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


class Refused:
    """A packet of `stream` that no decoder takes."""

    size = 1

    def __init__(self, stream, error):
        self.stream, self.error = stream, error

    def decode(self):
        raise self.error


@named
def test_a_packet_that_the_decoder_refuses_is_passed_over(make_film, error):
    film = Decoder(str(make_film(options={"bf": "0"})))
    packets = list(film._ahead)
    film._ahead.clear()
    for packet in packets:
        film._ahead += [Refused(packet.stream, error), packet]
    assert len(until(EOFError, film.next)[0]) == 10


@named
def test_a_decoder_that_takes_nothing_any_more_is_the_end(make_film, monkeypatch, error):
    monkeypatch.setattr(decoder, "_REFUSALS", 50)
    source = VideoSource(film := Decoder(str(make_film())), AT_ONCE)
    asked = []

    def refused():
        asked.append(1)
        return Refused(None, error)

    film._ahead.clear()
    film._packets.next = refused
    until(EOFError, source.read)
    assert len(asked) == 50


class Garbled:
    """A container that cannot be split into packets from the fourth on; `times`, it recovers."""

    def __init__(self, container, error, times):
        self.container, self.error, self.times = container, error, times
        self.streams, self.size = container.streams, container.size
        self.read = 0

    def demux(self, *wanted):
        for packet in self.container.demux(*wanted):
            yield packet
            self.read += 1
            if self.read > 3 and self.times:
                self.times -= 1
                raise self.error

    def close(self):
        self.container.close()


def garbled(path, error, times) -> Decoder:
    film = Decoder(str(path))
    film._forget()
    film._opened.container.seek(0)
    film._opened = replace(film._opened, container=Garbled(film._opened.container, error, times))
    film._packets = film._read(film._opened)
    return film


@named
@pytest.mark.parametrize("times", [1, 5, 10**9])
def test_what_cannot_be_split_into_packets_is_passed_over_or_the_end(make_film, error, times):
    film = garbled(make_film("cut.ts", times=40, options={"bf": "0"}), error, times)
    assert 4 <= len(until(EOFError, film.next)[0]) <= 40
    film.close()


def test_a_connection_that_breaks_is_a_loss_and_no_end(make_film):
    film = garbled(make_film("cut.ts", times=40), av.error.ConnectionResetError(104, "reset"), 1)
    film._packets._remote = film.remote = True
    assert "cut.ts: reset" in str(until(SourceLost, film.next)[1])
    film.close()


@named
def test_a_film_that_cannot_be_searched_is_opened_again(make_film, error):
    film = Decoder(str(make_film()))
    first = film.next()

    class Unsearchable(Garbled):
        def seek(self, *_, **__):
            raise self.error

    film._opened = replace(film._opened, container=Unsearchable(film._opened.container, error, 0))
    for _ in range(2):
        film.rewind()
        again = film.next()
        assert again.pts == first.pts
        assert np.array_equal(again.to_ndarray(), first.to_ndarray())
    film.close()


def test_a_film_that_is_gone_when_it_should_begin_again_is_lost(make_film):
    path = make_film("short.gif", codec="gif", format="rgb8")
    source = open_source(str(path), Wanted(realtime=False, loop=True))
    film = source._film.decoder
    film._opened.container.close()
    path.unlink()
    with pytest.raises(SourceLost, match="no such file"):
        film.rewind()


def test_a_sound_track_that_begins_later_ends_no_film(make_film, tmp_path):
    """PyAV raises IndexError at the end: it has learned of a stream that it does not know."""
    make_film("silent.mp4", times=5)
    with av.open(str(tmp_path / "loud.mp4"), "w") as made:
        pictures, sound = made.add_stream("libx264", 10), made.add_stream("aac", 48000)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        for number in range(5):
            pixels = np.full((48, 64, 3), RED, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts = number
            made.mux(pictures.encode(frame))
            hum = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
            hum.sample_rate, hum.pts = 48000, 4800 * number
            made.mux(sound.encode(hum))
        made.mux(pictures.encode())
        made.mux(sound.encode())
    path = tmp_path / "list.ffconcat"
    path.write_text("ffconcat version 1.0\nfile silent.mp4\nfile loud.mp4\n")
    assert len(played(path)) == 10
    assert not open_source(str(tmp_path / "silent.mp4"), Wanted()).film.sound
    assert open_source(str(tmp_path / "loud.mp4"), Wanted()).film.sound == 1


def two_tracks(path, dispositions):
    """A film whose first track is red and whose second is green."""
    with av.open(str(path), "w") as made:
        tracks = [made.add_stream("libx264", 10) for _ in dispositions]
        for track, disposition in zip(tracks, dispositions, strict=True):
            track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
            track.disposition = disposition
        for number in range(5):
            for track, colour in zip(tracks, [RED, (20, 200, 30)], strict=True):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colour, np.uint8), "rgb24")
                frame.pts = number
                made.mux(track.encode(frame))
        for track in tracks:
            made.mux(track.encode())
    return path


D = av.stream.Disposition
TRACKS = {
    "the default one": ((0, D.default), "green"),
    "the first default one": ((D.default, D.default), "red"),
    "the first without any": ((0, 0), "red"),
}


@pytest.mark.parametrize("kind", TRACKS)
def test_of_several_tracks_that_one_is_shown(tmp_path, kind):
    dispositions, colour = TRACKS[kind]
    source = open_source(str(two_tracks(tmp_path / "two.mkv", dispositions)), AT_ONCE)
    red, green, _ = source.read().pixels.mean((0, 1))
    assert ("red" if red > green else "green") == colour
    source.close()


def test_a_track_that_nothing_can_decode_is_none(tmp_path):
    path = two_tracks(tmp_path / "two.mp4", (D.default, 0))
    content = bytearray(path.read_bytes())
    at = content.find(b"avc1", content.find(b"stsd"))
    content[at : at + 4] = b"braw"
    path.write_bytes(content)
    source = open_source(str(path), AT_ONCE)
    red, green, _ = source.read().pixels.mean((0, 1))
    assert green > red
    source.close()


def test_pictures_that_cannot_be_shown_are_passed_over_but_not_for_ever(make_film, monkeypatch):
    source = open_source(str(make_film(times=30)), Wanted(realtime=False, loop=True))
    convert, calls = source._conversion.pixels, []

    def sometimes(picture):
        calls.append(picture)
        if len(calls) % 2:
            raise av.error.OSError(95, "Operation not supported")
        return convert(picture)

    monkeypatch.setattr(source._conversion, "pixels", sometimes)
    assert [source.read().seq for _ in range(20)] == list(range(20))

    def never(_picture):
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(source._conversion, "pixels", never)
    with pytest.raises(SourceLost, match="ZeroDivisionError: a mistake"):
        source.read()
    source.close()
