"""Pixels of X screens that mss refuses, over a stand-in for the server."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.capture.screen.x11 import PixelLayout, PointerImage, XFault, xcb
from streamcam.capture.screen.x11.depth import DepthReader
from streamcam.capture.screen.x11.pointer import draw

TRUE, PSEUDO = xcb.TRUE_COLOR, xcb.PSEUDO_COLOR
LAYOUTS = {
    "15": PixelLayout(15, 16, 32, TRUE, 0x7C00, 0x3E0, 0x1F, 32),
    "16": PixelLayout(16, 16, 32, TRUE, 0xF800, 0x7E0, 0x1F, 64),
    "16, blue first": PixelLayout(16, 16, 32, TRUE, 0x1F, 0x7E0, 0xF800, 64),
    "8, BGR233": PixelLayout(8, 8, 32, TRUE, 0x07, 0x38, 0xC0, 8),
    "12": PixelLayout(12, 16, 32, TRUE, 0xF00, 0xF0, 0xF, 16),
    "24, blue first": PixelLayout(24, 32, 32, TRUE, 0xFF, 0xFF00, 0xFF0000, 256),
    "24": PixelLayout(24, 32, 32, TRUE, 0xFF0000, 0xFF00, 0xFF, 256),
    "30": PixelLayout(30, 32, 32, TRUE, 0x3FF00000, 0xFFC00, 0x3FF, 1024),
    "30, blue first": PixelLayout(30, 32, 32, TRUE, 0x3FF, 0xFFC00, 0x3FF00000, 1024),
    "32, upper ten": PixelLayout(32, 32, 32, TRUE, 0xFFC00000, 0x3FF000, 0xFFC, 1024),
}
_CODES = {8: np.uint8, 16: np.uint16, 32: np.uint32}


class FakeServer:
    """A desktop of these pixels, whose rows are filled up as X does it, with ones."""

    def __init__(self, layout, codes=None, table=None):
        self._layout, self.codes, self.table = layout, codes, table

    def layout(self):
        return self._layout

    @contextmanager
    def picture(self, box):
        x, y = box["left"], box["top"]
        part = self.codes[y : y + box["height"], x : x + box["width"]]
        rows = part.astype(_CODES[self._layout.bits_per_pixel]).view(np.uint8)
        fill = -rows.shape[1] % (self._layout.scanline_pad // 8)
        yield np.pad(rows, ((0, 0), (0, fill)), constant_values=255).ravel()

    def colours(self, count):
        return self.table[:count]


def taken(reader, codes, left=0, top=0):
    height, width = codes.shape[0] - top, codes.shape[1] - left
    shot = reader.take({"left": left, "top": top, "width": width, "height": height})
    assert (shot.width, shot.height) == (width, height)
    return np.frombuffer(shot.raw, np.uint8).reshape(height, width, 4)[..., 2::-1]


def meant(code, layout):
    """The colour of a pixel, in Python's own integers: the nearest of 8 bits, at most one off where
    there were more."""
    colours = []
    for mask in (layout.red, layout.green, layout.blue):
        bits = [index for index in range(32) if mask >> index & 1]
        value = sum((code >> index & 1) << place for place, index in enumerate(bits))
        colours.append(value * 255 / (2 ** len(bits) - 1))
    return colours


@settings(max_examples=25, deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_pixel_is_the_colour_that_its_bits_say(name, data):
    layout = LAYOUTS[name]
    width, height = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 4))
    pixel = st.integers(0, 2**layout.bits_per_pixel - 1)  # also bits that are in no mask
    codes = data.draw(st.lists(pixel, min_size=width * height, max_size=width * height))
    codes = np.array(codes, np.uint64).reshape(height, width)
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    picture = taken(DepthReader(FakeServer(layout, codes)), codes, left, top)
    wanted = [[meant(int(code), layout) for code in row] for row in codes[top:, left:]]
    assert np.abs(picture - np.array(wanted)).max() <= (0.5 if layout.bits_per_pixel < 32 else 0.76)


def test_numbered_colours_are_those_of_the_moment():
    table = np.random.default_rng(1).integers(0, 256, (256, 3), np.uint8)
    codes = np.arange(256).reshape(16, 16)
    server = FakeServer(PixelLayout(8, 8, 32, PSEUDO, 0, 0, 0, 256), codes, table)
    reader = DepthReader(server)
    assert np.array_equal(taken(reader, codes), table.reshape(16, 16, 3))
    server.table = table[::-1]  # a program has its own
    assert np.array_equal(taken(reader, codes), table[::-1].reshape(16, 16, 3))


def test_a_picture_of_another_size_follows():
    codes = np.zeros((6, 5), np.uint64)
    reader = DepthReader(FakeServer(LAYOUTS["30"], codes))
    assert taken(reader, codes).shape == (6, 5, 3)
    assert taken(reader, codes, left=2).shape == (6, 3, 3)


@pytest.mark.parametrize(
    "layout",
    [
        PixelLayout(1, 1, 32, xcb.STATIC_GRAY, 0, 0, 0, 2),
        PixelLayout(4, 4, 32, xcb.GRAY_SCALE, 0, 0, 0, 16),
        PixelLayout(24, 24, 32, TRUE, 0xFF0000, 0xFF00, 0xFF, 256),
        PixelLayout(16, 32, 32, TRUE, 0xF800, 0x7E0, 0x1F, 64),
        PixelLayout(16, 16, 32, TRUE, 0, 0, 0, 64),
        PixelLayout(12, 16, 32, PSEUDO, 0, 0, 0, 100_000),
    ],
)
def test_what_cannot_be_read_names_the_depth_and_the_remedy(layout):
    with pytest.raises(XFault, match=rf"its depth is {layout.depth}, .*-screen 0 1280x720x24"):
        DepthReader(FakeServer(layout))


@settings(max_examples=25, deadline=None)
@given(st.integers(-12, 24), st.integers(-12, 20), st.integers(-5, 5), st.integers(-5, 5))
def test_the_pointer_is_blended_in_its_place_and_nowhere_else(x, y, left, top):
    """Against the sum of light, in floating point, pixel by pixel."""
    random = np.random.default_rng(5)
    alpha = random.integers(0, 256, (9, 7, 1))
    alpha[0], alpha[1] = 0, 255
    multiplied = np.rint(random.integers(0, 256, (9, 7, 3)) * alpha / 255)
    look = np.dstack([multiplied, alpha]).astype(np.uint8)
    desk = random.integers(0, 256, (16, 20, 4), np.uint8)
    picture = desk.copy()
    draw(PointerImage(x, y, look), picture, left, top)
    for row, column in np.ndindex(16, 20):
        dy, dx = row + top - y, column + left - x
        wanted = desk[row, column, :3].astype(float)
        if 0 <= dy < 9 and 0 <= dx < 7:
            wanted = look[dy, dx, :3] + wanted * (1 - look[dy, dx, 3] / 255)
        assert np.abs(picture[row, column, :3] - np.minimum(wanted, 255)).max() <= 0.51


def test_light_that_is_more_than_white_is_white():
    """Old pointers have colours without an alpha that would allow them."""
    desk = np.full((2, 2, 4), 200, np.uint8)
    draw(PointerImage(0, 0, np.full((2, 2, 4), (250, 250, 250, 0), np.uint8)), desk, 0, 0)
    assert desk[..., :3].min() == 255
