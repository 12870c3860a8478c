"""Patches on a CUDA device played by the CPU: each size is a graph that reads the frame's
statistics where the whole frame's graph writes them."""

from dataclasses import replace

import numpy as np
import pytest

from engines.api import Area, EngineSpec, Params
from engines.backends.torch import runner as torch_backend
from engines.build import build
from tests.engines.backends import fake_cuda
from tests.engines.backends.fake_cuda import CAPTURED
from tests.engines.pictures import photo

WIDTH, HEIGHT = 160, 128
SPEC = EngineSpec(
    width=WIDTH, height=HEIGHT, backend="torch", guidance_mode="self", precision="float32"
)
CHANGED = Area(20, 20, 10, 10)


@pytest.fixture
def graphs(monkeypatch):
    return fake_cuda.install(monkeypatch)


def pictures(engine):
    """Of a frame, another frame, a part of that, and so on; and which were parts."""
    look = Params(prompt=engine.encode("neon, cyberpunk"), negative=engine.encode(""))
    seen, parts = [], []
    engine.run(photo(WIDTH, HEIGHT), look)
    engine.start(photo(WIDTH, HEIGHT), look, None, CHANGED)
    engine.finish()
    engine.prepare_patches()
    for number in range(4):
        frame = np.roll(photo(WIDTH, HEIGHT), 40 * number, axis=1)
        seen.append(engine.run(frame, look))
        after = frame.copy()
        CHANGED.of(after)[:] = 255 - CHANGED.of(after)
        engine.start(after, look, None, CHANGED)
        seen.append(engine.finish())
        parts.append(engine.patched)
    return seen, parts


def test_a_replayed_patch_equals_an_eager_one(graphs, monkeypatch):
    eager = build(SPEC)
    expected, parts = pictures(eager)
    assert parts == [True] * 4
    assert not graphs
    monkeypatch.setattr(torch_backend, "place", lambda spec: replace(CAPTURED))
    replayed = build(SPEC)
    assert len(graphs) == 1
    found, parts = pictures(replayed)
    assert parts == [True] * 4
    assert len(graphs) == 2, "one more for the one size that was of use"
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)
    eager.close()
    replayed.close()
