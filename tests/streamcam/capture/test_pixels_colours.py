"""HDR and wide colours, against the formulas of ITU-R BT.2100, BT.2020 and BT.1886."""

from __future__ import annotations

import av
import numpy as np
import pytest

from streamcam.capture import Wanted, open_source
from streamcam.pixels import Conversion

PQ, HLG, SDR, SRGB = 16, 18, 14, 13  # transfers; primaries and matrices below: ITU-T H.273
BT709, PAL, NTSC, BT2020, DISPLAY_P3 = 1, 5, 6, 9, 12
WHITE = 203  # nits

# From light of BT.709 to light of these primaries, as published (BT.2087, EBU, Apple).
TO = {
    BT709: np.eye(3),
    BT2020: np.array(
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    ),
    DISPLAY_P3: np.array(
        [[0.8225, 0.1774, 0.0000], [0.0332, 0.9669, 0.0000], [0.0171, 0.0724, 0.9108]]
    ),
    PAL: np.array([[0.9578, 0.0422, 0.0000], [0.0000, 1.0000, 0.0000], [0.0000, -0.0120, 1.0118]]),
}
PATCHES = np.array(
    [
        (255, 255, 255),
        (128, 128, 128),
        (20, 20, 20),
        (200, 30, 30),
        (30, 200, 30),
        (30, 30, 200),
        (230, 190, 160),
    ],
    float,
)


def pq(light):
    """Numbers of PQ for light in nits."""
    power = (light / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(light):
    """Numbers of HLG for light in nits on a screen of 1000."""
    shown = light / 1000
    scene = shown * (shown @ [0.2627, 0.6780, 0.0593])[..., None] ** (1 / 1.2 - 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def sdr(light):
    return (light / WHITE) ** (1 / 2.4)


CURVES = {PQ: pq, HLG: hlg, SDR: sdr}
LUMA = {BT2020: (0.2627, 0.0593), BT709: (0.2126, 0.0722), NTSC: (0.299, 0.114)}


def frame(numbers, transfer, primaries, matrix=BT2020, form="yuv444p12le"):
    """A picture in limited range with a column of 32 pixels for each RGB of `numbers`."""
    red, blue = LUMA[matrix]
    luma = numbers @ [red, 1 - red - blue, blue]
    planes = (
        256 + 3504 * luma,
        2048 + 3584 * (numbers[:, 2] - luma) / (2 - 2 * blue),
        2048 + 3584 * (numbers[:, 0] - luma) / (2 - 2 * red),
    )
    picture = av.VideoFrame(32 * len(numbers), 32, "yuv444p12le")
    for plane, values in zip(picture.planes, planes, strict=True):
        rows = np.zeros((32, plane.line_size // 2), np.uint16)
        rows[:, : 32 * len(numbers)] = np.repeat(np.round(values), 32)
        plane.update(rows.tobytes())
    if form != "yuv444p12le":
        picture = picture.reformat(format=form)
    picture.colorspace, picture.color_range = matrix, 1
    picture.color_trc, picture.color_primaries = transfer, primaries
    return picture


def shown(picture):
    """The RGB of each column."""
    return Conversion().pixels(picture)[16, 16::32].astype(int)


def light_of(patches, primaries):
    return np.maximum((patches / 255) ** 2.4 @ TO[primaries].T, 0) * WHITE


@pytest.mark.parametrize("primaries", [BT2020, DISPLAY_P3])
@pytest.mark.parametrize("transfer", CURVES)
def test_a_screens_colours_come_back_from_every_light(transfer, primaries):
    picture = frame(CURVES[transfer](light_of(PATCHES, primaries)), transfer, primaries)
    got = shown(picture)
    assert np.abs(got - PATCHES)[1:].max() <= 3
    assert got[0].min() >= (255 if transfer == SDR else 251)


@pytest.mark.parametrize("form", ["yuv420p10le", "p010le", "yuv422p10le"])
def test_every_depth_and_layout_of_hdr(form):
    numbers = pq(light_of(PATCHES, BT2020))
    got = shown(frame(numbers, PQ, BT2020, form=form))
    # Ten bits of PQ are steps of 1 % of light, which dark channels beside bright ones feel.
    assert np.abs(got - PATCHES).max() <= 8
    assert np.abs(got - PATCHES)[:4].max() <= 4


@pytest.mark.parametrize(("form", "depth"), [("gbrp", 8), ("gbrp10le", 10), ("gbrp12le", 12)])
def test_hdr_in_rgb(form, depth):
    numbers = np.round(pq(light_of(PATCHES, BT2020)) * ((1 << depth) - 1))
    picture = av.VideoFrame(32 * len(numbers), 32, form)
    kind = np.uint8 if depth == 8 else np.uint16
    for plane, channel in zip(picture.planes, (1, 2, 0), strict=True):
        rows = np.zeros((32, plane.line_size // kind().itemsize), kind)
        rows[:, : picture.width] = np.repeat(numbers[:, channel], 32)
        plane.update(rows.tobytes())
    picture.color_trc, picture.color_primaries = PQ, BT2020
    got = shown(picture)
    assert np.abs(got - PATCHES)[:3].max() <= 4  # greys
    if depth > 8:  # eight bits are too few for more
        assert np.abs(got - PATCHES).max() <= 8


@pytest.mark.parametrize("form", ["yuv444p", "yuv420p10le", "yuv444p12le"])
@pytest.mark.parametrize("full", [True, False])
def test_white_is_white_in_every_depth_and_range(form, full):
    depth = {"yuv444p": 8, "yuv420p10le": 10, "yuv444p12le": 12}[form]
    picture = av.VideoFrame(64, 32, form)
    for index, plane in enumerate(picture.planes):
        white = (1 << depth) - 1 if full else 235 << depth - 8
        number = 1 << depth - 1 if index else white
        kind = np.uint8 if depth == 8 else np.uint16
        plane.update(np.full(plane.buffer_size // kind().itemsize, number, kind).tobytes())
    picture.color_range, picture.colorspace = 2 if full else 1, BT2020
    picture.color_trc, picture.color_primaries = SDR, BT2020
    assert (Conversion().pixels(picture) == 255).all()


def test_pal_colours_come_back():
    numbers = sdr(light_of(PATCHES, PAL))
    assert np.abs(shown(frame(numbers, 5, PAL, NTSC)) - PATCHES).max() <= 3


def test_every_known_primaries_keep_white_white():
    grey = np.full((1, 3), 0.5)
    for primaries in (4, 5, 6, 7, 8, 9, 11, 12, 22):
        assert np.abs(shown(frame(grey, 1, primaries)) - 127.5).max() <= 1


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_what_is_brighter_than_paper_is_told_apart_and_never_wraps(transfer):
    nits = np.array([100, 203, 300, 1000, *((4000, 10_000) if transfer == PQ else ())], float)
    grey = shown(frame(CURVES[transfer](np.repeat(nits[:, None], 3, 1)), transfer, BT2020))
    assert np.ptp(grey, axis=1).max() == 0
    assert grey[0, 0] == pytest.approx(255 * (100 / 203) ** (1 / 2.4), abs=2)
    assert 251 <= grey[1, 0] < grey[2, 0] <= grey[3, 0]
    assert (grey[3:] == 255).all()


def test_a_bright_colour_keeps_its_hue():
    """Clipping each channel makes yellow of bright orange; scaling them alike does not."""
    orange = np.array([[1.0, 0.4, 0.1]])
    for nits in (203, 1000, 4000):
        light = orange @ TO[BT2020].T * nits
        got = shown(frame(pq(light), PQ, BT2020))[0] / 255
        assert got[0] >= 0.98
        assert (got[1:] / got[0]) ** 2.4 == pytest.approx(orange[0, 1:], abs=0.02)


def test_a_colour_beyond_a_screen_loses_saturation_and_keeps_its_hue():
    green = np.array([[0.0, 1.0, 0.0], [0.05, 1.0, 0.05]]) * 100
    got = shown(frame(pq(green), PQ, BT2020))
    assert (got[:, 1] > got[:, 0] + 60).all()
    assert (got[:, 1] > got[:, 2] + 60).all()
    assert (got >= 0).all()


@pytest.mark.parametrize("transfer", [1, 2, 6, SDR, SRGB])
@pytest.mark.parametrize("primaries", [BT709, 2])
def test_ordinary_colours_are_what_the_matrix_says(transfer, primaries):
    """No curve of SDR is bent into another: players show them all alike."""
    numbers = PATCHES / 255
    assert np.abs(shown(frame(numbers, transfer, primaries, BT709)) - PATCHES).max() <= 2


def test_the_labels_travel_from_a_file_to_the_screen(tmp_path):
    path = tmp_path / "hdr.mkv"
    picture = frame(pq(light_of(PATCHES, BT2020)), PQ, BT2020, form="yuv444p10le")
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", 10)
        stream.width, stream.height, stream.pix_fmt = picture.width, 32, "yuv444p10le"
        context = stream.codec_context
        context.colorspace, context.color_range = BT2020, 1
        context.color_trc, context.color_primaries = PQ, BT2020
        picture.pts = 0
        film.mux(stream.encode(picture))
        film.mux(stream.encode())
    got = open_source(str(path), Wanted(realtime=False, loop=False)).read().pixels
    assert np.abs(got[16, 16::32].astype(int) - PATCHES)[:4].max() <= 4


def test_black_beside_what_no_screen_shows_is_black():
    numbers = np.array([(0.0, 0.0, 0.0), (0.0, 0.6, 0.0), (1.0, 1.0, 1.0)])
    got = shown(frame(numbers, PQ, BT2020))
    assert got[0].tolist() == [0, 0, 0]
    assert got[2].tolist() == [255, 255, 255]
