"""How good recorded pictures are, and how the encoder's effort follows what is left."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.record import Recording, picture_track
from streamcam.sink.record.effort import EffortControl
from streamcam.sink.record.h264 import CODEC, EFFORTS, Coding

SIZE = 320, 192
RATE = Fraction(30)
QUALITIES = ("small", "good", "best", "lossless")


def form(quality="good", *, realtime=False, rate=RATE):
    return Format(*SIZE, 30, realtime=realtime, rate=None if realtime else rate, quality=quality)


@pytest.fixture(scope="module")
def scene():
    """Lines that turn, soft ground and grain: what a restyled picture is made of."""
    random = np.random.default_rng(5)
    grain = random.integers(-12, 13, (SIZE[1], SIZE[0], 1))
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]

    def picture(number):
        turned = columns * np.cos(number / 40) + rows * np.sin(number / 40)
        lines = -90 / (1 + np.exp(8 * (0.7 - np.sin(turned / 5))))[:, :, None]
        ground = np.stack([rows, columns / 2, rows / 3 + number], -1) + 60
        return np.clip(ground + lines + np.roll(grain, number, 1), 0, 255).astype(np.uint8)

    return [picture(number) for number in range(48)]


def recorded(path, scene, form):
    """Luma and chroma of every picture that comes back, and the bytes that it took."""
    now = [0.0]
    sink = Recording(path, form, clock=lambda: now[0])
    for number, pixels in enumerate(scene):
        now[0] = number / 30
        sink.write(Frame(pixels, number, 0.0, media_time=number / 30, duration=1 / 30))
    sink.close()
    with av.open(str(path)) as file:
        pictures = [picture.to_ndarray() for picture in file.decode(video=0)]
    return np.stack(pictures), path.stat().st_size


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


@pytest.mark.parametrize("realtime", [True, False])
def test_each_quality_is_better_and_larger_than_the_one_before(tmp_path, scene, realtime):
    found = [
        recorded(tmp_path / f"{quality}.mkv", scene, form(quality, realtime=realtime))
        for quality in QUALITIES
    ]
    exact = found[-1][0]
    ratios = [psnr(pictures, exact) for pictures, _ in found[:-1]]
    sizes = [size for _, size in found]
    assert all(one + 2 < other for one, other in pairwise(ratios)), ratios
    assert all(one * 1.2 < other for one, other in pairwise(sizes)), sizes
    assert ratios[1] >= 40 or realtime, "the default, to the same pictures without loss"


def luma_and_chroma(pixels):
    """BT.709, limited range, by its formulas (ITU-R BT.709-6, 3.2 to 3.5); chroma is a mean."""
    red, green, blue = np.moveaxis(pixels.astype(float) / 255, 2, 0)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = [(blue - luma) / 1.8556, (red - luma) / 1.5748]
    height, width = luma.shape
    means = [one.reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for one in chroma]
    return 16 + 219 * luma, *(128 + 224 * one for one in means)


def test_without_loss_pictures_are_those_of_the_standard(tmp_path, scene):
    """Chroma too: of fine colours it is the mean, not one pixel's in four."""
    random = np.random.default_rng(1)
    colours = [random.integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)]
    found, _ = recorded(tmp_path / "out.mkv", colours + scene[:2], form("lossless"))
    for pixels, picture in zip(colours + scene[:2], found, strict=True):
        luma, *chroma = luma_and_chroma(pixels)
        planes = picture[SIZE[1] :].reshape(2, SIZE[1] // 2, SIZE[0] // 2)
        assert np.abs(picture[: SIZE[1]] - luma).max() <= 1.01
        for plane, wanted in zip(planes, chroma, strict=True):
            assert np.abs(plane - wanted).max() <= 1.6
            assert np.abs(plane - wanted).mean() <= 0.5


@pytest.mark.parametrize("quality", ["small", "good", "best"])
@pytest.mark.parametrize("reordered", [True, False])
def test_all_efforts_write_the_same_parameter_sets(quality, reordered):
    """A file has them once, at its front: one encoder may go on where another has ended."""
    coding = Coding(form(quality), RATE, 1 / RATE, reordered)
    sets = []
    for effort in EFFORTS:
        context = av.CodecContext.create(CODEC, "w")
        assert isinstance(context, VideoCodecContext)
        coding.configure(context, effort)
        context.open()
        units = context.extradata.split(b"\0\0\0\1")
        sets.append([unit for unit in units if unit and unit[0] & 31 in (7, 8)])
    assert len(sets[0]) == 2
    assert all(one == sets[0] for one in sets)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("rate", [RATE, None])
def test_a_change_of_effort_loses_no_picture_and_no_quality(
    tmp_path, scene, monkeypatch, suffix, rate
):
    changes = {10: 1, 21: 2, 33: 3, 40: 0}

    class Scripted:
        def __init__(self):
            self.level, self._count = 0, 0

        def changed(self):
            self._count += 1
            self.level = changes.get(self._count, self.level)
            return self._count in changes

    exact, _ = recorded(tmp_path / "exact.mkv", scene, form("lossless", rate=rate))
    monkeypatch.setattr(picture_track, "EffortControl", Scripted)
    path = tmp_path / f"out.{suffix}"
    found, _ = recorded(path, scene, form(rate=rate))
    assert found.shape == exact.shape
    assert psnr(found, exact) >= 40
    assert min(psnr(one, other) for one, other in zip(found, exact, strict=True)) > 36
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
        stamps = [packet.dts for packet in packets if packet.dts is not None]
        assert stamps == sorted(set(stamps))
        base = packets[0].time_base
        times = sorted(float(packet.pts * base) for packet in packets)
        assert times == pytest.approx([number / 30 for number in range(48)], abs=6e-4)
        assert sum(packet.is_keyframe for packet in packets) >= 5


class Machine:
    """A machine with `cores`, whose engine takes so much of a core's time for a picture, and whose
    encoder so much at each effort."""

    def __init__(self, cores, engine, encoder, *, honest=True):
        self.now = 0.0
        self._cores, self._engine, self._encoder, self._honest = cores, engine, encoder, honest
        self._worked = self._looked = 0.0
        self.control = EffortControl(self.idle, lambda: self.now)

    def idle(self):
        passed, worked = self.now - self._looked, self._worked
        self._looked, self._worked = self.now, 0.0
        if not self._honest:
            return 0.9
        return 1 - worked / (passed * self._cores) if passed else 0.0

    def run(self, seconds):
        """The levels that it takes, one a picture."""
        levels, until = [], self.now + seconds
        while self.now < until:
            work = self._engine + self._encoder[self.control.level]
            # The engine is at work on one picture at a time, which all cores may share.
            self.now += max(work / self._cores, self._engine / min(2, self._cores))
            self._worked += work
            self.control.changed()
            levels.append(self.control.level)
        return levels


COSTS = (0.01, 0.016, 0.028, 0.08)  # seconds of a core


def test_two_cores_that_the_engine_fills_get_the_least_effort():
    assert set(Machine(2, 0.04, COSTS).run(60)) == {0}


def test_many_idle_cores_get_the_most():
    levels = Machine(16, 0.04, COSTS).run(60)
    assert levels[-1] == len(EFFORTS) - 1
    assert levels == sorted(levels), "a step at a time, and none back"
    assert levels[0] == 0


def test_effort_stays_where_cores_are_still_idle_but_not_for_more():
    machine = Machine(4, 0.04, COSTS)
    machine.run(60)
    levels = machine.run(60)
    assert min(levels) >= 1
    assert levels.count(levels[-1]) / len(levels) > 0.8, "it settles"


def test_a_quota_that_nobody_sees_is_found_by_the_rate():
    """The processor says that it is idle, and every step makes pictures come later."""
    levels = Machine(1, 0.04, COSTS, honest=False).run(120)
    assert levels.count(0) / len(levels) > 0.85


def test_another_program_that_comes_takes_the_effort_back():
    machine = Machine(16, 0.04, COSTS)
    machine.run(60)
    machine._cores = 2
    assert machine.run(60)[-1] == 0
