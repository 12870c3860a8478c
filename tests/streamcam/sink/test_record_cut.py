"""A recording that is cut off plays up to there, and what cannot be finished is kept and told."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from streamcam.errors import SinkFailed
from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.record import Recording, open_sink

SUFFIXES = pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
LIVE = Format(96, 64, 30)
RENDERED = Format(96, 64, 30, realtime=False, rate=Fraction(30))
COUNT = 150
HELD_LIVE, HELD_RENDERED = 24, 56  # pictures that a cut may cost: 0.8 s, and two seconds of film
REORDERED = 3  # pictures that come after one that is shown later: a cut may part them


def play(data):
    """The numbers of the pictures at 30 a second that come out of it, to where it is cut off."""
    numbers = []
    try:
        with av.open(io.BytesIO(data)) as file:
            for packet in file.demux(video=0):
                try:
                    numbers += [round(picture.time * 30) for picture in packet.decode()]
                except av.InvalidDataError:  # half a picture
                    continue
    except (av.FFmpegError, IndexError):
        assert not numbers
    return sorted(numbers)


def begun(path, form=LIVE, count=COUNT, noise=40):
    """A recording of so many pictures that is not closed."""
    now = [0.0]
    sink = Recording(path, form, clock=lambda: now[0])
    random = np.random.default_rng(0)
    for number in range(count):
        now[0] = number / 30
        pixels = random.integers(0, noise, (form.height, form.width, 3), np.uint8)
        if noise > 1:
            pixels[:, number % 96 : number % 96 + 20] = 255
        sink.write(Frame(pixels, number, 0.0, media_time=number / 30))
    return sink


@SUFFIXES
@pytest.mark.parametrize(("form", "held"), [(LIVE, HELD_LIVE), (RENDERED, HELD_RENDERED)])
def test_whatever_is_on_the_disk_plays(tmp_path, suffix, form, held):
    path = tmp_path / f"out.{suffix}"
    sink = begun(path, form)
    data = path.with_name(f"{path.name}.part").read_bytes()
    assert not path.exists()
    numbers = play(data)
    whole = len(numbers) - (REORDERED if form is RENDERED else 0)
    assert numbers[:whole] == list(range(whole))
    assert len(numbers) >= COUNT - held
    sink.close()
    assert play(path.read_bytes()) == list(range(COUNT))


@SUFFIXES
def test_a_still_picture_does_not_wait_for_more_bytes(tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    sink = begun(path, noise=1)
    assert len(play(path.with_name(f"{path.name}.part").read_bytes())) >= COUNT - HELD_LIVE
    sink.close()


@SUFFIXES
@pytest.mark.parametrize("form", [LIVE, RENDERED])
def test_killed_after_any_byte_it_plays_up_to_there(tmp_path, suffix, form, monkeypatch):
    """The file after every part of every write, whose order is what a killed process leaves."""
    path = tmp_path / f"out.{suffix}"
    with monkeypatch.context() as patch:
        written = Written(patch)
        sink = begun(path, form, count=100)
        written.part = path.with_name(f"{path.name}.part").read_bytes()
    sink.close()
    with av.open(io.BytesIO(written.part)) as file:
        ends = [packet.pos + packet.size for packet in file.demux(video=0) if packet.size]
    seen = 0
    for data, complete in written.states():
        numbers = play(data)
        # Reordered pictures wait for those that they are made from.
        assert len(numbers) >= sum(end <= complete for end in ends) - 3, (len(data), complete)
        seen = max(seen, len(numbers))
    assert seen == len(ends)


class Written:
    """What is written to a file, in its order."""

    def __init__(self, patch):
        self.part = b""
        self._writes = []
        real = os.write

        def write(file, data):
            self._writes.append((os.lseek(file, 0, os.SEEK_CUR), bytes(data)))
            return real(file, data)

        patch.setattr("os.write", write)

    def states(self):
        """(content, size of what was written in full) after some bytes of each write."""
        content, complete = bytearray(), 0
        for position, data in self._writes:
            for count in sorted(
                {0, 1, 4, 40, 60, 90, 120, len(data) // 2, len(data) - 1, len(data)}
            ):
                if 0 <= count <= len(data):
                    content.extend(bytes(max(0, position + count - len(content))))
                    content[position : position + count] = data[:count]
                    yield bytes(content), complete
            if position <= complete < len(content):  # nothing is missing before it any more
                complete = len(content)


@SUFFIXES
def test_cut_while_it_is_finished_it_plays(tmp_path, suffix, monkeypatch):
    """What follows is on the disk before the few bytes that make all depend on it."""
    path = tmp_path / f"out.{suffix}"
    part = path.with_name(f"{path.name}.part")
    sink = begun(path)
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda file: seen.append(part.read_bytes()))
        sink.close()
    whole = path.read_bytes()
    # One before these bytes, one after them; on POSIX another for the folder, with no part left.
    assert len(seen[0]) == len(whole) == len(seen[1])
    assert seen[0] != whole == seen[1]
    for cut in (len(seen[0]), len(seen[0]) - 20):
        assert play(seen[0][:cut])[:COUNT] == list(range(COUNT))


@SUFFIXES
def test_the_end_writes_little(tmp_path, suffix, monkeypatch):
    """However long the recording is: an index, but not the pictures once more."""
    counts = []
    real = os.write

    def write(file, data):
        counts.append(len(data))
        return real(file, data)

    path = tmp_path / f"out.{suffix}"
    sink = begun(path, count=600)
    with monkeypatch.context() as patch:
        patch.setattr("os.write", write)
        sink.close()
    held = HELD_LIVE / 600 * path.stat().st_size
    assert sum(counts) < held + 40 * 600 + 2000


if sys.platform == "linux":

    def test_what_is_written_is_on_its_way_to_the_disk_at_once(tmp_path, monkeypatch):
        """Or a power cut costs what the system still holds, which may be half a minute."""
        begun_at = []
        monkeypatch.setattr("os.posix_fadvise", lambda *advice: begun_at.append(advice[1:]))
        sink = begun(tmp_path / "out.mp4")
        size = (tmp_path / "out.mp4.part").stat().st_size
        covered = 0
        for start, count, advice in begun_at:
            assert (start, advice) == (covered, os.POSIX_FADV_DONTNEED)
            covered += count
        assert covered == size
        sink.close()


LIMITED = """
import resource, sys
import numpy as np
from streamcam.errors import SinkFailed
from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.record import open_sink

limit = int(sys.argv[2])
sink = open_sink(sys.argv[1], Format(320, 180, 30, realtime=False))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
noise = np.random.default_rng(0)
try:
    for seq in range(int(sys.argv[3])):
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


def limited(path, limit, count):
    """What is said on a disk that takes so many bytes a file, for so many pictures of noise."""
    command = [sys.executable, "-c", LIMITED, str(path), str(limit), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


if sys.platform != "win32":  # which has no limit on a file's size that a test could set

    @SUFFIXES
    def test_on_a_full_disk_the_file_is_kept_up_to_there(tmp_path, suffix):
        path = tmp_path / f"out.{suffix}"
        (said,) = limited(path, 1_000_000, 100)
        assert said == (
            f"write: cannot write {path}: File too large; "
            f"what was recorded until then can be played: {path}"
        )
        assert list(tmp_path.iterdir()) == [path]
        assert path.stat().st_size > 600_000
        with av.open(str(path)) as file:  # no piece of a picture at the end
            assert sum(1 for _ in file.decode(video=0)) > 5

    def test_on_a_full_disk_the_old_file_is_kept_as_well(tmp_path):
        path = tmp_path / "out.mp4"
        path.write_bytes(b"old")
        (said,) = limited(path, 1_000_000, 100)
        assert said.endswith(f"what was recorded until then can be played: {path}.part")
        assert path.read_bytes() == b"old"
        assert play(path.with_name("out.mp4.part").read_bytes())

    def test_on_a_disk_that_is_full_from_the_start_there_is_no_file(tmp_path):
        (said,) = limited(tmp_path / "out.mp4", 1000, 100)
        assert said.endswith("File too large; there is no recording")
        assert list(tmp_path.iterdir()) == []

    @SUFFIXES
    def test_a_disk_that_is_full_at_the_end_is_named(tmp_path, suffix):
        """The encoder holds some pictures: the first ones come when it is closed."""
        path = tmp_path / f"out.{suffix}"
        (said,) = limited(path, 100_000, 2)
        assert said.startswith(f"close: cannot finish {path}: File too large; ")
        assert not path.exists()


def fail(*_arguments, **_named):
    raise OSError(28, "No space left on device")


@SUFFIXES
def test_no_room_for_the_index_leaves_what_plays(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"out.{suffix}"
    sink = begun(path)
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(SinkFailed) as caught:
        sink.close()
    assert str(caught.value) == (
        f"cannot finish {path}: No space left on device; "
        f"what was recorded until then can be played: {path}"
    )
    assert len(play(path.read_bytes())) >= COUNT - HELD_LIVE
    sink.close()


def test_an_encoder_that_fails_costs_none_of_the_pictures_before(tmp_path, monkeypatch):
    def refuse(picture, until):
        raise av.FFmpegError(12, "Cannot allocate memory")

    path = tmp_path / "out.mp4"
    sink = begun(path, RENDERED)
    with monkeypatch.context() as patch:
        patch.setattr(sink._encoder._pictures, "_encode", refuse)
        with pytest.raises(SinkFailed, match=r"cannot encode a picture for .*: Cannot all"):
            sink.write(Frame(np.zeros((64, 96, 3), np.uint8), 0, 0.0))
    sink.close()
    assert len(play(path.read_bytes())) == COUNT  # without the one that was refused


@pytest.mark.parametrize("error", [ValueError("no"), MemoryError(), av.FFmpegError(1, "bad")])
def test_whatever_the_end_of_the_encoder_raises_what_plays_is_kept(tmp_path, monkeypatch, error):
    path = tmp_path / "out.mp4"
    sink = begun(path)

    def finish():
        raise error

    monkeypatch.setattr(sink._encoder, "finish", finish)
    with pytest.raises(SinkFailed, match=f"cannot finish {path}: .*can be played: {path}"):
        sink.close()
    assert len(play(path.read_bytes())) >= COUNT - HELD_LIVE


def test_a_closed_recording_takes_no_picture(tmp_path, frames):
    sink = open_sink(str(tmp_path / "out.mp4"), LIVE)
    sink.close()
    with pytest.raises(SinkFailed, match="is closed"):
        sink.write(frames(96, 64, 1)[0])
