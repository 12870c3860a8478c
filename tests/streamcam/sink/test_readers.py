"""Who reads a device: told by the kernel, whichever program it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streamcam.sink._readers import Readers, watch_readers


@pytest.fixture
def device(tmp_path):
    path = tmp_path / "video10"
    path.write_bytes(b"")
    return path


@pytest.fixture
def readers(device, tmp_path):
    made = Readers(str(device), processes=tmp_path)
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
