"""Coefficients against diffusers' own LCM scheduler, and the mapping of strength and t_index."""

import numpy as np
import pytest
import torch
from diffusers import LCMScheduler
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import InvalidSpec, ModelUnavailable
from engines.families.nano import timesteps
from engines.step.schedule import (
    NoiseSchedule,
    initial_noise,
    spread_timesteps,
    timesteps_from_t_index,
)

CONFIGS = [
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02},
    {"beta_schedule": "scaled_linear", "rescale_betas_zero_snr": True},
]


@pytest.mark.parametrize("config", CONFIGS)
def test_alphas_and_boundary_scalings_are_those_of_diffusers(config):
    theirs = LCMScheduler(**{"beta_start": 0.00085, "beta_end": 0.012, **config})
    ours = NoiseSchedule(config)
    t = [999, 979, 759, 379, 99, 19]
    mine = ours.coefficients(t)
    alphas = theirs.alphas_cumprod[t].double().numpy()
    # With zero terminal SNR ours ends at a = 2^-12 instead of 0, so that x0 = (x - b*eps)/a exists.
    np.testing.assert_allclose(mine.a_S, np.sqrt(alphas), rtol=2e-4, atol=2.5e-4)
    np.testing.assert_allclose(mine.b_S, np.sqrt(1 - alphas), rtol=2e-4)
    for k, step in enumerate(t):
        c_skip, c_out = theirs.get_scalings_for_boundary_condition_discrete(torch.tensor(step))
        assert mine.c_skip_S[k] == pytest.approx(float(c_skip), rel=1e-4)
        assert mine.c_out_S[k] == pytest.approx(float(c_out), rel=1e-5)


def test_the_lcm_table_is_that_of_diffusers():
    scheduler = LCMScheduler(beta_schedule="scaled_linear")
    scheduler.set_timesteps(50)
    table = [int(t) for t in scheduler.timesteps]
    assert [timesteps_from_t_index([i], 1)[0] for i in range(50)] == table
    assert timesteps_from_t_index([32, 45], 2) == (359, 99)
    assert timesteps_from_t_index([16, 32, 45], 3) == (679, 359, 99)


@pytest.mark.parametrize(
    ("t_index", "steps", "said"),
    [
        ([32], 2, "needs one entry"),
        ([50], 1, r"\[0\] 50 must be from 0 to 49"),
        ([45, 32], 2, "must rise"),
    ],
)
def test_a_bad_t_index_is_named(t_index, steps, said):
    with pytest.raises(InvalidSpec, match=said):
        timesteps_from_t_index(t_index, steps)


@given(strength=st.floats(0.01, 1.0), steps=st.integers(1, 8))
def test_timesteps_fall_from_strong_to_weak(strength, steps):
    for chosen in (spread_timesteps(999 * strength + 8, 0, steps), timesteps(strength, steps)):
        assert len(chosen) == steps
        assert list(chosen) == sorted(chosen, reverse=True)
        assert all(0 <= t <= 1007 for t in chosen)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.integers(1, 4))
def test_more_strength_is_never_less_noise(one, other, steps):
    weak, strong = sorted([one, other])
    assert timesteps(weak, steps)[0] <= timesteps(strong, steps)[0]


@pytest.mark.parametrize("key", ["prediction_type", "beta_schedule"])
def test_an_unknown_schedule_is_named(key):
    with pytest.raises(ModelUnavailable, match=f"{key} 'odd'"):
        NoiseSchedule({key: "odd"})


def test_noise_belongs_to_its_seed():
    one = initial_noise(5, (2, 16, 8, 8))
    assert np.array_equal(one, initial_noise(5, (2, 16, 8, 8)))
    assert not np.array_equal(one, initial_noise(6, (2, 16, 8, 8)))
    assert abs(float(one.mean())) < 0.1
    assert float(one.std()) == pytest.approx(1.0, abs=0.05)
