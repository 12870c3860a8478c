"""Photographs of every depth, mode and profile in a screen's colours."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from test_heif import display_p3, soft_chart
from test_pixels_colours import BT2020, PATCHES, PQ, frame, light_of, pq

from streamcam.capture.image import read_picture


def saved(path, image, form, **more):
    image.save(path, form, **more)
    return read_picture(path).astype(int)


def on_a_screen(picture):
    """What a picture in Display P3 looks like, by the matrices of its standard."""
    curve = picture / 255
    light = np.where(curve <= 0.04045, curve / 12.92, ((curve + 0.055) / 1.055) ** 2.4)
    to_srgb = [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]]
    light = np.clip(light @ np.transpose(to_srgb), 0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_photographs_in_display_p3(tmp_path, form):
    exact = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}
    got = saved(
        tmp_path / "a",
        Image.fromarray(soft_chart()),
        form,
        icc_profile=display_p3(),
        **exact.get(form, {}),
    )
    error = np.abs(got - on_a_screen(soft_chart()))
    assert error.mean() <= 1
    assert error.max() <= 5


def test_a_profile_and_transparency(tmp_path):
    picture = np.dstack([soft_chart(), np.full((100, 150), 255, np.uint8)])
    picture[:, :75, 3] = 0
    got = saved(tmp_path / "a", Image.fromarray(picture), "PNG", icc_profile=display_p3())
    assert (got[:, :75] == 255).all()
    assert np.abs(got - on_a_screen(soft_chart()))[:, 75:].max() <= 3


def test_a_profile_that_is_none_or_for_other_pictures_counts_as_none(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (b"no profile", lab, display_p3()[:200]):
        got = saved(tmp_path / "a", Image.fromarray(soft_chart()), "PNG", icc_profile=profile)
        assert np.array_equal(got, soft_chart())


def modes():
    """(image, the grey or colour that it is)."""
    grey, red = (90, 90, 90), (200, 40, 30)
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (6, 4), red),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    del lab.info["icc_profile"]
    return {
        "1 bit": (Image.new("1", (6, 4), 1), "PNG", (255, 255, 255)),
        "grey": (Image.new("L", (6, 4), 90), "PNG", grey),
        "grey and alpha": (Image.new("LA", (6, 4), (90, 255)), "PNG", grey),
        "palette": (Image.new("RGB", (6, 4), red).quantize(4), "PNG", red),
        "grey of 16 bits": (Image.fromarray(np.full((4, 6), 90 * 257, np.uint16)), "PNG", grey),
        "grey of 16 bits in TIFF": (
            Image.fromarray(np.full((4, 6), 90 * 257, np.uint16)),
            "TIFF",
            grey,
        ),
        "floats": (Image.fromarray(np.full((4, 6), 90 / 255, np.float32)), "TIFF", grey),
        "CMYK": (Image.new("RGB", (6, 4), red).convert("CMYK"), "JPEG", red),
        "CMYK in TIFF": (Image.new("RGB", (6, 4), red).convert("CMYK"), "TIFF", red),
        "LAB": (lab, "TIFF", red),
    }


@pytest.mark.parametrize("name", modes())
def test_every_mode(tmp_path, name):
    image, form, colour = modes()[name]
    got = saved(tmp_path / "a", image, form)
    assert got.shape == (4, 6, 3)
    assert np.abs(got - colour).max() <= 5


@pytest.mark.parametrize("form", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_sixteen_bits(tmp_path, form, channels):
    deep = np.full((4, 6, channels), 65535, np.uint16)
    deep[..., :3] = np.array([30, 40, 200]) * 257  # BGR
    path = tmp_path / "a"
    path.write_bytes(cv2.imencode(form, deep)[1].tobytes())
    assert np.abs(read_picture(path).astype(int) - (200, 40, 30)).max() <= 1


def test_colours_of_floats(tmp_path):
    path = tmp_path / "a.tiff"
    floats = np.full((4, 6, 3), (30, 40, 200), np.float32) / 255
    path.write_bytes(cv2.imencode(".tiff", floats)[1].tobytes())
    assert np.abs(read_picture(path).astype(int) - (200, 40, 30)).max() <= 2


def png(pixels, *chunks):
    """A PNG of 16 bits with chunks after its first."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            *(chunk(*one) for one in chunks),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        ]
    )


def test_hdr_in_png(tmp_path):
    numbers = np.rint(pq(light_of(PATCHES, BT2020)) * 65535)
    path = tmp_path / "a.png"
    path.write_bytes(png(numbers[None].repeat(8, 0), (b"cICP", bytes([BT2020, PQ, 0, 1]))))
    assert np.abs(read_picture(path)[4].astype(int) - PATCHES).max() <= 3


def test_primaries_without_a_profile_in_png(tmp_path):
    """Chunk cHRM: white, red, green and blue of Display P3."""
    points = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    path = tmp_path / "a.png"
    chunks = (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *points))
    path.write_bytes(png(soft_chart().astype(np.uint16) * 257, *chunks))
    error = np.abs(read_picture(path) - on_a_screen(soft_chart()))
    assert error.max() <= 6
    plain = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    path.write_bytes(
        png(soft_chart().astype(np.uint16) * 257, (b"cHRM", struct.pack(">8I", *plain)))
    )
    assert np.abs(read_picture(path).astype(int) - soft_chart()).max() <= 1


def test_hdr_in_avif(tmp_path):
    """Ten bits of PQ, as cameras and the HDR screenshots of browsers are."""
    path = tmp_path / "a.avif"
    picture = frame(pq(light_of(PATCHES, BT2020)), PQ, BT2020, form="yuv444p10le")
    with av.open(str(path), "w", format="avif") as film:
        stream = film.add_stream("libsvtav1", 1, options={"crf": "5", "preset": "8"})
        form = "yuv420p10le"
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, form
        context = stream.codec_context
        context.colorspace, context.color_range = BT2020, 1
        context.color_trc, context.color_primaries = PQ, BT2020
        smaller = picture.reformat(format=form)
        smaller.pts, smaller.time_base = 0, Fraction(1)
        smaller.color_trc, smaller.color_primaries = PQ, BT2020
        smaller.colorspace, smaller.color_range = BT2020, 1
        film.mux(stream.encode(smaller))
        film.mux(stream.encode())
    got = read_picture(path)[16, 16::32].astype(int)
    assert np.abs(got - PATCHES)[:4].max() <= 8
    assert got[0].min() >= 248


def test_nothing_is_left_behind_in_pillow(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    read_picture(tmp_path / "a.png")
    assert before == Image.MAX_IMAGE_PIXELS
