"""ParamsBox: one identical object while nothing changes, a steady way when something does."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.api import Embedding
from engines.errors import InvalidPrompt, InvalidSpec
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox

CACHE = {}


def encode(prompt):
    """(4, 8) embedding, the same array for the same prompt, as engines promise."""
    if prompt not in CACHE:
        seed = sum(ord(letter) * 31**place for place, letter in enumerate(prompt))
        words_TD = np.random.default_rng(seed).normal(size=(4, 8)).astype(np.float32)
        CACHE[prompt] = Embedding(words_TD)
    return CACHE[prompt]


PLAIN = Look("plain", "a photo", crossfade=1.0)
NOIR = Look(
    "noir", "film noir", "colour", strength=0.9, guidance=2.0, delta=0.5, seed=7, crossfade=1.0
)

UNSEEN = 0.02  # of the noise's standard deviation


def noise_jump(one, other):
    """How far the noises of two Params are apart, in standard deviations."""
    mixes = [dict(params.seed_mix or ((params.seed, 1.0),)) for params in (one, other)]
    seeds = mixes[0] | mixes[1]
    apart = (mixes[0].get(seed, 0.0) - mixes[1].get(seed, 0.0) for seed in seeds)
    return sum(distance**2 for distance in apart) ** 0.5


eighths = st.integers(0, 24).map(lambda number: number / 8)  # seconds that add up exactly
looks = st.builds(
    Look,
    name=st.just("look"),
    prompt=st.sampled_from(["a photo", "film noir", "oil", ""]),
    negative_prompt=st.sampled_from(["", "blurry"]),
    strength=st.floats(0.01, 1.0),
    guidance=st.floats(0.0, 20.0),
    delta=st.floats(0.0, 2.0),
    seed=st.integers(0, 2**32 - 1),
    crossfade=eighths,
)


def test_nothing_changes_means_the_identical_object():
    box = ParamsBox(encode, PLAIN)
    first = box.read(0.0)
    assert all(box.read(now) is first for now in (0.1, 5.0, 1e6))
    assert first.prompt is encode("a photo")
    assert (first.strength, first.guidance_scale, first.seed) == (0.5, 1.0, 2)


def test_a_fade_begins_with_the_first_frame_after_set_and_ends_at_the_look():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.set(NOIR)
    begin = box.read(100.0)  # the source stood still for long
    assert begin.strength == pytest.approx(0.5)
    np.testing.assert_allclose(begin.prompt.tokens_TD, encode("a photo").tokens_TD, atol=1e-6)
    middle = box.read(100.5)
    assert middle.strength == pytest.approx(0.7)
    assert middle.guidance_scale == pytest.approx(1.5)
    assert middle.delta == pytest.approx(0.75)
    assert dict(middle.seed_mix) == pytest.approx({2: 0.5**0.5, 7: 0.5**0.5})
    end = box.read(101.0)
    assert end.prompt is encode("film noir")
    assert (end.strength, end.guidance_scale, end.delta) == (0.9, 2.0, 0.5)
    assert (end.seed, end.seed_mix) == (7, None)
    assert box.read(102.0) is end


def test_embeddings_keep_their_length_on_the_way():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.set(NOIR)
    box.read(0.0)
    ends = [np.linalg.norm(encode(p).tokens_TD, axis=1) for p in ("a photo", "film noir")]
    for now in (0.25, 0.5, 0.75):
        lengths = np.linalg.norm(box.read(now).prompt.tokens_TD, axis=1)
        assert (lengths > np.minimum(*ends) * 0.99).all()
        assert (lengths < np.maximum(*ends) * 1.01).all()


def test_an_unchanged_prompt_stays_one_array_during_a_fade():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.set(replace(PLAIN, strength=1.0))
    box.read(0.0)
    assert box.read(0.5).prompt is encode("a photo")
    assert box.read(0.5).strength == pytest.approx(0.75)


def test_a_set_during_a_fade_starts_from_what_is_shown():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.set(NOIR)
    box.read(0.0)
    shown = box.read(0.5)
    box.set(replace(PLAIN, name="oil", prompt="oil"))
    begin = box.read(0.6)
    np.testing.assert_allclose(begin.prompt.tokens_TD, shown.prompt.tokens_TD, atol=1e-6)
    assert begin.strength == pytest.approx(shown.strength)
    assert box.read(1.6).prompt is encode("oil")


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 40), st.sampled_from([0.5, 1.0, 3.0])),
        min_size=1,
        max_size=12,
    )
)
def test_noise_never_jumps_however_often_the_seed_changes(changes):
    """At most four seeds, a variance of one, and steps no larger than the time between two."""
    frame = 1 / 32
    box, now = ParamsBox(encode, PLAIN), 0.0
    shown = box.read(now)
    for seed, frames, seconds in changes:
        box.set(replace(PLAIN, seed=seed, crossfade=seconds))
        for _ in range(frames):
            before, shown = shown, box.read(now)
            now += frame
            mix = shown.seed_mix or ((shown.seed, 1.0),)
            assert len(mix) == len(dict(mix)) <= 4
            assert sum(weight**2 for _, weight in mix) == pytest.approx(1.0)
            # A quarter turn in a quarter of the fade at the fastest, and what nobody sees.
            assert noise_jump(before, shown) < 6.3 * frame / seconds + UNSEEN
    box.read(now)
    assert box.read(now + 3.0).seed_mix is None
    assert box.read(now + 3.0).seed == changes[-1][0]


def test_the_same_seed_is_no_mix():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.set(replace(NOIR, seed=PLAIN.seed))
    box.read(0.0)
    assert box.read(0.5).seed_mix is None


def test_a_fifth_seed_waits_until_the_faintest_is_gone():
    box, now = ParamsBox(encode, PLAIN), 0.0
    for seed in (3, 4, 5):
        box.read(now)
        box.set(replace(PLAIN, seed=seed, crossfade=1.0))
        box.read(now)
        now += 0.4
    shown = box.read(now)
    assert len(shown.seed_mix) == 4
    faintest = min(shown.seed_mix, key=lambda pair: pair[1])[0]
    box.set(replace(PLAIN, seed=6, crossfade=1.0))
    assert noise_jump(shown, box.read(now)) < 1e-6
    assert 6 not in dict(box.read(now + 0.1).seed_mix)
    later = dict(box.read(now + 0.4).seed_mix)
    assert 6 in later
    assert faintest not in later


def test_no_crossfade_is_a_cut():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.set(replace(NOIR, crossfade=0.0))
    assert box.read(0.0).strength == 0.9


def test_a_look_that_cannot_be_read_leaves_the_running_one():
    def picky(prompt):
        if prompt == "film noir":
            raise InvalidPrompt("too long")
        return encode(prompt)

    box = ParamsBox(picky, PLAIN)
    before = box.read(0.0)
    with pytest.raises(InvalidPrompt):
        box.set(NOIR)
    with pytest.raises(InvalidSpec):
        box.set(replace(PLAIN, strength=0.0))
    assert box.read(1.0) is before


@settings(deadline=None)
@given(start=looks, steps=st.lists(st.tuples(looks, eighths), max_size=5))
def test_any_sequence_of_sets_moves_without_a_jump_beyond_its_ends(start, steps):
    box, now, strongest = ParamsBox(encode, start), 0.0, [start.strength]
    box.read(now)
    for look, wait in steps:
        shown = box.read(now)
        box.set(look)
        begin = box.read(now)
        if look.crossfade > 0:
            assert begin.strength == pytest.approx(shown.strength)
            np.testing.assert_allclose(begin.prompt.tokens_TD, shown.prompt.tokens_TD, atol=1e-4)
            assert noise_jump(shown, begin) < UNSEEN
        strongest.append(look.strength)
        now += wait
        assert min(strongest) <= box.read(now).strength <= max(strongest)
        if wait >= look.crossfade:
            assert box.read(now) is box.read(now + 1)
            assert box.read(now).strength == look.strength


def test_sets_from_other_threads_end_at_one_of_them():
    box = ParamsBox(encode, PLAIN)
    wanted = [replace(NOIR, seed=seed, crossfade=0.001) for seed in range(8)]
    threads = [Thread(target=box.set, args=(look,)) for look in wanted]
    for thread in threads:
        thread.start()
    for step in range(2000):
        box.read(step * 1e-5)
    for thread in threads:
        thread.join(5)
    box.read(1.0)
    end = box.read(2.0)
    assert end.seed in range(8)
    assert box.look == "noir"
    assert end.prompt is encode("film noir")
