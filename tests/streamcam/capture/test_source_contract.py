"""What every source promises, for every source that can be had without hardware."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from capture_fakes import RED, FakeDevice, FakeGrabber

from streamcam.capture import Wanted
from streamcam.capture.camera import Camera, CameraSource
from streamcam.capture.demo import CLIP
from streamcam.capture.image import ImageSource, read_picture
from streamcam.capture.screen import ScreenSource
from streamcam.capture.video import VideoSource
from streamcam.capture.video.decoder import Decoder
from streamcam.capture.whip import WhipSource
from streamcam.webrtc.incoming import Incoming

WANTED = Wanted(64, 48, 30.0)


def a_video(make_film, clock, **film):
    return VideoSource(Decoder(str(make_film(**film))), WANTED, clock)


def an_image(make_film, clock):
    path = make_film().with_name("red.png")
    cv2.imwrite(str(path), np.full((48, 64, 3), RED[::-1], np.uint8))
    return ImageSource("red.png", read_picture(path), WANTED, clock)


def a_screen(_make_film, clock):
    return ScreenSource(FakeGrabber(), "1", WANTED, clock, FakeGrabber)


def a_shared_screen(_make_film, clock):
    from fake_desktop import EndlessPictures, FakeCast

    from streamcam.capture.screen.shared import Consent, SharedScreen

    return SharedScreen((FakeCast(), EndlessPictures(), Consent("")), "", WANTED, clock)


def a_camera(_make_film, clock):
    return CameraSource(FakeDevice(clock), Camera(0, "Red", "", "fake"), WANTED, clock)


def the_demo(_make_film, clock):
    return VideoSource(Decoder(str(CLIP)), WANTED, clock)


class SteadyCamera(Incoming):
    """Over WebRTC: a red picture for each thirtieth of a second, with a dot that moves."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock
        self._sent = 0
        self.arrive()

    def take(self, seconds):
        self._clock.sleep(1 / 30)
        pixels = np.full((48, 64, 3), RED, np.uint8)
        pixels[0, self._sent % 64] = RED[0] - 6, RED[1], RED[2]
        self._sent += 1
        return VideoFrame.from_ndarray(pixels, format="rgb24"), self._clock.now()


def a_camera_over_webrtc(_make_film, clock):
    return WhipSource(SteadyCamera(clock), WANTED, clock)


SOURCES = {
    "video": a_video,
    "video, padded rows": lambda *to: a_video(
        *to, name="odd.mkv", size=(51, 33), codec="ffv1", format="yuv444p"
    ),
    "video, turned": lambda *to: a_video(*to, rotation=90),
    "video, wide pixels": lambda *to: a_video(*to, name="wide.mkv", aspect=Fraction(4, 3)),
    "video, already RGB": lambda *to: a_video(*to, name="r.mkv", codec="ffv1", format="bgr0"),
    "image": an_image,
    "screen": a_screen,
    "camera": a_camera,
    "demo": the_demo,
    "whip": a_camera_over_webrtc,
}
if sys.platform == "linux":  # where its D-Bus library is
    SOURCES["screen, shared"] = a_shared_screen


@pytest.fixture(params=SOURCES)
def source(request, make_film, clock):
    opened = SOURCES[request.param](make_film, clock)
    opened.is_red = request.param != "demo"
    yield opened
    opened.close()


def frames(source, count):
    """The next `count` frames, whatever comes between them."""
    found = []
    while len(found) < count:
        frame = source.read()
        if frame is not None:
            found.append(frame)
    return found


def test_says_what_it_is(source):
    assert source.width > 0
    assert source.height > 0
    assert 1 <= source.fps <= 240
    assert f"{source.width}x{source.height}" in source.label
    assert source.notice == ""


def test_pixels_are_rgb_of_the_size_that_was_said(source):
    for frame in frames(source, 4):
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.shape == (source.height, source.width, 3)
        assert frame.pixels.flags.c_contiguous
        assert frame.size == (source.width, source.height)
        if source.is_red:
            red, green, blue = (frame.pixels[..., channel].astype(int) for channel in range(3))
            assert np.abs(red - 200).max() <= 6
            assert np.abs(green - 20).max() <= 6
            assert blue.min() >= 24
            assert blue.max() <= 90


def test_frames_are_numbered_and_timed_in_order(source, clock):
    begin = clock.now()
    got = frames(source, 25)  # the short films come round twice
    assert [frame.seq for frame in got] == list(range(25))
    assert not any(frame.repeat for frame in got)
    times = [frame.captured_at for frame in got]
    assert times == sorted(times)
    assert begin <= times[0]
    assert times[-1] <= clock.now()
    media = [frame.media_time for frame in got]
    if media[0] is not None:
        assert media[0] == 0
        assert all(earlier < later for earlier, later in pairwise(media))
    else:
        assert set(media) == {None}


def test_comes_at_its_rate(source, clock):
    frames(source, 1)
    begin = clock.now()
    frames(source, 20)
    assert clock.now() - begin == pytest.approx(20 / source.fps, rel=0.02)


def test_a_read_takes_at_most_half_a_second(source, clock):
    for _ in range(12):
        begin = clock.now()
        source.read()
        assert clock.now() - begin <= 0.5 + 1e-6


def test_a_frame_that_is_held_keeps_its_picture(source):
    held = frames(source, 5)
    copies = [frame.pixels.copy() for frame in held]
    frames(source, 8)
    if not isinstance(source, ImageSource):
        assert len({copy.tobytes() for copy in copies}) == 5
    for frame, copy in zip(held, copies, strict=True):
        assert np.array_equal(frame.pixels, copy)


def test_buffers_are_used_again_once_nobody_holds_them(source):
    conversion = getattr(source, "_conversion", None)
    pool = getattr(source, "_pool", ()) if conversion is None else conversion.buffers
    for _ in range(20):
        frames(source, 1)
    assert len(pool) <= 2


def test_closes_twice(source):
    source.close()
    source.close()


def test_the_kinds_here_are_all_kinds():
    from streamcam import plugins

    tested = {re.match(r"\w+", name)[0] for name in SOURCES}
    assert tested == set(plugins.names("streamcam.capture"))
