"""What changed in a source's frame, found again in the engine's input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.flow.infer.engine_input import EngineInput
from streamcam.frames.geometry import Box, View

ENGINE = (448, 256)
SOURCES = [(1280, 720), (640, 480), (448, 256), (360, 640), (200, 100)]
VIEWS = [View((1280, 720)), View((1280, 720), "letterbox"), View((600, 600))]


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(SOURCES), st.sampled_from(VIEWS), st.data())
def test_all_that_differs_in_the_input_is_in_the_area(source, view, data):
    left = data.draw(st.integers(0, source[0] - 1))
    top = data.draw(st.integers(0, source[1] - 1))
    box = Box(
        left,
        top,
        data.draw(st.integers(1, source[0] - left)),
        data.draw(st.integers(1, source[1] - top)),
    )
    still = np.full((source[1], source[0], 3), 60, np.uint8)
    moved = still.copy()
    box.of(moved)[:] = 200
    fit = EngineInput(ENGINE, view)
    before = fit(still)[0].copy()
    after = fit(moved)[0]
    area = fit.area(box)
    assert 0 <= area.left < area.left + area.width <= ENGINE[0]
    assert 0 <= area.top < area.top + area.height <= ENGINE[1]
    differs = np.abs(after.astype(int) - before).max(axis=2) > 3  # a filter's tails
    area.of(differs)[:] = False
    assert not differs.any()


@pytest.mark.parametrize("view", VIEWS)
def test_everything_is_everything(view):
    for source in SOURCES:
        fit = EngineInput(ENGINE, view)
        fit(np.zeros((source[1], source[0], 3), np.uint8))
        assert fit.area(Box(0, 0, *source)) == (0, 0, *ENGINE)


def test_what_is_small_stays_small():
    fit = EngineInput(ENGINE, VIEWS[0])
    fit(np.zeros((720, 1280, 3), np.uint8))
    area = fit.area(Box(640, 360, 64, 36))
    assert area.width <= 27
    assert area.height <= 17
