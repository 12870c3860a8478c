"""Whole live runs with the resolve stage on: a slow engine, and what viewers see meanwhile."""

from dataclasses import replace
from time import perf_counter, sleep

import cv2
import numpy as np
import pytest
from fake_world import Device, FakeEngine, FakeSink, make_preset
from waiting import wait_until

from engines.errors import EngineFailed
from streamcam.frames import Frame

SIZE = (448, 256)
MARK = (255, 0, 255)


class Camera(Device):
    """A grey scene that the camera pans over, with a magenta marker that no look of ours has."""

    label, fps, film, notice = "fake camera", 50.0, None, ""
    width, height = SIZE

    def __init__(self, *, still=False, marked=False, pace=0.02, grain=3.0):
        super().__init__()
        rng = np.random.default_rng(1)
        light = cv2.GaussianBlur(rng.random((320, 1000), np.float32), (0, 0), grain)
        grey = cv2.normalize(light, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
        self.scene = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
        self.still, self.marked, self.pace, self.seq = still, marked, pace, 0

    def read(self):
        self.used()
        sleep(self.pace)
        left = 20 if self.still else 20 + 2 * (self.seq % 250)
        pixels = np.ascontiguousarray(self.scene[30 : 30 + SIZE[1], left : left + SIZE[0]])
        if self.marked:
            pixels[60:120, 100:200] = MARK
        frame = Frame(pixels, self.seq, perf_counter())
        self.seq += 1
        return frame


class Stylist(FakeEngine):
    """A look without a colour: the inverted green channel."""

    def run(self, frame_HWC, params, out_HWC=None):
        out = super().run(frame_HWC, params, out_HWC)
        grey = 255 - out[:, :, 1]
        out[:] = grey[:, :, None]
        return out


class Viewer(FakeSink):
    """Keeps whole frames."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.seen = []

    def write(self, frame):
        self.seen.append(frame)
        super().write(frame)

    def new(self):
        return [frame for frame in self.seen if not frame.repeat]

    def colours(self):
        """Levels: 4 are the rounding of chroma in 8 bits; the camera's would be a hundred."""
        return max(int((f.pixels.max(2).astype(int) - f.pixels.min(2)).max()) for f in self.seen)


def _preset(mode="guided", **fields):
    output = {"size": "448x256", "fps": 50.0}
    return make_preset(**{"output": output, "resolve": {"mode": mode}, **fields})


def _run(world, camera, preset, seconds=0.06, **options):
    world.source = camera
    world.sinks = {"fake": Viewer()}
    world.make_engine = lambda spec: Stylist(spec, seconds=seconds)
    pipeline = world.pipeline(
        preset=preset, **{"size": (224, 128), "outputs": ("fake",), **options}
    )
    pipeline.start()
    return pipeline, world.sinks["fake"]


@pytest.mark.parametrize("mode", ["guided", "warped", "auto"])
def test_every_frame_is_shown_though_the_engine_is_slower(world, mode):
    pipeline, viewer = _run(world, Camera(), _preset(mode))
    assert viewer.reached(60)
    pipeline.stop()
    resolved = [frame for frame in viewer.seen if frame.styled_at is not None]
    assert len(resolved) > 40
    engine_runs = sum(engine.runs for engine in world.engines)
    assert len({frame.seq for frame in resolved}) > 1.5 * engine_runs
    assert all(frame.captured_at >= frame.styled_at for frame in resolved)
    stamps = [frame.captured_at for frame in resolved]
    assert stamps == sorted(stamps)
    world.check_closed()


def test_off_shows_the_engines_pictures(world):
    pipeline, viewer = _run(world, Camera(), _preset("off"))
    assert viewer.reached(10)
    pipeline.stop()
    assert all(frame.styled_at is None for frame in viewer.seen)


@pytest.mark.parametrize("mode", ["guided", "warped", "auto", "off"])
@pytest.mark.parametrize("steps", [1, 3])
def test_never_the_raw_camera(world, mode, steps):
    camera = Camera(marked=True)
    pipeline, viewer = _run(world, camera, _preset(mode, steps=steps, batching="stream"))
    assert viewer.reached(40)
    camera.marked = False
    assert viewer.more(10)
    camera.marked = True
    assert viewer.more(30)
    pipeline.stop()
    assert viewer.colours() <= 6, "the look has no colour, so colour is the camera's"


def test_an_engine_that_breaks_leaves_the_picture_and_no_camera(world):
    camera = Camera(marked=True)
    pipeline, viewer = _run(world, camera, _preset())
    assert viewer.reached(20)
    world.make_engine = lambda spec: (_ for _ in ()).throw(EngineFailed("no more"))
    world.engines[-1].fails, world.engines[-1].runs = EngineFailed("gone"), 3
    wait_until(lambda: len(pipeline.stats.snapshot().notice) > 0)
    for _ in range(30):
        camera.used()
        sleep(0.02)
    pipeline.stop()
    assert viewer.colours() <= 6
    newest = max(
        frame.captured_at - (frame.styled_at or frame.captured_at) for frame in viewer.seen
    )
    assert newest <= 1.0, "a pair was used that is too old"


def test_passthrough_shows_the_camera_when_the_user_said_so(world):
    camera = Camera(marked=True)
    pipeline, viewer = _run(world, camera, _preset(on_error="passthrough"))
    assert viewer.reached(20)
    world.make_engine = lambda spec: (_ for _ in ()).throw(EngineFailed("no more"))
    world.engines[-1].fails, world.engines[-1].runs = EngineFailed("gone"), 3
    wait_until(lambda: any((f.pixels == MARK).all(2).any() for f in viewer.seen[-5:]))
    pipeline.stop()


def test_a_still_scene_rests_engine_and_resolve(world):
    preset = _preset(gate={"policy": "hysteresis", "calm_frames": 2, "max_skip": 1000})
    pipeline, viewer = _run(world, Camera(still=True), preset, seconds=0.0)
    wait_until(lambda: len(viewer.seen) > 10 and all(f.repeat for f in viewer.seen[-5:]))
    assert viewer.more(20)
    pipeline.stop()
    last = viewer.seen[-10:]
    assert all(frame.repeat for frame in last)
    assert len({id(frame.pixels) for frame in last}) == 1


def test_another_look_and_another_mode_while_it_runs(world):
    preset = _preset()
    pipeline, viewer = _run(world, Camera(), preset)
    assert viewer.reached(15)
    pipeline.apply_preset(preset.model_copy(update={"prompt": "bright"}))
    assert viewer.more(15)
    off = preset.resolve.model_copy(update={"mode": "off"})
    pipeline.apply_preset(preset.model_copy(update={"resolve": off}))
    wait_until(lambda: pipeline.stats.snapshot().resolve == "off")
    assert viewer.more(10)
    assert viewer.seen[-1].styled_at is None
    pipeline.apply_preset(preset)
    wait_until(lambda: viewer.seen[-1].styled_at is not None)
    pipeline.stop()


def test_mirror_and_another_engine_size_while_it_runs(world):
    preset = _preset()
    pipeline, viewer = _run(world, Camera(), preset, size=None)
    assert viewer.reached(15)
    output = preset.output.model_copy(update={"mirror": True})
    pipeline.apply_preset(preset.model_copy(update={"output": output}))
    assert viewer.more(10)
    pipeline.apply_preset(preset.model_copy(update={"size": (320, 176)}))
    wait_until(lambda: len(world.engines) > 1 and world.engines[-1].runs > 3)
    assert viewer.more(10)
    pipeline.stop()
    assert viewer.sizes == {SIZE}


@pytest.mark.parametrize("curtain", ["card", "off", "freeze"])
def test_a_curtain_covers_what_is_resolved(world, curtain):
    pipeline, viewer = _run(world, Camera(), _preset())
    assert viewer.reached(15)
    pipeline.draw_curtain(curtain)
    assert viewer.more(5)
    covered = viewer.seen[-1].pixels
    assert viewer.more(10)
    assert (viewer.seen[-1].pixels == covered).all()
    pipeline.draw_curtain("live")
    wait_until(lambda: (viewer.seen[-1].pixels != covered).any())
    pipeline.stop()


def test_a_file_has_every_frame_once_with_its_own_detail(world):
    class Clip(Camera):
        def read(self):
            if self.seq == 12:
                raise EOFError
            frame = super().read()
            return replace(frame, media_time=frame.seq / 25)

    shown = {}
    for mode in ("off", "auto"):
        camera = Clip(pace=0.0, grain=0.9)
        preset = _preset(mode)
        pipeline, viewer = _run(world, camera, preset, seconds=0.0, realtime=False)
        assert pipeline.wait(20)
        assert [frame.seq for frame in viewer.seen] == list(range(12))
        assert [frame.media_time for frame in viewer.seen] == [n / 25 for n in range(12)]
        shown[mode] = viewer.seen
    ideal = [255 - camera.scene[30:286, 20 + 2 * n : 468 + 2 * n] for n in range(12)]
    errors = {
        mode: np.mean(
            [np.abs(f.pixels.astype(int) - i).mean() for f, i in zip(seen, ideal, strict=True)]
        )
        for mode, seen in shown.items()
    }
    assert errors["auto"] < 0.8 * errors["off"]
