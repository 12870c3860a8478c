"""Every decoded picture in its own shape, on white where it is transparent."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from test_source_video import everything

from streamcam.capture import Wanted, open_source
from streamcam.pixels import Conversion

AT_ONCE = Wanted(realtime=False, loop=False)
CODECS = {
    "ts": ("mpegts", "libx264"),
    "mpg": ("mpegts", "mpeg2video"),
    "webm": ("webm", "libvpx"),
}


def part(kind, size, aspect=1, count=10):
    """A short film of one shape: bytes."""
    from io import BytesIO

    form, codec = CODECS[kind]
    written = BytesIO()
    with av.open(written, "w", format=form) as film:
        stream = film.add_stream(codec, 25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for index in range(count):
            pixels = np.full((size[1], size[0], 3), 90, np.uint8)
            pixels[size[1] // 4 : size[1] * 3 // 4, : size[0] // 2] = (220, 30, 30)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts = index
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return written.getvalue()


def red_part(pixels):
    """(width, height) of the red rectangle."""
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 90)
    return red.any(0).sum(), red.any(1).sum()


@pytest.mark.parametrize("codec", ["ts", "mpg"])
def test_a_telephone_that_is_turned_is_not_stretched(tmp_path, codec):
    path = tmp_path / "turned.ts"
    path.write_bytes(part(codec, (192, 96)) + part(codec, (96, 192)))
    source = open_source(str(path), AT_ONCE)
    assert (source.width, source.height) == (192, 96)
    frames = everything(source)
    sizes = [frame.size for frame in frames]
    assert sizes == sorted(sizes, reverse=True)
    assert set(sizes) == {(192, 96), (96, 192)}
    assert (source.width, source.height) == (96, 192)
    assert red_part(frames[1].pixels) == pytest.approx((96, 48), abs=3)
    assert red_part(frames[-1].pixels) == pytest.approx((48, 96), abs=3)
    assert all(frame.pixels.flags.c_contiguous for frame in frames)


def test_a_broadcast_that_turns_wide_is_shown_wide_from_that_picture_on(tmp_path):
    """The decoder tells PyAV of the new shape one picture early: B-pictures."""
    path = tmp_path / "wide.ts"
    first = part("mpg", (720, 576), Fraction(16, 15))
    path.write_bytes(first + part("mpg", (720, 576), Fraction(64, 45)))
    with av.open(str(path)) as film:
        total = sum(1 for _ in film.decode(video=0))
    path_of_first = tmp_path / "first.ts"
    path_of_first.write_bytes(first)
    with av.open(str(path_of_first)) as film:
        count = sum(1 for _ in film.decode(video=0))
    widths = [frame.size for frame in everything(open_source(str(path), AT_ONCE))]
    assert widths == [(768, 576)] * count + [(1024, 576)] * (total - count)


def test_what_the_container_says_of_its_pixels_goes_before_what_the_pictures_say(tmp_path):
    """VP9 knows no shape of pixels, the box around it does."""
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libvpx-vp9", 10)
        stream.width, stream.height, stream.pix_fmt = 60, 40, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        frame = av.VideoFrame.from_ndarray(np.zeros((40, 60, 3), np.uint8), "rgb24")
        frame.pts = 0
        film.mux(stream.encode(frame))
        film.mux(stream.encode())
    source = open_source(str(path), AT_ONCE)
    assert (source.width, source.height) == (80, 40)
    assert source.read().size == (80, 40)


def test_forms_may_change_from_picture_to_picture():
    conversion = Conversion()
    held = []
    for size, form in [
        ((64, 48), "yuv420p"),
        ((64, 48), "yuv422p10le"),
        ((50, 34), "yuv420p"),
        ((50, 34), "rgba"),
        ((64, 48), "gray"),
        ((64, 48), "pal8"),
        ((64, 48), "yuv420p"),
    ]:
        grey = np.full((size[1], size[0], 3), 120, np.uint8)
        if form == "pal8":
            picture = av.VideoFrame.from_ndarray(
                (np.full(size[::-1], 7, np.uint8), np.full((256, 4), 120, np.uint8)), "pal8"
            )
            expected = 255 - 135 * 120 // 255  # its alpha is 120 as well
        else:
            picture = av.VideoFrame.from_ndarray(grey, "rgb24").reformat(format=form)
            expected = 120
        pixels = conversion.pixels(picture)
        held.append(pixels)
        assert pixels.shape == (size[1], size[0], 3)
        assert np.abs(pixels.astype(int) - expected).max() <= 2
    assert np.abs(held[0].astype(int) - 120).max() <= 2  # nobody wrote over what is held


@pytest.mark.parametrize(
    ("size", "matrix"),
    [
        ((1280, 544), "ITU709"),
        ((1920, 816), "ITU709"),
        ((720, 578), "ITU709"),
        ((1278, 576), "ITU601"),
        ((720, 576), "ITU601"),
        ((640, 480), "ITU601"),
    ],
)
def test_unlabelled_colours_are_read_as_players_read_them(size, matrix):
    """By both sides: a film of 1280x544 is high definition, though it has few lines."""
    pixels = np.full((size[1], size[0], 3), (30, 160, 60), np.uint8)
    picture = av.VideoFrame.from_ndarray(pixels, "rgb24")
    picture = picture.reformat(format="yuv420p", dst_colorspace=matrix)
    picture.colorspace = 2
    assert np.abs(Conversion().pixels(picture).astype(int) - (30, 160, 60)).max() <= 3


def on_white(colour, alpha):
    return np.rint(np.array(colour) * alpha / 255 + 255 - alpha)


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("a.mov", "png", "rgba"),
        ("b.mov", "qtrle", "argb"),
        ("c.mov", "prores_ks", "yuva444p10le"),
        ("d.mkv", "ffv1", "yuva420p"),
        ("e.mkv", "ffv1", "bgra"),
        ("f.apng", "apng", "rgba"),
        ("g.webm", "libvpx", "yuva420p"),
        ("h.webm", "libvpx-vp9", "yuva420p"),
    ],
)
def test_transparent_films_lie_on_white(tmp_path, name, codec, form):
    path = tmp_path / name
    picture = np.full((48, 96, 4), (200, 40, 40, 255), np.uint8)
    picture[:, 32:64, 3] = 128
    picture[:, 64:, 3] = 0
    with av.open(str(path), "w") as film:
        options = {"auto-alt-ref": "0"} if codec.startswith("libvpx") else {}
        stream = film.add_stream(codec, 10, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 48, form
        if name == "g.webm":  # as a file that was copied says it
            stream.metadata["ALPHA_MODE"] = "1"
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(picture, "rgba").reformat(format=form)
            frame.pts = index
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    frames = everything(open_source(str(path), AT_ONCE))
    assert len(frames) == 3
    for frame in frames:
        for column, alpha in ((16, 255), (48, 128), (80, 0)):
            expected = on_white((200, 40, 40), alpha)
            assert np.abs(frame.pixels[24, column] - expected).max() <= 6


def test_a_transparent_webm_loops(tmp_path):
    path = tmp_path / "loop.webm"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libvpx-vp9", 10, options={"auto-alt-ref": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        for index in range(4):
            grey = np.full((48, 64, 4), (40 * index, 40 * index, 40 * index, 255), np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, "rgba").reformat(format="yuva420p")
            frame.pts = index
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    source = open_source(str(path), Wanted(realtime=False))
    levels = [round(source.read().pixels.mean() / 40) for _ in range(12)]
    assert levels == [0, 1, 2, 3] * 3


def test_ordinary_pictures_are_not_copied():
    """swscale's own memory goes into the Frame: nothing of the pool is taken."""
    picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
    picture = picture.reformat(format="yuv420p")
    conversion = Conversion()
    pixels = conversion.pixels(picture)
    assert len(conversion.buffers) == 0
    assert not pixels.flags.owndata
    assert cv2.mean(pixels)[0] <= 1


@pytest.mark.parametrize("form", ["nv12", "p010le", "yuv420p10le", "yuv422p10le", "yuv444p"])
@pytest.mark.parametrize("grey", [16, 126, 235])
def test_greys_are_exact(form, grey):
    """In limited range 16 is black and 235 white. FFmpeg's default makes 253 of some whites."""
    i420 = np.full((96, 64), 128, np.uint8)
    i420[:64] = grey
    picture = av.VideoFrame.from_ndarray(i420, "yuv420p").reformat(format=form)
    shown = Conversion().pixels(picture).astype(int)
    assert np.abs(shown - round((grey - 16) * 255 / 219)).max() <= (0 if grey == 235 else 1)
