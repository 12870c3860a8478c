"""HEIC and AVIF: whole, upright, in the right colours, whatever they are put together from."""

from __future__ import annotations

import struct
from io import BytesIO

import heif_writer as heic
import numpy as np
import pytest
from heif_writer import Heic
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from streamcam.capture import Wanted, open_source
from streamcam.capture.image import read_picture
from streamcam.errors import UsageError

LABELS = heic.labelled(1, 13, 5)


def chart(width=150, height=100):
    """Every part of it is told from every other."""
    y, x = np.mgrid[:height, :width]
    return np.stack([40 + x, 40 + 2 * y, 200 - x // 2 - y // 2], -1).astype(np.uint8)


def soft_chart():
    """Colours that are on a screen, whichever of the two primaries they have."""
    return (chart() * 0.4 + 80).astype(np.uint8)


def one(tmp_path, picture, name="a.heic"):
    path = tmp_path / name
    path.write_bytes(picture.written())
    return path


def shown(path):
    return read_picture(path).astype(int)


@pytest.mark.parametrize("tile", [64, 128])
def test_a_photograph_in_tiles_is_whole(tmp_path, tile):
    picture = Heic()
    picture.primary = picture.grid(chart(), tile, LABELS)
    path = one(tmp_path, picture)
    assert open_source(str(path), Wanted()).label == "picture a.heic, 150x100"
    assert np.abs(shown(path) - chart()).max() <= 3


STEPS = {
    "turned": [heic.turned(3)],
    "mirrored": [heic.mirrored(sideways=True)],
    "upside down": [heic.mirrored(sideways=False)],
    "turned and mirrored": [heic.turned(1), heic.mirrored(sideways=True)],
    "mirrored and turned": [heic.mirrored(sideways=True), heic.turned(1)],
    "cut and turned": [heic.cut(60, 40, 10, -20), heic.turned(1)],
}
EXPECTED = {
    "turned": lambda p: np.rot90(p, 3),
    "mirrored": lambda p: np.fliplr(p),
    "upside down": lambda p: np.flipud(p),
    "turned and mirrored": lambda p: np.fliplr(np.rot90(p)),
    "mirrored and turned": lambda p: np.rot90(np.fliplr(p)),
    "cut and turned": lambda p: np.rot90(p[10:50, 55:115]),
}


@pytest.mark.parametrize("tiled", [True, False])
@pytest.mark.parametrize("name", STEPS)
def test_turns_mirrors_and_cuts_in_the_order_of_the_file(tmp_path, name, tiled):
    picture = Heic()
    properties = LABELS, *STEPS[name]
    picture.primary = (
        picture.grid(chart(), 64, *properties) if tiled else picture.picture(chart(), *properties)
    )
    got = shown(one(tmp_path, picture))
    expected = EXPECTED[name](chart())
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 3


def test_a_derived_picture_is_turned_after_what_it_is_made_of(tmp_path):
    picture = Heic()
    grid = picture.grid(chart(), 64, LABELS, heic.mirrored(sideways=True))
    picture.primary = picture.item(b"iden", heic.turned(1))
    picture.refer(b"dimg", picture.primary, [grid])
    expected = np.rot90(np.fliplr(chart()))
    assert np.abs(shown(one(tmp_path, picture)) - expected).max() <= 3


def test_transparent_parts_are_white(tmp_path):
    picture = Heic()
    picture.primary = picture.picture(chart(), LABELS, heic.turned(1))
    alpha = np.full((100, 150), 255, np.uint8)
    alpha[:, 50:100], alpha[:, 100:] = 128, 0
    number = picture.picture(alpha, heic.ALPHA, heic.turned(1), form="gray", hidden=True)
    picture.refer(b"auxl", number, [picture.primary])
    share = alpha[..., None] / 255
    expected = np.rot90(chart() * share + 255 * (1 - share))
    assert np.abs(shown(one(tmp_path, picture)) - expected).max() <= 4


def test_a_profile_goes_before_labels(tmp_path):
    """Telephones write Display P3 as a profile; the numbers beside it give the matrix."""
    profile = display_p3()
    picture = Heic()
    picture.primary = picture.grid(soft_chart(), 64, LABELS, heic.profiled(profile))
    expected = np.asarray(
        ImageCms.profileToProfile(
            Image.fromarray(soft_chart()), BytesIO(profile), ImageCms.createProfile("sRGB")
        )
    )
    # The rounding of YUV before it is larger after it.
    assert np.abs(shown(one(tmp_path, picture)) - expected).max() <= 6
    assert np.abs(expected.astype(int) - soft_chart()).max() >= 10


def test_labels_of_display_p3(tmp_path):
    picture = Heic()
    picture.primary = picture.picture(soft_chart(), heic.labelled(12, 13, 5))
    expected = np.asarray(
        ImageCms.profileToProfile(
            Image.fromarray(soft_chart()), BytesIO(display_p3()), ImageCms.createProfile("sRGB")
        )
    )
    assert np.abs(shown(one(tmp_path, picture)) - expected).max() <= 6


def display_p3() -> bytes:
    """A profile of Display P3: sRGB's own with other colorants (D50, as profiles are)."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    colorants = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for index in range(int.from_bytes(data[128:132], "big")):
        at = 132 + 12 * index
        name, offset = bytes(data[at : at + 4]), int.from_bytes(data[at + 4 : at + 8], "big")
        for channel, value in enumerate(colorants.get(name, ())):
            begin = offset + 8 + 4 * channel
            data[begin : begin + 4] = round(value * 65536).to_bytes(4, "big", signed=True)
    return bytes(data)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo", "film.mp4"])
def test_it_is_told_by_its_content(tmp_path, name):
    picture = Heic()
    picture.primary = picture.grid(chart(), 64, LABELS)
    assert open_source(str(one(tmp_path, picture, name)), Wanted()).label.startswith("picture")


def test_a_large_one(tmp_path):
    """Twelve megapixels in tiles of 512, as telephones write them."""
    picture = Heic()
    tile = np.full((512, 512, 3), (90, 120, 60), np.uint8)
    parts = [picture.picture(tile, hidden=True)]
    configuration, data = picture.properties[0], picture.data[0][1]
    for _ in range(47):
        parts.append(picture.item(b"hvc1", configuration, picture.properties[1], hidden=True))
        picture.data.append((parts[-1], data))
    picture.primary = picture.item(b"grid", LABELS)
    grid = struct.pack(">BBBBHH", 0, 0, 5, 7, 4032, 3024)
    picture.inside.append((picture.primary, grid))
    picture.refer(b"dimg", picture.primary, parts)
    pixels = shown(one(tmp_path, picture))
    assert pixels.shape == (1536, 2048, 3)
    assert np.abs(pixels - (90, 120, 60)).max() <= 3


def test_what_cannot_be_put_together_is_refused_in_one_line(tmp_path):
    picture = Heic()
    picture.primary = picture.grid(chart(), 64, LABELS)
    picture.data = picture.data[:-1]
    with pytest.raises(UsageError, match="no picture, or damaged"):
        read_picture(one(tmp_path, picture))


@settings(max_examples=60, deadline=None)
@given(damage=st.lists(st.tuples(st.integers(24, 700), st.integers(0, 255)), min_size=1))
def test_damage_is_refused_or_shown(tmp_path_factory, damage):
    picture = Heic()
    picture.primary = picture.item(b"grid", LABELS, heic.turned(1))
    part = picture.item(b"hvc1", LABELS, hidden=True)
    picture.inside.append((picture.primary, bytes([0, 0, 0, 0, 0, 64, 0, 64])))
    picture.refer(b"dimg", picture.primary, [part])
    data = bytearray(picture.written())
    for at, value in damage:
        data[at % len(data)] = value
    path = tmp_path_factory.mktemp("damaged") / "a.heic"
    path.write_bytes(data)
    with pytest.raises(UsageError):
        open_source(f"image:{path}", Wanted())
