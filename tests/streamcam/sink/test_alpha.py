"""Outputs that show nothing behind a person: what they hold is read again, beside exact masks."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from streamcam.errors import SinkFailed, UsageError
from streamcam.flow.curtain import Covered, Curtain
from streamcam.frames import Frame
from streamcam.sink import Format, open_sink, parse, shows_alpha
from streamcam.sink.ndi import open_sink as open_ndi
from streamcam.sink.virtualcam import VirtualCamera

SIZE = WIDTH, HEIGHT = 160, 96
LIVE = Format(*SIZE, 30, alpha=True)
FILE = Format(*SIZE, 30, realtime=False, alpha=True)
SHIRT, KEY = (200, 60, 40), (0, 177, 64)


def exact(number):
    """A disc with a soft edge, which moves; 0 … 255."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.clip((30 - np.hypot(x - 50 - 5 * number, y - 48)) * 40, 0, 255).astype(np.uint8)


def shown(number, *, solid=False):
    """A frame at 30 a second: the disc over KEY, and cut out."""
    alpha = exact(number)
    share = alpha[:, :, None] / 255
    pixels = np.rint(share * SHIRT + (1 - share) * KEY).astype(np.uint8)
    colours = np.where(alpha[:, :, None] > 0, np.uint8(SHIRT), np.uint8(KEY))
    cut_out = None if solid else np.ascontiguousarray(np.dstack((colours, alpha)))
    return Frame(pixels, number, number / 30, number / 30, cut_out=cut_out)


def written(path, form=FILE, count=6):
    """Frames to a file, of which the last is solid."""
    sink = open_sink(str(path), form)
    for number in range(count):
        sink.write(shown(number, solid=number == count - 1))
    sink.close()
    return sink


def decoded(path, decoder=None):
    """(height, width, 4) of every picture."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        if decoder is None:
            pictures = list(file.decode(stream))
        else:
            codec = av.CodecContext.create(decoder, "r")
            pictures = [one for packet in file.demux(stream) for one in codec.decode(packet)]
        return [picture.to_ndarray(format="rgba") for picture in pictures]


def compare(found, count=6):
    """The alpha is the exact one, and inside the colours are the person's."""
    assert len(found) == count
    for number, picture in enumerate(found):
        alpha = exact(number) if number < count - 1 else np.full((HEIGHT, WIDTH), 255)
        apart = np.abs(picture[:, :, 3].astype(int) - alpha)
        assert apart.mean() < 0.5
        inside = cv2.erode(exact(number), np.ones((9, 9))) == 255
        assert np.abs(picture[inside][:, :3].astype(int) - SHIRT).max() < 12


def test_prores_keeps_alpha(tmp_path):
    sink = written(tmp_path / "out.mov")
    assert shows_alpha(sink)
    assert "ProRes 4444 with alpha" in sink.label
    compare(decoded(tmp_path / "out.mov"))


@pytest.mark.parametrize(
    "form", [FILE, Format(*SIZE, 30, realtime=False, alpha=True, quality="lossless")]
)
def test_vp9_keeps_alpha(tmp_path, form):
    """Which FFmpeg's own decoder does not show, as players without alpha do not."""
    sink = written(tmp_path / "out.webm", form)
    assert shows_alpha(sink)
    assert "VP9 with alpha" in sink.label
    compare(decoded(tmp_path / "out.webm", "libvpx-vp9"))
    with av.open(str(tmp_path / "out.webm")) as file:
        assert file.streams.video[0].metadata["alpha_mode"] == "1"  # which browsers look for


def test_live_recordings_keep_it_as_well(tmp_path):
    for name, decoder in (("out.mov", None), ("out.webm", "libvpx-vp9")):
        sink = written(tmp_path / name, LIVE, 2)
        assert sink.paced
        assert decoded(tmp_path / name, decoder)[0][:, :, 3].min() == 0


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("out.mp4", FILE),
        ("out.mkv", FILE),
        ("out.mov", Format(*SIZE, 30, realtime=False)),
        ("out.webm", Format(*SIZE, 30, realtime=False)),
    ],
)
def test_without_alpha_a_file_shows_the_colour(tmp_path, name, form):
    assert not shows_alpha(written(tmp_path / name, form))
    picture = decoded(tmp_path / name)[0]
    assert picture[:, :, 3].min() == 255
    assert np.abs(picture[:8, -8:, :3].astype(int) - KEY).max() < 12


def test_png_files_have_exactly_what_was_shown(tmp_path):
    sink = written(tmp_path / "frames" / "me-%04d.png")
    assert shows_alpha(sink)
    names = sorted(file.name for file in (tmp_path / "frames").iterdir())
    assert names == [f"me-000{number}.png" for number in range(1, 7)]
    read = [cv2.imread(str(tmp_path / "frames" / name), cv2.IMREAD_UNCHANGED) for name in names]
    for number, picture in enumerate(read[:-1]):
        assert np.array_equal(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), shown(number).cut_out)
    assert np.array_equal(read[-1][:, :, ::-1], shown(5).pixels)
    with pytest.raises(SinkFailed, match="closed"):
        sink.write(shown(0))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("one.png", "put a place for their number into its name, like 'one-%06d.png'"),
        ("%d-%d.png", "put a place"),
        ("%s.png", "put a place"),
        ("%05x.png", "put a place"),
        ("a%%d.png", "put a place"),
        ("%d/a%d.png", "not in a folder's"),
        ("no/such/%d.png", "No such file"),
        ("text/%d.png", "choose another folder"),
        ("%03d.png", "may write over '002.png'"),
    ],
)
def test_bad_names_of_sequences_are_refused(tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("no folder")
    (tmp_path / "002.png").write_text("somebody's")
    with pytest.raises(UsageError, match=reason.replace("'s", ".s")):
        open_sink(name, FILE)
    assert (tmp_path / "002.png").read_text() == "somebody's"
    assert parse(name)[0] == "sequence"


def test_a_folder_that_goes_away_is_said(tmp_path):
    sink = open_sink(str(tmp_path / "frames" / "%d.png"), FILE)
    (tmp_path / "frames").rmdir()
    with pytest.raises(SinkFailed, match=r"1\.png cannot be written"):
        sink.write(shown(0))


def test_ndi_sends_alpha_where_there_is_one(ndi):
    sink = open_ndi("", LIVE, ndi)
    assert shows_alpha(sink)
    sink.write(shown(0))
    assert ndi.senders[0].alpha
    assert np.array_equal(ndi.senders[0].whole, shown(0).cut_out)
    sink.write(shown(1, solid=True))
    assert not ndi.senders[0].alpha
    assert ndi.senders[0].whole[:, :, 3].min() == 255


class Unity:
    """Stands in for pyvirtualcam's camera of that name."""

    device = "Unity Video Capture"

    def __init__(self):
        self.sent = []

    def send(self, picture):
        self.sent.append(picture.copy())

    def close(self): ...


def test_unity_capture_gets_alpha_and_others_the_colour():
    camera = Unity()
    sink = VirtualCamera(camera, "RGBA", LIVE)
    assert shows_alpha(sink)
    sink.write(shown(0))
    assert np.array_equal(camera.sent[-1], shown(0).cut_out)
    sink.write(shown(1, solid=True))
    assert np.array_equal(camera.sent[-1][:, :, :3], shown(1).pixels)
    assert not shows_alpha(VirtualCamera(camera, "I420", LIVE))


def test_a_curtain_is_solid_and_a_frozen_picture_stays_cut_out(ndi):
    curtain = Curtain(SIZE)
    sink = Covered(open_ndi("", LIVE, ndi), curtain)
    sender = ndi.senders[0]
    sink.write(shown(0))
    curtain.draw("freeze")
    sink.write(shown(3))
    assert np.array_equal(sender.whole, shown(0).cut_out)
    curtain.draw("card")
    sink.write(shown(4))
    assert sender.whole[:, :, 3].min() == 255
