from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from streamcam.capture import Wanted, open_source
from streamcam.capture.image import ImageSource, read_picture
from streamcam.errors import UsageError


def halves(height=40, width=60):
    """BGR: left half red, right half blue."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 2] = picture[:, width // 2 :, 0] = 255
    return picture


def test_a_picture_comes_at_the_wanted_rate_without_end(tmp_path, clock):
    source = ImageSource("p", np.zeros((2, 2, 3), np.uint8), Wanted(fps=5, loop=False), clock)
    frames = [source.read() for _ in range(11)]
    assert frames[-1].captured_at - frames[0].captured_at == pytest.approx(2.0)
    assert frames[-1].media_time == pytest.approx(2.0)


def test_rendered_to_a_file_it_comes_once(clock):
    source = ImageSource(
        "p", np.zeros((2, 2, 3), np.uint8), Wanted(realtime=False, loop=False), clock
    )
    assert source.read().seq == 0
    with pytest.raises(EOFError):
        source.read()
    assert clock.sleeps == []


def test_looped_at_once_it_never_waits(clock):
    source = ImageSource("p", np.zeros((2, 2, 3), np.uint8), Wanted(realtime=False), clock)
    assert [source.read().seq for _ in range(50)] == list(range(50))
    assert clock.sleeps == []


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jpeg", "a.bmp", "a.webp", "ünï 猫.png"])
def test_reads_every_kind_of_picture(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(cv2.imencode(path.suffix, halves())[1].tobytes())
    source = open_source(str(path), Wanted())
    assert source.label == f"picture {name}, 60x40"
    pixels = source.read().pixels.astype(int)
    assert np.abs(pixels[20, 8] - (255, 0, 0)).max() < 12
    assert np.abs(pixels[20, 52] - (0, 0, 255)).max() < 12


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_transparent_parts_are_white(tmp_path, suffix, depth):
    if suffix == ".webp" and depth == np.uint16:
        depth = np.uint8  # WebP has no more
    full = np.iinfo(depth).max
    picture = np.zeros((10, 30, 4), depth)
    picture[..., 2] = full  # red
    picture[:, 10:20, 3] = full // 2
    picture[:, 20:, 3] = full
    path = tmp_path / f"cut-out{suffix}"
    quality = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []  # lossless
    path.write_bytes(cv2.imencode(suffix, picture, quality)[1].tobytes())
    pixels = read_picture(path).astype(int)
    assert pixels[5, 2].tolist() == [255, 255, 255]
    assert np.abs(pixels[5, 15] - (255, 127, 127)).max() <= 2
    assert pixels[5, 25].tolist() == [255, 0, 0]


def test_deep_and_grey_pictures_become_8_bit_rgb(tmp_path):
    path = tmp_path / "deep.png"
    path.write_bytes(cv2.imencode(".png", halves().astype(np.uint16) * 257)[1].tobytes())
    assert read_picture(path)[20, 8].tolist() == [255, 0, 0]
    path.write_bytes(cv2.imencode(".png", np.full((4, 6), 90, np.uint8))[1].tobytes())
    assert read_picture(path).shape == (4, 6, 3)
    assert read_picture(path)[1, 1].tolist() == [90, 90, 90]


def with_orientation(jpeg: bytes, value: int) -> bytes:
    """The JPEG with an EXIF block that says how it was held."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, value, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def test_photographs_are_turned_upright(tmp_path):
    path = tmp_path / "held-upright.jpg"
    path.write_bytes(with_orientation(cv2.imencode(".jpg", halves())[1].tobytes(), 6))
    pixels = read_picture(path).astype(int)
    assert pixels.shape == (60, 40, 3)
    assert pixels[8, 20, 0] > 200  # what was left is on top
    assert pixels[52, 20, 2] > 200


def test_huge_pictures_are_made_smaller(tmp_path):
    path = tmp_path / "huge.jpg"
    path.write_bytes(cv2.imencode(".jpg", halves(1000, 5000))[1].tobytes())
    pixels = read_picture(path)
    assert pixels.shape == (410, 2048, 3)
    assert pixels.flags.c_contiguous


def a_bomb() -> bytes:
    """A PNG that claims more pixels than anybody has memory for."""
    head = struct.pack(">IIBBBBB", 2**30, 2**30, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


@pytest.mark.parametrize(
    "data", [b"", b"no picture", cv2.imencode(".png", halves())[1].tobytes()[:60], a_bomb()]
)
def test_what_is_no_picture_is_refused_in_one_line(tmp_path, capfd, data):
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="no picture, or damaged") as refusal:
        open_source(str(path), Wanted())
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


def test_a_missing_picture_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        open_source(f"image:{tmp_path / 'nothing.png'}", Wanted())
    with pytest.raises(UsageError, match=r"directory|denied"):
        open_source(f"image:{tmp_path}", Wanted())
    with pytest.raises(UsageError, match="image:FILE"):
        open_source("image", Wanted())
