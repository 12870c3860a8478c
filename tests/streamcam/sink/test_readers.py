"""Who reads a device: told by the kernel, whichever program it is."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.sink.virtualcam.readers import Readers, watch_readers


@pytest.fixture
def device(tmp_path):
    path = tmp_path / "video10"
    path.write_bytes(b"")
    return path


@pytest.fixture
def readers(device, tmp_path):
    made = Readers(str(device), proc=tmp_path)
    yield made
    made.close()


def test_it_counts_programs_that_come_and_go(readers, device):
    assert readers.count() == 0
    with device.open("rb"):
        assert readers.count() == 1
        with device.open("r+b"):
            assert readers.count() == 2
        assert readers.count() == 1
    assert readers.count() == 0


def test_another_program_counts(readers, device):
    reader = subprocess.Popen(
        [sys.executable, "-c", f"f = open({str(device)!r}); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    reader.stdout.readline()
    assert readers.count() == 1
    reader.communicate(b"\n")
    assert readers.count() == 0


def test_one_that_was_there_before_is_found(device):
    code = f"import os; f = os.open({str(device)!r}, 0); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    reader = subprocess.Popen([sys.executable, "-c", code], **pipes)
    reader.stdout.readline()
    found = Readers(str(device))
    assert found.count() == 1
    reader.communicate(b"\n")
    found.close()


def test_more_events_than_the_kernel_keeps_are_looked_up(readers, device, monkeypatch):
    monkeypatch.setattr(readers, "_read", iter([_event(0x4000), b""]).__next__)
    readers._count = 7
    assert readers.count() == 0


def test_a_close_that_was_never_opened_counts_for_nothing(readers, monkeypatch):
    monkeypatch.setattr(readers, "_read", iter([_event(0x10), b""]).__next__)
    assert readers.count() == 0


def test_once_closed_it_keeps_its_count(readers, device):
    readers.close()
    readers.close()
    with device.open("rb"):
        assert readers.count() == 0


def test_a_device_that_is_not_there_cannot_be_watched(tmp_path):
    assert watch_readers(str(tmp_path / "video11")) is None


def _event(mask):
    return (1).to_bytes(4, "little") + mask.to_bytes(4, "little") + bytes(8)


# -- who they are --------------------------------------------------------------------------------


class Programs:
    """Stands in for /proc, and for the programs that hold `device` open."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.device = folder.with_name("video10")
        self.device.write_bytes(b"")
        self._made = 0

    def start(self, name, opened=1, *, readable=True):
        """Open the device, so often, as a process of this name; a function that ends it."""
        self._made += 1
        process = self.folder / str(self._made)
        (process / "fd").mkdir(parents=True)
        (process / "comm").write_text(f"{name}\n")
        (process / "fd" / "0").symlink_to("/dev/null")
        for number in range(opened if readable else 0):
            (process / "fd" / str(number + 3)).symlink_to(self.device)
        files = [os.open(self.device, os.O_RDONLY) for _ in range(opened)]

        def end():
            process.rename(self.folder / f"ended-{process.name}")
            for file in files:
                os.close(file)

        return end

    def glance(self):
        """What a program does that lists cameras."""
        os.close(os.open(self.device, os.O_RDONLY))


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def programs(tmp_path):
    return Programs(tmp_path / "processes")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def known(programs, clock):
    """Readers of a device whose processes are `programs`."""
    made = Readers(str(programs.device), programs.folder, clock)
    yield made
    made.close()


def later(readers, clock, seconds=1.0):
    """What is said after so long, asked 30 times a second as for each picture."""
    for _ in range(round(30 * seconds)):
        clock.now += 1 / 30
        readers.all_are("obs")
    return readers.all_are("obs")


def test_nobody_is_no_program(known, clock):
    assert not later(known, clock)


@pytest.mark.parametrize("opened", [1, 2])  # two at once, of which the kernel tells as of one
def test_all_are_one_program_until_it_goes(known, clock, programs, opened):
    end = programs.start("obs", opened)
    assert not known.all_are("obs"), "it may only list cameras"
    assert later(known, clock)
    assert known.count() == opened
    end()
    assert not later(known, clock)
    assert known.count() == 0


def test_one_that_was_there_before_is_known_at_once(programs, clock):
    programs.start("obs")
    found = Readers(str(programs.device), programs.folder, clock)
    assert found.all_are("obs")
    found.close()


@pytest.mark.parametrize("name", ["chrome", "obs2", "ob", "", "OBS", "\udce4"])
def test_another_program_beside_it_is_noticed(known, clock, programs, name):
    programs.start("obs")
    assert later(known, clock)
    end = programs.start(name.encode("utf-8", "surrogateescape").decode("latin-1"))
    assert not later(known, clock)
    end()
    assert later(known, clock)


def test_what_it_starts_itself_has_the_device_too_and_opens_nothing(known, clock, programs):
    programs.start("obs")
    assert later(known, clock)
    recorder = programs.folder / "77"
    (recorder / "fd").mkdir(parents=True)
    (recorder / "comm").write_text("obs-ffmpeg-mux\n")
    (recorder / "fd" / "5").symlink_to(programs.device)
    programs.glance()  # something has to bring about a look
    assert later(known, clock)


def test_a_reader_whose_files_cannot_be_looked_at_is_not_known(known, clock, programs):
    """Another user's, even by this name."""
    end_hidden = programs.start("obs", readable=False)
    assert not later(known, clock)
    end = programs.start("obs")
    assert not later(known, clock)
    assert known.count() == 2
    end_hidden()
    assert later(known, clock)
    end()
    assert known.count() == 0


def test_one_that_looks_in_for_a_moment_changes_nothing(known, clock, programs):
    programs.start("obs")
    assert later(known, clock)
    for _ in range(20):
        end = programs.start("chrome")
        clock.now += 0.03
        assert known.all_are("obs")
        end()
        assert later(known, clock, 0.4)


def test_one_that_stays_is_noticed_while_others_come_and_go(known, clock, programs):
    programs.start("obs")
    assert later(known, clock)
    programs.start("chrome")
    for _ in range(30):
        programs.glance()
        later(known, clock, 1 / 30)
    assert not known.all_are("obs")


def test_a_look_during_which_somebody_comes_is_made_again(known, clock, programs, monkeypatch):
    programs.start("obs")
    look = known._look

    def slow_look():
        monkeypatch.setattr(known, "_look", look)
        seen = look()
        programs.start("chrome")
        return seen

    monkeypatch.setattr(known, "_look", slow_look)
    assert not later(known, clock)
    assert known.count() == 2


def test_nobody_is_looked_up_without_a_change(known, clock, programs, monkeypatch):
    programs.start("obs")
    assert later(known, clock)
    monkeypatch.setattr(known, "_look", lambda: pytest.fail("looked"))
    assert later(known, clock)


def test_a_change_that_only_the_counter_has_heard_of_is_looked_up(known, clock, programs):
    """`count` is called from another thread."""
    programs.start("obs")
    assert known.count() == 1
    assert later(known, clock)


def test_two_who_go_at_once_are_not_counted_for_ever(known, clock, programs):
    """The kernel makes one event of two that are alike."""
    ends = []
    for name in ("chrome", "zoom"):
        ends.append(programs.start(name))
        later(known, clock)
    assert known.count() == 2
    for end in ends:
        end()
    later(known, clock)
    assert known.count() == 0


def test_one_of_two_who_came_at_once_still_counts(known, clock, programs):
    end = programs.start("chrome")
    programs.start("zoom")
    later(known, clock)
    end()
    later(known, clock)
    assert known.count() == 1


def test_a_device_that_is_gone_has_no_known_reader(known, clock, programs):
    programs.start("obs")
    programs.device.unlink()
    assert not later(known, clock)


NAMES = st.sampled_from(["obs", "obs", "obs", "obs-ffmpeg-mux", "chrome"])
STEPS = st.one_of(
    st.lists(NAMES, min_size=1, max_size=3),  # come, at once
    st.just("hidden"),  # one comes that cannot be looked at
    st.integers(1, 3),  # so many go at once
    st.just("reveal"),  # the hidden ones go, one by one
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=8))
def test_unknown_and_mixed_readers_are_never_taken_for_one_program(tmp_path_factory, steps):
    programs, clock = Programs(tmp_path_factory.mktemp("steps") / "processes"), Clock()
    readers = Readers(str(programs.device), programs.folder, clock)
    seen, hidden = [], []
    try:
        for step in steps:
            if step == "hidden":
                hidden.append(programs.start("obs", readable=False))
            elif step == "reveal":
                for end in hidden:
                    end()
                    later(readers, clock)
                hidden.clear()
            elif isinstance(step, int):
                for end, _ in seen[:step]:
                    end()
                del seen[:step]
            else:
                seen += [(programs.start(name), name) for name in step]
            names = {name for _, name in seen}
            known = bool(names) and not hidden and names <= {"obs", "obs-ffmpeg-mux"}
            assert later(readers, clock) == known
            assert readers.count() == len(seen) + len(hidden)
    finally:
        readers.close()
        for end in (*(end for end, _ in seen), *hidden):
            end()


@contextmanager
def real_program(name, device):
    """A process of this name that holds `device` open."""
    shell = device.with_name(name)
    shell.symlink_to(Path("/bin/sh").resolve())
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [str(shell), "-c", 'exec 3<"$0"; echo; read line', str(device)]
    process = subprocess.Popen(command, **pipes)
    process.stdout.readline()
    yield
    process.communicate(b"\n")


def test_real_processes_are_told_apart(device, clock):
    readers = Readers(str(device), clock=clock)
    with real_program("obs", device):
        assert later(readers, clock)
        with real_program("chrome", device):
            assert not later(readers, clock)
        assert later(readers, clock)
    assert not later(readers, clock)
    readers.close()
