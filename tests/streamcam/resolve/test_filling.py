"""Filling: what was not found takes the colours of what was found around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.resolve.filling import filled


def _lost(shape, *slices):
    lost = np.zeros(shape, np.uint8)
    for rows, columns in slices:
        lost[rows, columns] = 255
    return lost


def test_nothing_of_what_was_lost_remains():
    pair = np.full((90, 160, 4), (60, 120, 130, 80), np.uint8)
    hand = (slice(20, 70), slice(50, 110))
    pair[hand] = 255
    assert (filled(pair, _lost(pair.shape[:2], hand)) == (60, 120, 130, 80)).all()


def test_the_nearest_counts_most():
    pair = np.zeros((90, 160, 4), np.uint8)
    pair[:, 80:] = 200
    made = filled(pair, _lost((90, 160), (slice(None), slice(40, 120))))[:, :, 0]
    assert made[:, :20].max() == 0
    assert made[:, 60:].min() == 200
    assert made[20, 24] < 100 < made[20, 55]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_what_was_found_is_the_pair_at_half_its_size(level):
    pair = np.full((46, 61, 4), level, np.uint8)
    assert (filled(pair, _lost((46, 61))) == level).all()


def test_where_all_is_lost_it_is_dark_and_nothing_fails():
    assert (
        filled(np.full((46, 61, 4), 90, np.uint8), _lost((46, 61), (slice(None), slice(None)))) == 0
    ).all()


@given(size=st.tuples(st.integers(2, 90), st.integers(2, 160)), seed=st.integers(0, 99))
def test_any_size_stays_within_what_was_found(size, seed):
    rng = np.random.default_rng(seed)
    pair = rng.integers(50, 200, (*size, 4), np.uint8)
    lost = np.where(rng.random(size) < 0.5, 255, 0).astype(np.uint8)
    lost[0, 0] = 0
    made = filled(pair, lost)
    assert made.shape[:2] == ((size[0] + 1) // 2, (size[1] + 1) // 2)
    assert made.min() >= 45
    assert made.max() <= 205
