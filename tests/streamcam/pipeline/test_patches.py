"""A live run in front of a still scene: the engine is told what moves, and made ready for it."""

from itertools import count
from threading import Event

import numpy as np
from fake_world import FakeEngine, FakeSource, make_preset
from waiting import wait_until

from streamcam.frames import Frame
from streamcam.provision import rebuild

FOREVER = 1_000_000


class Patching(FakeEngine):
    """Notes what it is told; computes parts once it was made ready."""

    def __init__(self, spec):
        super().__init__(spec)
        self.told, self.ready, self.on_thread = [], Event(), None

    def start(self, frame_HWC, params, out_HWC=None, changed=None):
        self.told.append(changed)
        self.patched = changed is not None and self.ready.is_set()
        super().start(frame_HWC, params, out_HWC, changed)

    def prepare_patches(self, watch):
        assert watch.wanted()
        self.ready.set()


class Talking(FakeSource):
    """A still picture with a mouth in it that opens and closes."""

    def __init__(self):
        super().__init__(FOREVER, pace=0.002)
        self._numbers = count()

    def read(self):
        frame = super().read()
        pixels = np.full_like(frame.pixels, 90)
        height, width = pixels.shape[:2]
        if next(self._numbers) % 2:
            pixels[height // 2 : height * 5 // 8, width // 2 : width * 5 // 8] = 200
        return Frame(pixels, frame.seq, frame.captured_at, frame.media_time)


def test_in_calm_a_running_engine_is_made_ready_and_works_on_parts(world, monkeypatch):
    monkeypatch.setattr(rebuild, "_CALM_SECONDS", 0.05)
    world.make_engine = Patching
    world.source = Talking()
    pipeline = world.pipeline(preset=make_preset(gate={"policy": "similarity"}))
    pipeline.start()
    wait_until(lambda: pipeline.stats.total("patched") > 20)
    reading = pipeline.stats.snapshot()
    assert reading.patched > 0
    assert reading.engine_ms_p50 > 0, "the first frames were whole"
    (engine,) = world.engines
    assert engine.told[0] is None
    width, height = engine.spec.width, engine.spec.height
    areas = [changed for changed in engine.told if changed is not None]
    assert all(area.width * area.height < width * height / 4 for area in areas)


def test_a_file_is_computed_whole(world, monkeypatch):
    monkeypatch.setattr(rebuild, "_CALM_SECONDS", 0.0)
    world.make_engine = Patching
    world.source = FakeSource(12)
    pipeline = world.pipeline(realtime=False)
    pipeline.start()
    wait_until(lambda: pipeline.stats.total("engine") == 12)
    assert set(world.engines[0].told) == {None}
