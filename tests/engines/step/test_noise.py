"""Noise while one seed crosses over to another, and an engine through a thousand edits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines.api import Embedding, EngineSpec, Params
from engines.step.noise import SeedNoise
from engines.step.schedule import initial_noise
from tests.engines.toy import CHANNELS, TOKENS, WIDTH, ReferenceStream, ToyNetworks
from tests.engines.toy_runner import SCHEDULE, toy_engine

SHAPE = (2, 4, 16, 24)
SIZE, EDITS = 128, 1000


def reference_noise(mix, shape):
    return sum(weight * initial_noise(seed, shape).astype(np.float64) for seed, weight in mix)


def levels(engine, params):
    """What ReferenceStream wants to know of the schedule."""
    c = SCHEDULE.coefficients(engine._model.timesteps(params.strength, engine.spec.steps))
    names = {"a": c.a_S, "b": c.b_S, "t": c.timestep_S, "c_skip": c.c_skip_S, "c_out": c.c_out_S}
    return [{key: float(row[k]) for key, row in names.items()} for k in range(engine.spec.steps)]


mixes = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.floats(0.1, 1.0)),
    min_size=1,
    max_size=4,
    unique_by=lambda pair: pair[0],
).map(lambda pairs: tuple((s, w / np.sqrt(sum(other**2 for _, other in pairs))) for s, w in pairs))


@given(st.lists(mixes, min_size=1, max_size=5))
def test_a_mix_is_the_weighted_sum_and_stays_normal(sequence):
    noise = SeedNoise(SHAPE)
    before, mix_before = None, None
    for mix in sequence:
        got = noise(mix)
        assert mix == mix_before or got is not before, "runners see a change by the object"
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, reference_noise(mix, SHAPE), atol=1e-5)
        assert abs(got.std() - 1.0) < 0.15
        before, mix_before = got, mix


def test_one_seed_is_its_noise_and_the_same_object_again():
    noise = SeedNoise(SHAPE)
    seven = noise(((7, 1.0),))
    assert np.array_equal(seven, initial_noise(7, SHAPE))
    noise(((7, 0.6), (8, 0.8)))
    assert noise(((7, 1.0),)) is seven
    assert np.array_equal(seven, initial_noise(7, SHAPE)), "mixing leaves it alone"


def test_what_was_given_holds_until_the_next_but_one():
    noise = SeedNoise(SHAPE)
    first = noise(((1, 0.6), (2, 0.8)))
    kept = first.copy()
    noise(((1, 0.8), (2, 0.6)))
    assert np.array_equal(first, kept)


def test_noises_that_nobody_asks_for_are_let_go():
    noise = SeedNoise(SHAPE)
    for seed in range(100):
        noise(((seed, 0.6), (seed + 1, 0.8)))
    assert len(noise._of_seed) <= 8


@pytest.fixture
def one_thread():
    """Threads that wait for each other cost more than these small arrays are worth."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_thousand_edits_in_a_row_stay_on_the_reference():
    """Any live parameter may change on any frame; the batch never drifts from what it should be."""
    random = np.random.default_rng(11)
    steps, mode, networks = 2, "onetime", ToyNetworks()
    spec = EngineSpec(width=SIZE, height=SIZE, steps=steps, guidance_mode=mode)
    engine, reference = toy_engine(networks, spec), ReferenceStream(networks, steps, mode)
    frame = random.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    prompts = [Embedding(random.normal(size=(TOKENS, WIDTH)).astype(np.float32)) for _ in range(10)]
    shape = (steps, CHANNELS, SIZE // 8, SIZE // 8)
    live = {"strength": 0.5, "guidance_scale": 1.2, "delta": 1.0, "seed": 2, "words": 1}
    for _ in range(EDITS):
        angle = random.uniform(0, np.pi / 2)
        edit = random.choice([*live, "mix"])
        live.pop("mix", None)
        live[edit] = {
            "strength": random.uniform(0.2, 1.0),
            "guidance_scale": random.uniform(0.0, 2.0),
            "delta": random.uniform(0.0, 1.5),
            "seed": int(random.integers(50)),
            "words": int(random.integers(5)),
            "mix": ((live["seed"], float(np.cos(angle))), (99, float(np.sin(angle)))),
        }[edit]
        words, mix = live["words"], live.get("mix")
        settings = {name: live[name] for name in ("strength", "guidance_scale", "delta", "seed")}
        params = Params(
            prompt=prompts[words], negative=prompts[words + 5], seed_mix=mix, **settings
        )
        got = engine.run(frame, params)
        want = reference.run(
            frame,
            levels(engine, params),
            reference_noise(mix or ((live["seed"], 1.0),), shape),
            params.prompt.tokens_TD,
            params.negative.tokens_TD,
            live["guidance_scale"],
            live["delta"],
        )
        assert np.abs(got.astype(int) - want).max() <= 1
