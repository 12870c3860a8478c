"""Names of recordings: one at a time, nothing that is there is harmed, and links stay links."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import av
import pytest

from streamcam.errors import SinkFailed, UsageError
from streamcam.sink import Format
from streamcam.sink.record import locks, open_sink

FORM = Format(96, 64, 30)


@pytest.fixture
def begin(frames):
    """Open a recording with one picture in it; all are closed at the end."""
    begun = []

    def make(path):
        sink = open_sink(str(path), FORM)
        begun.append(sink)
        sink.write(frames(96, 64, 1)[0])
        return sink

    yield make
    for sink in begun:
        sink.close()


def pictures(path):
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def refused(path):
    with pytest.raises(UsageError, match="another streamcam records to"):
        open_sink(str(path), FORM)


def test_a_second_recording_of_a_name_is_refused_until_the_first_has_ended(tmp_path, begin):
    path = tmp_path / "out.mp4"
    first = begin(path)
    refused(path)
    assert names(tmp_path) == ["out.mp4.part"]
    first.close()
    assert names(tmp_path) == ["out.mp4"]
    begin(path).close()
    assert pictures(path) == 1


def test_two_at_once_are_never_both_let_in(tmp_path):
    path, ready, results = tmp_path / "out.mp4", threading.Barrier(4), []

    def open_one():
        ready.wait(10)
        try:
            results.append(open_sink(str(path), FORM))
        except UsageError:
            results.append(None)

    for _ in range(10):
        threads = [threading.Thread(target=open_one, name="opens") for _ in range(4)]
        results.clear()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        opened = [sink for sink in results if sink is not None]
        assert len(results) == 4
        assert len(opened) <= 1
        for sink in opened:
            sink.close()


def test_what_lies_there_already_stays(tmp_path, begin):
    foreign = tmp_path / "out.mp4.part"
    foreign.write_text("somebody's download")
    (tmp_path / "out.mp4.2.part").mkdir()
    sink = begin(tmp_path / "out.mp4")
    assert "(out.mp4.part, out.mp4.2.part was there before and is left alone)" in sink.label
    refused(tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4.3.part").exists()
    sink.close()
    assert foreign.read_text() == "somebody's download"
    assert names(tmp_path) == ["out.mp4", "out.mp4.2.part", "out.mp4.part"]


KILLED = """
import os, sys, numpy as np
from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.record import open_sink
sink = open_sink(sys.argv[1], Format(96, 64, 30, realtime=False))
for seq in range(100):
    sink.write(Frame(np.zeros((64, 96, 3), np.uint8), seq, 0.0, media_time=seq / 30))
os._exit(9)
"""


def test_what_a_killed_process_left_stays_and_is_told(tmp_path, begin):
    path = tmp_path / "out.mp4"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    left = (tmp_path / "out.mp4.part").read_bytes()
    sink = begin(path)
    assert "out.mp4.part was there before and is left alone; a recording that was" in sink.label
    sink.close()
    assert pictures(path) == 1
    assert (tmp_path / "out.mp4.part").read_bytes() == left
    assert pictures(tmp_path / "out.mp4.part") > 30


def test_on_a_disk_without_locks_a_name_is_still_taken_once(tmp_path, begin, monkeypatch):
    """Nobody can tell there whether the other one lives; neither file is lost."""
    monkeypatch.setattr("streamcam.sink.record.claim.try_lock", lambda file: None)
    first, second = begin(tmp_path / "out.mp4"), begin(tmp_path / "out.mp4")
    first.close()
    with pytest.raises(SinkFailed, match=r"written that file meanwhile; .*out\.mp4\.2\.part"):
        second.close()
    assert pictures(tmp_path / "out.mp4") == pictures(tmp_path / "out.mp4.2.part") == 1


def test_a_lock_has_one_owner_and_ends_with_its_file(tmp_path):
    path = tmp_path / "file"
    path.touch()
    one, other = (os.open(path, os.O_RDWR) for _ in range(2))
    assert locks.try_lock(one)
    assert locks.try_lock(other) is False
    os.close(one)
    assert locks.try_lock(other)
    os.close(other)


def test_an_old_file_stays_until_the_new_one_is_complete(tmp_path, begin):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    sink = begin(path)
    assert path.read_bytes() == b"old"
    sink.close()
    assert pictures(path) == 1


@pytest.mark.parametrize("old", [b"old", None])
def test_a_file_that_somebody_else_writes_meanwhile_stays(tmp_path, begin, old):
    path = tmp_path / "out.mp4"
    if old:
        path.write_bytes(old)
    sink = begin(path)
    path.write_bytes(b"somebody else's")
    with pytest.raises(SinkFailed, match=f"whole recording is in {path}.part"):
        sink.close()
    assert path.read_bytes() == b"somebody else's"
    assert pictures(tmp_path / "out.mp4.part") == 1


if sys.platform != "win32":

    def test_other_names_of_a_file_are_refused_as_well(tmp_path, begin):
        path = tmp_path / "out.mp4"
        path.write_bytes(b"old")
        (tmp_path / "soft.mp4").symlink_to("out.mp4")
        (tmp_path / "hard.mp4").hardlink_to(path)
        (tmp_path / "folder").symlink_to(".")
        begin(path)
        for other in ("soft.mp4", "hard.mp4", "folder/out.mp4", "../{}/out.mp4"):
            refused(tmp_path / other.format(tmp_path.name))

    @pytest.mark.parametrize("there", [True, False])
    def test_a_link_stays_a_link(tmp_path, begin, there):
        (tmp_path / "disk").mkdir()
        target, link = tmp_path / "disk" / "real.mp4", tmp_path / "out.mp4"
        link.symlink_to("disk/real.mp4")
        if there:
            target.write_bytes(b"old")
        begin(link).close()
        assert link.is_symlink()
        assert pictures(target) == 1
        assert names(tmp_path / "disk") == ["real.mp4"]

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (os.mkfifo, "it is a pipe or a device"),
            (lambda path: path.symlink_to("/dev/null"), "it is a pipe or a device"),
            (lambda path: path.symlink_to(path.name), "leads back to itself"),
            (lambda path: path.symlink_to("nowhere/out.mp4"), "there is no folder"),
        ],
    )
    def test_what_is_no_file_is_refused(tmp_path, make, reason):
        make(tmp_path / "out.mp4")
        with pytest.raises(UsageError, match=reason):
            open_sink(str(tmp_path / "out.mp4"), FORM)
        assert names(tmp_path) == ["out.mp4"]

    def test_a_write_protected_file_is_refused(tmp_path, monkeypatch):
        path = tmp_path / "out.mp4"
        path.write_bytes(b"old")
        monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everything
        with pytest.raises(UsageError, match="write-protected"):
            open_sink(str(path), FORM)

    def test_a_file_that_is_deleted_meanwhile_is_told(tmp_path, begin):
        sink = begin(tmp_path / "out.mp4")
        (tmp_path / "out.mp4.part").unlink()
        with pytest.raises(SinkFailed, match=r"somebody has deleted out\.mp4\.part; there is no"):
            sink.close()
        assert names(tmp_path) == []

    def test_a_file_that_is_deleted_meanwhile_is_told_at_once(tmp_path, begin, frames):
        sink = begin(tmp_path / "out.mp4")
        (tmp_path / "out.mp4.part").unlink()
        frame = frames(96, 64, 1)[0]

        def go_on():
            for number in range(100):
                sink._encoder._pictures._timeline.began -= number  # time flies
                sink.write(frame)

        with pytest.raises(SinkFailed, match=r"somebody has deleted out\.mp4\.part"):
            go_on()

    def test_a_file_that_is_moved_meanwhile_is_complete_there(tmp_path, begin):
        sink = begin(tmp_path / "out.mp4")
        (tmp_path / "out.mp4.part").rename(tmp_path / "mine.mp4")
        with pytest.raises(SinkFailed, match=r"somebody has moved out\.mp4\.part; the whole"):
            sink.close()
        assert pictures(tmp_path / "mine.mp4") == 1

    def test_a_folder_that_is_moved_meanwhile_gets_the_file_all_the_same(tmp_path, begin):
        (tmp_path / "before").mkdir()
        sink = begin(tmp_path / "before" / "out.mp4")
        (tmp_path / "before").rename(tmp_path / "after")
        told = "cannot finish .*before/out.mp4: somebody has moved its folder; the whole rec"
        with pytest.raises(SinkFailed, match=told) as caught:
            sink.close()
        if sys.platform == "linux":
            assert str(caught.value).endswith(f"is in {tmp_path / 'after' / 'out.mp4'}")
        assert pictures(tmp_path / "after" / "out.mp4") == 1

    def test_a_folder_that_is_removed_meanwhile_is_told(tmp_path, begin):
        folder = tmp_path / "folder"
        folder.mkdir()
        sink = begin(folder / "out.mp4")
        (folder / "out.mp4.part").unlink()
        folder.rmdir()
        with pytest.raises(SinkFailed, match="somebody has deleted"):
            sink.close()

    def test_a_folder_that_takes_no_file_any_more_is_told(tmp_path, begin, monkeypatch):
        path = tmp_path / "out.mp4"
        sink = begin(path)

        def replace(*_arguments, **_named):
            raise PermissionError(13, "Permission denied")

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", replace)
            told = f"cannot finish {path}: Permission denied; the whole recording is in {path}.part"
            with pytest.raises(SinkFailed, match=told):
                sink.close()
        assert pictures(tmp_path / "out.mp4.part") == 1


def test_no_descriptor_stays_open(tmp_path, begin):
    (tmp_path / "out.mp4").write_bytes(b"old")
    (tmp_path / "out.mp4.part").write_bytes(b"foreign")
    fds = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    before = len(os.listdir(fds))  # noqa: PTH208
    for _ in range(3):
        begin(tmp_path / "out.mp4").close()
        open_sink(str(tmp_path / "out.mp4"), FORM).close()
    assert len(os.listdir(fds)) == before  # noqa: PTH208
