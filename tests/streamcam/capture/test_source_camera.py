from __future__ import annotations

import os
import sys

import cv2
import numpy as np
import pytest
from capture_fakes import RED, FakeDevice

from streamcam.capture import Wanted, camera, open_source, parse
from streamcam.capture.camera import Camera, CameraSource, device, find, list_cameras
from streamcam.errors import SourceLost, UsageError

WEBCAM = Camera(0, "HD Webcam", "/dev/video0", "fake")
LOGITECH = Camera(2, "Logitech BRIO", "/dev/video2", "fake")
OBS = Camera(4, "OBS Virtual Camera", "/dev/video4", "fake")
OURS = Camera(6, "StreamCam output", "/dev/video6", "fake")
ALL = [WEBCAM, LOGITECH, OBS, OURS]
LISTED = '0 "HD Webcam", 2 "Logitech BRIO", 4 "OBS Virtual Camera", 6 "StreamCam output".'


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("", WEBCAM),
        ("0", WEBCAM),
        ("2", LOGITECH),
        ("02", LOGITECH),
        ("00", WEBCAM),
        ("hd webcam", WEBCAM),
        ("BRIO", LOGITECH),
        ("obs virtual camera", OBS),
        ("/dev/video2", LOGITECH),
    ],
)
def test_finds_a_camera(argument, expected):
    assert find(argument, ALL) == expected


def test_the_exact_name_goes_before_longer_ones():
    longer = Camera(1, "HD Webcam Pro", "", "fake")
    assert find("HD Webcam", [longer, WEBCAM]) == WEBCAM


def test_a_link_to_a_device_is_followed(tmp_path):
    device = tmp_path / "video0"
    device.touch()
    link = tmp_path / "by-id"
    link.symlink_to(device)
    listed = Camera(0, "Cam", str(device), "fake")
    assert find(str(link), [WEBCAM, listed]) == listed


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("1", "there is no camera '1' here"),
        ("/dev/video9", "there is no camera '/dev/video9' here"),
        ("Nikon", "there is no camera 'Nikon' here"),
        ("9" * 5000, "there is no camera '999"),
        ("²", "there is no camera '²' here"),
        ("cam", "'cam' fits several cameras: give the number"),
        ("6", 'camera 6 "StreamCam output" is streamcam\'s own output'),
        ("streamcam", "own output"),
        ("/dev/video6", "own output"),
    ],
)
def test_refuses_with_a_list(argument, reason):
    with pytest.raises(UsageError) as refusal:
        find(argument, ALL)
    assert reason in str(refusal.value)
    assert str(refusal.value).endswith(LISTED)


def test_the_first_camera_is_never_our_own():
    assert find("", [Camera(0, "streamcam", "", "fake"), LOGITECH]) == LOGITECH
    with pytest.raises(UsageError, match="only camera here is streamcam's own"):
        find("", [OURS])


def test_no_camera_at_all_says_what_else_there_is(monkeypatch, capfd):
    monkeypatch.setattr(camera, "enumerate_cameras", lambda _api: [])
    for choice in ("camera", "camera:0", 'camera:"HD Webcam"'):
        with pytest.raises(UsageError, match=r"no camera on this machine.*--source demo"):
            open_source(choice, Wanted())
    assert capfd.readouterr() == ("", "")


def test_a_number_too_high_is_refused_without_a_word_from_opencv(capfd):
    """On this machine, with the cameras it has or has not."""
    with pytest.raises(UsageError, match="camera"):
        open_source("camera:97", Wanted())
    assert capfd.readouterr() == ("", "")


def test_opencv_is_silent_about_a_camera_that_does_not_open(capfd):
    device = camera.open_device(97)
    assert not device.isOpened()
    assert capfd.readouterr() == ("", "")


def test_lists_by_number_whatever_the_system_s_order(monkeypatch):
    class Info:
        def __init__(self, index, name, path):
            self.index, self.name, self.path = index, name, path

    infos = [Info(3, "B", "/dev/video3"), Info(1, "", None)]
    monkeypatch.setattr(camera, "enumerate_cameras", lambda _api: infos)
    assert [(one.index, one.name, one.path) for one in list_cameras()] == [
        (1, "camera 1", ""),
        (3, "B", "/dev/video3"),
    ]


def opened(clock, wanted=None, **device):
    made = FakeDevice(clock, **device)
    return CameraSource(made, WEBCAM, wanted or Wanted(64, 48, 30), clock), made


def test_says_what_it_got(clock):
    source, _ = opened(clock)
    assert source.label == 'camera 0 "HD Webcam", 64x48 at 30 fps'
    source, _ = opened(clock, Wanted(128, 96, 60))
    assert source.label == 'camera 0 "HD Webcam", 64x48 at 30 fps (asked for 128x96 at 60)'


def test_stays_uncompressed_if_that_is_quick_enough(clock):
    _, device = opened(clock, modes={None: (64, 48, 30.0), "MJPG": (64, 48, 30.0)})
    assert device.fourcc is None


def test_asks_for_motion_jpeg_where_the_rate_needs_it(clock):
    source, device = opened(clock, modes={None: (64, 48, 10.0), "MJPG": (64, 48, 30.0)})
    assert device.fourcc == "MJPG"
    assert source.fps == 30


def test_asks_for_motion_jpeg_where_the_size_needs_it(clock):
    wanted = Wanted(128, 96, 30)
    source, _ = opened(clock, wanted, modes={None: (64, 48, 30.0), "MJPG": (128, 96, 30.0)})
    assert (source.width, source.height) == (128, 96)
    assert "asked" not in source.label


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 90000.0])
def test_a_camera_that_does_not_know_its_rate_is_taken_at_its_word(clock, fps):
    source, _ = opened(clock, modes={None: (64, 48, fps)})
    assert source.fps == 30


def test_keeps_the_drivers_queue_short(clock):
    _, device = opened(clock)
    assert (cv2.CAP_PROP_BUFFERSIZE, 2) in device.asked


def test_decodes_into_the_same_memory_again_and_again(clock):
    source, device = opened(clock)
    for _ in range(10):
        assert source.read().pixels[0, 0, 0] == RED[0]
    assert len(set(device.buffers)) == 1


def test_the_time_is_that_of_the_grab_not_of_decoding(clock):
    source, device = opened(clock)
    decode = device.retrieve

    def slowly(image):
        clock.time += 0.02
        return decode(image)

    device.retrieve = slowly
    before = clock.now()
    frame = source.read()
    assert frame.captured_at == pytest.approx(before + 1 / 30)
    assert clock.now() == pytest.approx(before + 1 / 30 + 0.02)


def test_a_camera_that_does_not_open_is_released_and_explained(clock):
    device = FakeDevice(clock, opens=False)
    with pytest.raises(UsageError, match="cannot be opened") as refusal:
        CameraSource(device, WEBCAM, Wanted(), clock)
    assert "HD Webcam" in str(refusal.value)
    assert device.released


def test_a_camera_without_permission_says_how_to_get_it(clock, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match=r"no permission for /dev/video0: sudo usermod -aG video"):
        CameraSource(FakeDevice(clock, opens=False), WEBCAM, Wanted(), clock)


@pytest.mark.parametrize("held", [[], ["zoom (12)"]])
def test_a_camera_that_another_program_holds_says_so(clock, monkeypatch, held):
    monkeypatch.setattr(device, "withheld", lambda _path: None)
    monkeypatch.setattr(device, "holders", lambda _path: held)
    silent = FakeDevice(clock)
    silent.failing = 10**9  # opens, but never delivers
    said = (
        r"zoom \(12\) uses it: close zoom"
        if held
        else "another program seems to use it: close Zoom"
    )
    with pytest.raises(UsageError, match=f"delivers no picture: {said}"):
        CameraSource(silent, WEBCAM, Wanted(), clock)
    assert silent.released


def test_a_camera_may_take_its_time_for_the_first_picture(clock):
    device = FakeDevice(clock)
    device.failing, device.broken = 40, 3
    source = CameraSource(device, WEBCAM, Wanted(64, 48), clock)
    assert source.read().seq == 0


def test_single_faults_are_passed_over(clock):
    source, device = opened(clock)
    source.read()
    device.failing, device.broken = 5, 5
    got = [source.read() for _ in range(12)]
    assert got[:10] == [None] * 10
    assert [frame.seq for frame in got[10:]] == [1, 2]


def test_an_unplugged_camera_is_lost_after_two_seconds(clock):
    source, device = opened(clock)
    source.read()
    begin = clock.now()
    device.failing = 10**9
    with pytest.raises(SourceLost, match=r'camera 0 "HD Webcam" was unplugged'):
        read_until_lost(source)
    assert 2.0 <= clock.now() - begin < 2.2
    source.close()
    assert device.released


def read_until_lost(source):
    for _ in range(1000):
        assert source.read() is None


def test_a_camera_that_changes_its_size_goes_on_in_the_new_one(clock):
    source, device = opened(clock)
    frames = [source.read(), source.read()]
    for size in ((32, 24), (48, 64), (64, 48)):
        device.modes[None] = (*size, 30.0)
        frames += [source.read(), source.read()]
        assert (source.width, source.height) == size
    assert [frame.size for frame in frames[::2]] == [(64, 48), (32, 24), (48, 64), (64, 48)]
    assert [frame.size for frame in frames[1::2]] == [(64, 48), (32, 24), (48, 64), (64, 48)]
    assert [frame.seq for frame in frames] == list(range(8))
    assert np.diff([frame.captured_at for frame in frames]) == pytest.approx([1 / 30] * 7)


def channels(picture):
    """What backends of OpenCV give beside BGR, with the RGB that it means."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    rgb, grey_rgb = picture[..., ::-1], np.dstack([grey] * 3)
    return [
        (picture, rgb),
        (np.dstack([picture, np.full(picture.shape[:2], 7, np.uint8)]), rgb),
        (grey, grey_rgb),
        (grey[..., None], grey_rgb),
        (picture.astype(np.uint16) * 257, rgb),
        (grey.astype(np.uint16) * 257, grey_rgb),
    ]


@pytest.mark.parametrize("kind", range(6))
def test_grey_alpha_and_sixteen_bits_become_rgb(clock, kind):
    noise = np.random.default_rng(7).integers(0, 256, (48, 64, 3), np.uint8)
    given, wanted = channels(noise)[kind]
    device = FakeDevice(clock)
    device.retrieve = lambda _into: (True, given)
    source = CameraSource(device, WEBCAM, Wanted(64, 48, 30), clock)
    frame = source.read()
    assert frame.pixels.dtype == np.uint8
    assert np.array_equal(frame.pixels, wanted)
    device.retrieve = lambda _into: (True, noise)  # and another kind in mid-stream
    assert np.array_equal(source.read().pixels, noise[..., ::-1])


@pytest.mark.parametrize("nothing", [None, np.zeros((0, 0, 3), np.uint8)])
def test_no_picture_at_all_is_passed_over_until_it_is_a_loss(clock, nothing):
    source, device = opened(clock)
    retrieve = device.retrieve
    device.retrieve = lambda _into: (True, nothing)
    assert [source.read() for _ in range(3)] == [None] * 3
    device.retrieve = retrieve
    assert source.read().seq == 0
    device.retrieve = lambda _into: (True, nothing)
    with pytest.raises(SourceLost, match="was unplugged or stopped delivering"):
        read_until_lost(source)


OPENCV = cv2.error("OpenCV(5.0.0) color.cpp:199: error: (-215:Assertion failed)\n !_src.empty()\n")
WHATEVER = [
    (OPENCV, r"OpenCV\(5.0.0\) color.cpp:199: error: \(-215:Assertion failed\) !_src.empty\(\)"),
    (SystemError("<built-in> returned NULL"), "SystemError: <built-in> returned NULL"),
    (OSError(19, "No such device"), r"OSError: \[Errno 19\] No such device"),
    (MemoryError(), "MemoryError"),
]


def raising(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize("call", ["grab", "retrieve"])
@pytest.mark.parametrize(("error", "said"), WHATEVER)
def test_whatever_a_camera_raises_is_a_lost_source(clock, call, error, said):
    source, device = opened(clock)
    source.read()
    setattr(device, call, raising(error))
    device.release = raising(error)
    with pytest.raises(SourceLost, match=f'^camera 0 "HD Webcam" broke off: {said}$'):
        source.read()
    source.close()


def test_a_picture_that_is_none_of_these_is_a_lost_source(clock):
    source, device = opened(clock)
    device.retrieve = lambda _into: (True, np.zeros((48, 64, 2), np.uint8))
    with pytest.raises(SourceLost, match="its pictures have 2 channels of uint8"):
        source.read()
    device.retrieve = lambda _into: (True, np.zeros((48, 64), np.float32))
    with pytest.raises(SourceLost, match="its pictures have 1 channels of float32"):
        source.read()


@pytest.mark.parametrize("call", ["isOpened", "set", "get", "grab", "retrieve"])
@pytest.mark.parametrize(("error", "said"), WHATEVER)
def test_whatever_a_camera_raises_while_it_is_opened_is_one_line(clock, call, error, said):
    device = FakeDevice(clock)
    setattr(device, call, raising(error))
    with pytest.raises(UsageError, match=rf'^camera 0 "HD Webcam" cannot be opened: {said}; '):
        CameraSource(device, WEBCAM, Wanted(), clock)
    assert device.released == 1
    device.release = raising(error)
    with pytest.raises(UsageError, match="cannot be opened"):
        CameraSource(device, WEBCAM, Wanted(), clock)


@pytest.mark.parametrize(("error", "said"), WHATEVER)
def test_whatever_opencv_raises_before_there_is_a_device(monkeypatch, error, said):
    monkeypatch.setattr(camera, "list_cameras", lambda: ALL)
    monkeypatch.setattr(cv2, "VideoCapture", raising(error))
    with pytest.raises(UsageError, match=rf'^camera 0 "HD Webcam" cannot be opened: {said}; '):
        open_source("camera:0", Wanted())


def test_cameras_that_cannot_be_listed_are_one_line(monkeypatch):
    monkeypatch.setattr(camera, "enumerate_cameras", raising(ValueError("invalid literal: 'zz'")))
    with pytest.raises(UsageError, match=r"cannot be listed \(ValueError: invalid literal: 'zz'\)"):
        open_source("camera:0", Wanted())


@pytest.mark.parametrize("prefix", ["", "video:", "camera:"])
def test_a_video_device_is_a_camera_however_it_is_named(tmp_path, prefix):
    """FFmpeg would read it too, past the refusal of our own virtual camera."""
    link = tmp_path / "by-id"
    link.symlink_to("/dev/video97")
    for path in ("/dev/video97", str(link)):
        assert parse(f"{prefix}{path}") == ("camera", path)
