"""Standard input and FIFOs as sources."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from capture_fakes import until

from streamcam.capture import Wanted, open_source, parse
from streamcam.capture.video import VideoSource
from streamcam.errors import SourceLost, UsageError
from streamcam.files.pipes import Pipe

if sys.platform == "win32":
    pytest.skip("Windows has other pipes: only standard input", allow_module_level=True)

AT_ONCE = Wanted(realtime=False, loop=False)


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "film.fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def writing():
    """Starts a thread that writes bytes into a FIFO, and closes it: at the end it is joined."""
    threads = []

    def start(path: Path, content: bytes):
        def write():
            with suppress(BrokenPipeError), path.open("wb") as pipe:
                pipe.write(content)

        threads.append(threading.Thread(target=write))
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.join(10)


@pytest.fixture
def given(monkeypatch):
    """Makes a file descriptor the standard input of sources; closed at the end."""
    opened = []

    def give(descriptor):
        opened.append(descriptor)
        monkeypatch.setattr("streamcam.files.pipes._STDIN", descriptor)

    yield give
    for descriptor in opened:
        os.close(descriptor)


@pytest.mark.parametrize("name", ["-", "pipe:", "pipe:0", "/dev/stdin", "video:-"])
def test_standard_input_has_these_names(name):
    assert parse(name) == ("video", name.removeprefix("video:"))


def test_a_fifo_is_a_video_whatever_it_is_called(tmp_path):
    path = tmp_path / "picture.png"
    os.mkfifo(path)
    assert parse(str(path)) == ("video", str(path))


def film(make_film, name, times=30):
    return make_film(name, times=times, options={"bf": "0"}).read_bytes()


@pytest.mark.parametrize("name", ["film.ts", "film.mkv", "film.h264"])
def test_what_is_written_into_a_fifo_is_rendered_to_its_end(make_film, fifo, writing, name):
    writing(fifo, film(make_film, name))
    source = open_source(str(fifo), AT_ONCE)
    frames, _ = until(EOFError, source.read)
    assert len(frames) == 30
    assert str(fifo) in source.label
    source.close()


def test_a_fifo_waits_for_its_next_writer_when_live(make_film, fifo, writing):
    content = film(make_film, "film.ts", times=5)
    writing(fifo, content)
    source = open_source(str(fifo), Wanted())
    frames, end = until(SourceLost, source.read)
    assert len(frames) == 5
    assert "who wrote into it has ended" in str(end)
    source.close()
    opened = []
    again = threading.Thread(target=lambda: opened.append(open_source(str(fifo), Wanted())))
    again.start()
    again.join(0.5)
    assert opened == []  # it waits, and does not fail
    writing(fifo, content)
    again.join(10)
    assert opened[0].read().seq == 0
    opened[0].close()


def test_a_fifo_without_a_writer_is_left_at_once_when_nobody_wants_it(fifo):
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(SourceLost, match="stopped"):
        open_source(str(fifo), Wanted(stop=stop))


def test_a_writer_that_rests_is_waited_for(make_film, fifo):
    """However long: reads return without a picture, and nothing is lost."""
    content = film(make_film, "film.mkv", times=200)
    goes_on = threading.Event()

    def write():
        with suppress(BrokenPipeError), fifo.open("wb", buffering=0) as pipe:
            pipe.write(content[: len(content) // 2])
            goes_on.wait(60)
            pipe.write(content[len(content) // 2 :])

    writer = threading.Thread(target=write)
    writer.start()
    source, before = open_source(str(fifo), Wanted(realtime=False, loop=False)), 0
    while source.read() is not None:
        before += 1
    assert 50 <= before < 150
    assert source.read() is None
    goes_on.set()
    frames, _ = until(EOFError, source.read)
    assert before + len(frames) == 200
    source.close()
    writer.join(10)


def test_closing_ends_the_wait_for_a_writer(make_film, fifo):
    content = film(make_film, "film.ts")
    writer = os.open(fifo, os.O_RDWR)  # which keeps it open
    os.write(writer, content)
    stop = threading.Event()
    threading.Timer(1, stop.set).start()
    with suppress(SourceLost):
        open_source(str(fifo), Wanted(stop=stop)).close()
    os.close(writer)
    for reader in [one for one in threading.enumerate() if one.name.startswith("video")]:
        reader.join(10)
        assert not reader.is_alive()


def test_standard_input_ends_for_good(make_film, given):
    reading, writing = os.pipe()
    given(reading)
    os.write(writing, film(make_film, "film.ts", times=8))
    os.close(writing)
    source = open_source("-", Wanted())
    frames, _ = until(EOFError, source.read)
    assert len(frames) == 8
    assert source.label.startswith("standard input, ")
    source.close()


def test_a_file_given_as_standard_input_is_a_file(make_film, given, monkeypatch):
    path = make_film(times=6)
    given(os.open(path, os.O_RDONLY))
    monkeypatch.setattr("streamcam.capture.video.address._STDIN_FILE", str(path))
    source = open_source("-", Wanted(realtime=False, loop=True))
    assert [source.read().seq for _ in range(15)] == list(range(15))
    assert isinstance(source, VideoSource)
    source.close()


def test_a_keyboard_is_no_video(given):
    keyboard, terminal = os.openpty()
    given(terminal)
    with pytest.raises(UsageError, match="pipe one in"):
        open_source("-", Wanted())
    os.close(keyboard)


def test_an_empty_pipe_is_refused_in_one_line(given):
    reading, writing = os.pipe()
    os.close(writing)
    given(reading)
    with pytest.raises(UsageError, match="standard input") as refusal:
        open_source("-", Wanted())
    assert "\n" not in str(refusal.value)


def test_a_pipe_that_is_closed_twice(fifo):
    pipe = Pipe(str(fifo), threading.Event())
    pipe.close()
    pipe.close()
    assert pipe.read(10) == b""
