"""The stream batch against a float64 reference that shares no code with it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.api import GUIDANCE_MODES, Embedding, EngineSpec, Params
from engines.step.schedule import initial_noise, spread_timesteps
from tests.engines.toy import CHANNELS, TOKENS, WIDTH, ReferenceStream, ToyNetworks
from tests.engines.toy_runner import SCHEDULE
from tests.engines.toy_runner import toy_engine as engine_of

SIZE = (128, 128)
SIZES = [SIZE, (208, 144), (128, 176)]


def toy_engine(networks, steps, mode, batching="stream", size=SIZE):
    width, height = size
    spec = EngineSpec(
        width=width,
        height=height,
        steps=steps,
        guidance_mode=mode,
        batching=batching,
        backend="torch",
    )
    return engine_of(networks, spec)


def prompt(seed):
    words_TD = np.random.default_rng(seed).normal(size=(TOKENS, WIDTH))
    return Embedding(words_TD.astype(np.float32))


def levels(strength, steps):
    c = SCHEDULE.coefficients(spread_timesteps(900 * strength, 10, steps))
    names = {"a": c.a_S, "b": c.b_S, "t": c.timestep_S, "c_skip": c.c_skip_S, "c_out": c.c_out_S}
    return [{key: float(row[k]) for key, row in names.items()} for k in range(steps)]


def frames(count, seed=3, size=SIZE):
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield random.integers(0, 256, (size[1], size[0], 3), np.uint8)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 4),
    mode=st.sampled_from(GUIDANCE_MODES),
    prediction=st.sampled_from(["epsilon", "v_prediction"]),
    detail=st.booleans(),
    size=st.sampled_from(SIZES),
    edits=st.lists(
        st.tuples(
            st.floats(0.2, 1.0),  # strength
            st.floats(0.0, 2.0),  # guidance scale
            st.floats(0.0, 1.5),  # delta
            st.integers(0, 3),  # seed of the noise
            st.integers(10, 12),  # prompt
            st.sampled_from(["run", "run", "run", "pause", "restart"]),
        ),
        min_size=1,
        max_size=8,
    ),
)
def test_stream_batch_equals_the_reference_frame_by_frame(
    steps, mode, prediction, detail, size, edits
):
    """From the cold start on, with every live parameter changing while frames are in flight, with
    frames that a gate spared, and with a restart on the way."""
    networks = ToyNetworks(prediction, detail=detail)
    engine = toy_engine(networks, steps, mode, size=size)
    reference = ReferenceStream(networks, steps, mode)
    assert engine.delay == steps - 1
    for frame, edit in zip(frames(8, size=size), edits, strict=False):
        strength, scale, delta, seed, words, event = edit
        if event == "pause":
            continue  # the engine never sees this frame; what is in flight waits
        if event == "restart":
            engine.restart()
            reference.rows = []
        params = Params(
            prompt=prompt(words),
            negative=prompt(words + 5),
            strength=strength,
            guidance_scale=scale,
            delta=delta,
            seed=seed,
        )
        got = engine.run(frame, params)
        noise = initial_noise(seed, (steps, CHANNELS, size[1] // 8, size[0] // 8)).astype(
            np.float64
        )
        want = reference.run(
            frame,
            levels(strength, steps),
            noise,
            params.prompt.tokens_TD,
            params.negative.tokens_TD,
            scale,
            delta,
        )
        # float32 against float64 may land on either side of a rounding edge.
        assert np.abs(got.astype(int) - want).max() <= 1


@pytest.mark.parametrize("mode", GUIDANCE_MODES)
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_stream_and_sequential_agree_on_a_constant_input(steps, mode):
    """Once the pipe is full, both ways of running S steps give one picture."""
    networks = ToyNetworks()
    frame = next(frames(1))
    params = Params(
        prompt=prompt(1), negative=prompt(2), strength=0.6, guidance_scale=1.4, delta=0.9
    )
    stream = toy_engine(networks, steps, mode)
    for _ in range(steps + 1):
        batched = stream.run(frame, params)
    sequential = toy_engine(networks, steps, mode, batching="sequential")
    assert sequential.delay == 0
    difference = sequential.run(frame, params).astype(int) - batched
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("mode", GUIDANCE_MODES)
def test_steps_one_by_one_all_have_the_levels_of_their_own_frame(mode):
    """Nothing of theirs is in flight, so a change of strength counts at once and as a whole."""
    networks = ToyNetworks()
    both = {"prompt": prompt(1), "negative": prompt(2), "guidance_scale": 1.4}
    before, after = (Params(strength=strength, **both) for strength in (0.3, 0.8))
    engine = toy_engine(networks, 3, mode, batching="sequential")
    shown = [
        engine.run(frame, params)
        for frame, params in zip(frames(3), (before, after, after), strict=True)
    ]
    for number, frame in enumerate(frames(3)):
        params = after if number else before
        alone = toy_engine(networks, 3, mode, batching="sequential").run(frame, params)
        assert np.array_equal(shown[number], alone), number


@pytest.mark.parametrize("mode", ["self", "onetime", "full"])
def test_guidance_up_to_one_is_no_guidance(mode):
    networks, frame = ToyNetworks(), next(frames(1))
    pictures = [
        toy_engine(networks, 2, wanted).run(
            frame, Params(prompt=prompt(1), negative=prompt(2), guidance_scale=scale)
        )
        for wanted, scale in (("none", 1.0), (mode, 1.0), (mode, 0.3), (mode, 0.0))
    ]
    for picture in pictures[1:]:
        assert np.abs(picture.astype(int) - pictures[0]).max() <= 1


def test_one_step_self_guidance_does_not_drift():
    """With S = 1 the residual is the noise itself on every frame, never last frame's leftovers."""
    engine = toy_engine(ToyNetworks(), 1, "self")
    frame = next(frames(1))
    params = Params(prompt=prompt(1), negative=prompt(2), guidance_scale=1.8)
    first = engine.run(frame, params)
    for _ in range(5):
        assert np.array_equal(engine.run(frame, params), first)


def test_restart_is_a_cold_start():
    engine = toy_engine(ToyNetworks(detail=True), 3, "self")
    params = Params(prompt=prompt(1), negative=prompt(2), guidance_scale=1.3)
    first, *others = frames(4)
    expected = engine.run(first, params)
    for frame in others:
        engine.run(frame, params)
    assert not np.array_equal(engine.run(first, params), expected)
    engine.restart()
    assert np.array_equal(engine.run(first, params), expected)


def test_negative_prompt_acts_after_a_live_change():
    for mode in ("onetime", "full"):
        engine = toy_engine(ToyNetworks(), 1, mode)
        frame = next(frames(1))
        before = engine.run(frame, Params(prompt=prompt(1), negative=prompt(2), guidance_scale=2.0))
        after = engine.run(
            frame,
            Params(
                prompt=prompt(1), negative=Embedding(prompt(9).tokens_TD * 20), guidance_scale=2.0
            ),
        )
        assert not np.array_equal(before, after), mode


def test_a_frame_of_the_wrong_size_is_refused():
    from engines.errors import InvalidSpec

    engine = toy_engine(ToyNetworks(), 1, "none")
    params = Params(prompt=prompt(1), negative=prompt(2))
    with pytest.raises(InvalidSpec, match="128x128"):
        engine.run(np.zeros((64, 64, 3), np.uint8), params)


class VelocityToy(ToyNetworks):
    """Says the same as a ToyNetworks that predicts ε, in v: v = (ε − b·x)/a."""

    def __init__(self):
        super().__init__("v_prediction")

    def denoise(self, latent_RChw, timestep_R, prompt_RTD, *added):
        noise = super().denoise(latent_RChw, timestep_R, prompt_RTD, *added)
        alpha = torch.from_numpy(SCHEDULE.alphas_cumprod)[timestep_R.long()].float()
        a, b = alpha.sqrt().view(-1, 1, 1, 1), (1 - alpha).sqrt().view(-1, 1, 1, 1)
        return (noise - b * latent_RChw) / a


@settings(max_examples=25, deadline=None)
@given(
    steps=st.integers(1, 4),
    mode=st.sampled_from(GUIDANCE_MODES),
    batching=st.sampled_from(["stream", "sequential"]),
    strength=st.floats(0.2, 0.8),
    scale=st.floats(1.0, 2.0),
)
def test_epsilon_and_v_agree_on_the_same_denoised_latent(steps, mode, batching, strength, scale):
    params = Params(
        prompt=prompt(1), negative=prompt(2), strength=strength, guidance_scale=scale, delta=0.9
    )
    engines = [
        toy_engine(networks, steps, mode, batching) for networks in (ToyNetworks(), VelocityToy())
    ]
    for frame in frames(4):
        one, other = (engine.run(frame, params).astype(int) for engine in engines)
        assert np.abs(one - other).max() <= 1
