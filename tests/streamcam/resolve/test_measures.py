"""The measures, on pictures whose figures are known."""

import numpy as np
import pytest
from moving_scene import ground, seen

from streamcam.resolve.measures import fidelity_db, sharpness, static_flicker, warp_error


def _flat(level):
    return np.full((20, 30, 3), level, np.uint8)


def test_fidelity_is_the_mean_of_the_pictures_peak_signal_to_noise():
    ideal = [_flat(100), _flat(100)]
    assert fidelity_db([_flat(110), _flat(110)], ideal) == pytest.approx(28.1308, abs=1e-3)
    mixed = fidelity_db([_flat(110), _flat(101)], ideal)
    assert mixed == pytest.approx((28.1308 + 48.1308) / 2, abs=1e-3)


def test_fidelity_of_equal_pictures_is_finite():
    assert fidelity_db([_flat(7)], [_flat(7)]) == pytest.approx(68.1308, abs=1e-3)


def test_sharpness_is_relative_to_the_ideal():
    sharp = ground(80, 60, grain=1.0)
    half = (sharp.astype(np.int16) // 2).astype(np.uint8)
    assert sharpness([sharp], [sharp]) == 1.0
    assert sharpness([half], [sharp]) == pytest.approx(0.5, abs=0.02)
    assert sharpness([_flat(9)], [_flat(9)]) == 0.0


def test_warp_error_is_nothing_for_a_picture_that_moves_as_the_flow_says():
    whole = ground(200, 160)
    before, now = seen(whole, 20, 20, (100, 80)), seen(whole, 23, 18, (100, 80))
    flow = np.zeros((80, 100, 2), np.float32)
    flow[:] = (3.0, -2.0)
    found = np.zeros((80, 100), bool)
    found[4:-4, 4:-4] = True
    assert warp_error(before, now, flow, found) == 0.0
    assert warp_error(before, before, flow, found) > 5.0
    assert warp_error(before, now, flow, np.zeros((80, 100), bool)) == 0.0


def test_flicker_is_the_deviation_over_time():
    assert static_flicker([_flat(50), _flat(50), _flat(50)]) == 0.0
    assert static_flicker([_flat(40), _flat(60)]) == pytest.approx(10.0)
