"""A file is what it holds, whatever its name says."""

from __future__ import annotations

import gzip
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from streamcam.capture import Wanted, open_source, parse
from streamcam.errors import UsageError


def picture(form, count=1, **more):
    """A small picture, or an animation of `count` that can be told apart."""
    frames = [Image.new("RGB", (60, 40), (40 * index, 90, 30)) for index in range(count)]
    written = BytesIO()
    if count > 1:
        more |= {"save_all": True, "append_images": frames[1:], "duration": 200}
    frames[0].save(written, form, **more)
    return written.getvalue()


def motion_jpeg():
    return b"".join(picture("JPEG") for _ in range(5))


def two_views():
    """A photograph with a second picture behind it, as telephones write them."""
    return picture("MPO", 2)


def with_film():
    """A photograph with a short film behind it."""
    return picture("JPEG") + b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100)


HOLD = {
    "PNG": (lambda: picture("PNG"), "image"),
    "JPEG": (lambda: picture("JPEG"), "image"),
    "WebP": (lambda: picture("WEBP"), "image"),
    "AVIF": (lambda: picture("AVIF"), "image"),
    "TIFF": (lambda: picture("TIFF"), "image"),
    "TIFF of pages": (lambda: picture("TIFF", 2), "image"),
    "BMP": (lambda: picture("BMP"), "image"),
    "GIF": (lambda: picture("GIF"), "image"),
    "PPM": (lambda: picture("PPM"), "image"),
    "JPEG 2000": (lambda: picture("JPEG2000"), "image"),
    "icon": (lambda: picture("ICO"), "image"),
    "two views": (two_views, "image"),
    "photo with film": (with_film, "image"),
    "animated GIF": (lambda: picture("GIF", 3), "video"),
    "animated PNG": (lambda: picture("PNG", 3), "video"),
    "animated WebP": (lambda: picture("WEBP", 3), "video"),
    "animated AVIF": (lambda: picture("AVIF", 3), "video"),
}


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.mp4", "a", "a.gif", "a.txt"])
@pytest.mark.parametrize("content", HOLD)
def test_the_content_decides(tmp_path, content, name):
    path = tmp_path / name
    make, kind = HOLD[content]
    path.write_bytes(make())
    assert parse(str(path)) == (kind, str(path))
    source = open_source(str(path), Wanted(realtime=False, loop=False))
    assert source.read().pixels.shape[2] == 3
    source.close()


def test_a_film_of_jpegs_plays(tmp_path):
    path = tmp_path / "a.mjpeg"
    path.write_bytes(motion_jpeg())
    source = open_source(str(path), Wanted(realtime=False, loop=False))
    assert [source.read().seq for _ in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.heic", "a"])
def test_a_film_with_the_name_of_a_picture_plays(make_film, name):
    path = make_film(times=4)
    renamed = path.rename(path.with_name(name))
    source = open_source(str(renamed), Wanted(realtime=False, loop=False))
    assert [source.read().seq for _ in range(4)] == [0, 1, 2, 3]


def test_what_is_named_a_video_and_is_a_picture(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(picture("PNG"))
    source = open_source(f"video:{path}", Wanted(realtime=False, loop=False))
    assert source.read().pixels[20, 30].tolist() == [0, 90, 30]
    with pytest.raises(EOFError):
        source.read()


REFUSED = {
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\n", "PDF"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "SVG"),
    "SVG with head": (
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<svg width="9" height="9"></svg>',
        "SVG",
    ),
    "SVG, packed": (gzip.compress(b"<svg></svg>"), "SVG"),
    "JPEG XL": (b"\xff\x0a\xfa\x7f\x01\x90", "JPEG XL"),
    "JPEG XL in a box": (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    "raw, Fuji": (b"FUJIFILMCCD-RAW 0201", "raw"),
    "raw, Canon": (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "raw"),
}


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.svgz", "a"])
@pytest.mark.parametrize("content", REFUSED)
def test_documents_and_unreadable_pictures_are_named(tmp_path, content, name):
    path = tmp_path / name
    data, word = REFUSED[content]
    path.write_bytes(data + bytes(64))
    with pytest.raises(UsageError, match=word) as refusal:
        open_source(str(path), Wanted())
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "PNG" in str(refusal.value)  # what to do instead


@pytest.mark.parametrize("tags", [{254: 1, 330: 8}, {50706: b"\x01\x04\0\0"}])
def test_a_raw_file_in_the_clothes_of_a_tiff_is_named(tmp_path, tags):
    """Its first picture is a thumbnail, and what it is about no picture yet."""
    path = tmp_path / "a.dng"
    Image.new("RGB", (16, 12)).save(path, "TIFF", tiffinfo=tags)
    with pytest.raises(UsageError, match="raw"):
        open_source(str(path), Wanted())


def test_empty_and_unknown_files_are_refused_by_their_name(tmp_path):
    for name, word in (("a.png", "no picture"), ("a.mp4", "damaged"), ("a.heic", "no picture")):
        path = tmp_path / name
        for content in (b"", b"neither this nor that " * 40):
            path.write_bytes(content)
            with pytest.raises(UsageError, match=f"{word}|no video") as refusal:
                open_source(str(path), Wanted())
            assert "\n" not in str(refusal.value)


def test_a_photograph_that_is_cut_short_is_refused(tmp_path):
    big = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    for form in (".jpg", ".png", ".webp"):
        path = tmp_path / f"a{form}"
        data = cv2.imencode(form, big)[1].tobytes()
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(UsageError, match="no picture, or damaged"):
            open_source(str(path), Wanted())
