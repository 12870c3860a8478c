"""What keeps a v4l2loopback device from taking pictures: its `format` attribute and its pictures,
with a pipe for the device. The real driver: tests/system."""

import os
import threading

import pytest

from streamcam.sink import Format
from streamcam.sink.virtualcam import loopback
from streamcam.sink.virtualcam.loopback import is_taken, loopback_obstacle

FORM = Format(640, 480, 30)


@pytest.fixture
def device(tmp_path):
    """A function that makes a device with a `format`; (path, where sysfs tells it)."""

    def make(form):
        path = tmp_path / "video10"
        os.mkfifo(path)
        (tmp_path / "sysfs" / "video10").mkdir(parents=True)
        (tmp_path / "sysfs" / "video10" / "format").write_text(form)
        return str(path), tmp_path / "sysfs"

    return make


@pytest.fixture
def arriving(monkeypatch):
    """A function that sends a picture to a device again and again from now on."""
    stop = threading.Event()
    threads = []

    def begin(path):
        # Held by this end, so that a pipe without a writer is empty and not at its end.
        end = os.open(path, os.O_RDWR | os.O_NONBLOCK)

        def send():
            while not stop.wait(0.03):
                os.write(end, b"x")
            os.close(end)

        threads.append(threading.Thread(target=send, name="other program"))
        threads[-1].start()

    yield begin
    stop.set()
    for thread in threads:
        thread.join()


def test_a_device_that_nobody_has_open_is_not_even_opened(device, monkeypatch):
    path, sysfs = device("\n")
    monkeypatch.setattr(loopback.os, "open", lambda *_: pytest.fail("opened"))
    assert loopback_obstacle(path, FORM, sysfs) == ""
    assert loopback_obstacle("/dev/video99", FORM, sysfs) == ""


def test_a_device_to_which_pictures_are_sent_is_taken(device, arriving):
    path, sysfs = device("YU12:640x480@30\n")
    arriving(path)
    assert is_taken(path, sysfs)
    assert (
        loopback_obstacle(path, FORM, sysfs)
        == f"{path} is taken: another program sends pictures to it"
    )


def test_a_device_that_is_only_shown_can_be_had_at_its_size(device):
    """Its last picture waits for every reader; another one does not come."""
    path, sysfs = device("YU12:640x480@30/1\n")
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(end, b"x")
    assert not is_taken(path, sysfs)
    assert loopback_obstacle(path, FORM, sysfs) == ""
    assert loopback_obstacle(path, Format(320, 240, 30), sysfs) == (
        f"{path} stays at 640x480 while a program shows it, and this run's output is 320x240: "
        "close that program's video first"
    )
    os.close(end)


def test_a_driver_that_has_one_reader_at_a_time_keeps_writers_apart_itself(device, monkeypatch):
    path, sysfs = device("YU12:640x480@30\n")

    def busy(*_):
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(loopback.os, "read", busy)
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    assert not is_taken(path, sysfs)
    os.close(end)
