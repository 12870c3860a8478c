"""Animated pictures play with their own delays, over and over, on white."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms
from test_heif import display_p3, soft_chart
from test_source_video import everything

from streamcam.capture import Wanted, open_source
from streamcam.capture.video import VideoSource
from streamcam.capture.video.animation import Animation
from streamcam.errors import UsageError

AT_ONCE = Wanted(realtime=False, loop=False)
DELAYS = (500, 200, 1300)
FORMS = ("WEBP", "AVIF", "PNG", "GIF")
EXACT = {"WEBP": {"lossless": True}, "AVIF": {"quality": 95, "subsampling": "4:4:4"}}


def animation(path, form, frames, delays=DELAYS, **more):
    frames[0].save(
        path,
        form,
        save_all=True,
        append_images=frames[1:],
        duration=list(delays),
        loop=0,
        **EXACT.get(form, {}),
        **more,
    )
    return path


def reds():
    return [Image.new("RGB", (60, 40), (80 + 60 * index, 20, 30)) for index in range(3)]


@pytest.mark.parametrize("form", FORMS)
def test_each_picture_has_its_own_time(tmp_path, form):
    source = open_source(str(animation(tmp_path / "a", form, reds())), AT_ONCE)
    assert (source.width, source.height) == (60, 40)
    if form in EXACT:  # those that come through Pillow
        assert source.fps == pytest.approx(1.5)
    frames = everything(source)
    assert [frame.media_time for frame in frames] == pytest.approx([0, 0.5, 0.7])
    assert [frame.duration for frame in frames] == pytest.approx([0.5, 0.2, 1.3], abs=0.01)
    for index, frame in enumerate(frames):
        assert np.abs(frame.pixels.astype(int) - (80 + 60 * index, 20, 30)).max() <= 5


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_it_loops_in_its_own_time(tmp_path, form, clock):
    path = animation(tmp_path / "a", form, reds())
    source = VideoSource(Animation(str(path)), Wanted(), clock)
    frames = []
    while len(frames) < 7:
        frame = source.read()
        if frame is not None:
            frames.append(frame)
    times = [frame.media_time for frame in frames]
    assert times == pytest.approx([0, 0.5, 0.7, 2.0, 2.5, 2.7, 4.0])
    shown = [frame.captured_at - frames[0].captured_at for frame in frames]
    assert shown == pytest.approx(times)


@pytest.mark.parametrize("form", FORMS)
def test_transparent_parts_are_white_and_leave_nothing_behind(tmp_path, form):
    frames = []
    for index in range(3):
        picture = Image.new("RGBA", (60, 40), (200, 40, 40, 0))
        picture.paste((20, 120, 40, 255), (20 * index, 0, 20 * index + 20, 40))
        frames.append(picture)
    path = animation(tmp_path / "a", form, frames, **({"disposal": 2} if form == "GIF" else {}))
    got = everything(open_source(str(path), AT_ONCE))
    assert len(got) == 3
    for index, frame in enumerate(got):
        for part in range(3):
            expected = (20, 120, 40) if part == index else (255, 255, 255)
            assert np.abs(frame.pixels[20, 20 * part + 10].astype(int) - expected).max() <= 6


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_profiles_are_heeded(tmp_path, form):
    profile = display_p3()
    frames = [Image.fromarray(soft_chart()), Image.fromarray(soft_chart()[::-1])]
    path = animation(tmp_path / "a", form, frames, (100, 100), icc_profile=profile)
    shown = everything(open_source(str(path), AT_ONCE))[0].pixels.astype(int)
    expected = np.asarray(
        ImageCms.profileToProfile(frames[0], BytesIO(profile), ImageCms.createProfile("sRGB"))
    ).astype(int)
    assert np.abs(shown - expected).mean() <= 2.5
    assert np.abs(expected - soft_chart()).max() >= 10


def test_delays_that_no_browser_believes(tmp_path):
    path = animation(tmp_path / "a.webp", "WEBP", reds(), (0, 10, 20))
    frames = everything(open_source(str(path), AT_ONCE))
    assert [frame.duration for frame in frames] == pytest.approx([0.1, 0.1, 0.02])


def test_it_ends_where_it_is_damaged(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (3, 40, 60, 3), np.uint8)
    path = animation(tmp_path / "a.webp", "WEBP", [Image.fromarray(one) for one in noise])
    data = bytearray(path.read_bytes())
    last = data.rfind(b"ANMF")
    data[last + 40 : last + 600] = bytes(560)
    path.write_bytes(data)
    assert len(everything(open_source(str(path), AT_ONCE))) == 2


def test_one_that_is_cut_short_is_refused_in_one_line(tmp_path):
    path = animation(tmp_path / "a.webp", "WEBP", reds())
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UsageError, match="damaged") as refusal:
        open_source(f"video:{path}", Wanted())
    assert "\n" not in str(refusal.value)
    with pytest.raises(UsageError, match="no such file"):
        Animation(str(tmp_path / "nothing.webp"))
