"""Values changed by hand: of the look that is on, at a pace that does not flash; the last holds."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.api import Embedding
from engines.errors import InvalidPrompt, InvalidSpec
from engines.prompts.syntax import parse
from streamcam.clock.tempo import Tempo
from streamcam.looks.aim import encoded
from streamcam.looks.look import Look, Schedule, Turn
from streamcam.looks.params import SLEW, ParamsBox
from streamcam.looks.wave import Wave

WORDS = {}
FRAME = 1 / 32


def word(text):
    """(2, 4), the same array for the same words."""
    if text not in WORDS:
        seed = sum(map(ord, text))
        WORDS[text] = np.random.default_rng(seed).normal(size=(2, 4)).astype(np.float32)
    return WORDS[text]


PROMPTS = {}


def encode(prompt):
    """As an engine does: parts by their shares; the same object for the same prompt."""
    if prompt not in PROMPTS:
        parts = parse(prompt)
        PROMPTS[prompt] = Embedding(sum(np.float32(p.share) * word(p.text.strip()) for p in parts))
    return PROMPTS[prompt]


PLAIN = Look("plain", "a photo", crossfade=1.0)
BLEND = Look("blend", "anime::2 | film noir", crossfade=1.0)
NOIR = Look("noir", "film noir", strength=0.9, crossfade=0.0)


def settled(box, now):
    """What it comes to, a second and a bit after `now`."""
    for step in range(70):
        box.read(now + step * FRAME)
    return box.read(now + 70 * FRAME)


def test_a_number_goes_at_its_pace_and_stays():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.change({"strength": 0.75})
    assert box.read(FRAME).strength == pytest.approx(0.5 + FRAME / SLEW)
    assert box.read(SLEW / 4).strength == pytest.approx(0.75)
    end = box.read(1.0)
    assert end.strength == 0.75
    assert box.read(2.0) is end
    assert end.prompt is encode("a photo")
    assert box.playing == replace(PLAIN, strength=0.75)
    assert box.look == "plain"


def test_a_fader_that_moves_with_every_frame_is_followed():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    seen = []
    for step in range(1, 17):
        box.change({"strength": 0.5 + step / 32})
        seen.append(box.read(step * FRAME).strength)
    assert seen == pytest.approx([0.5 + step / 32 for step in range(1, 17)])


def test_after_a_pause_it_does_not_jump():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.change({"strength": 1.0})
    assert box.read(100.0).strength < 0.95


def test_words_cross_over_and_the_rest_stays():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.change({"prompt": "oil"})
    begin, half = box.read(0.0), box.read(0.5)
    assert begin.prompt.tokens_TD == pytest.approx(encode("a photo").tokens_TD, abs=1e-5)
    assert not np.allclose(half.prompt.tokens_TD, encode("oil").tokens_TD, atol=0.05)
    assert half.negative is encode("")
    assert box.read(1.0).prompt is encode("oil")
    box.change({"negative_prompt": "blurry", "seed": 9})
    box.read(2.0)
    assert dict(box.read(2.45).seed_mix).keys() == {2, 9}
    end = settled(box, 2.0)
    assert (end.negative, end.seed, end.seed_mix) == (encode("blurry"), 9, None)


def test_shares_are_played_and_not_crossed_over():
    box = ParamsBox(encode, BLEND)
    box.read(0.0)
    box.change({"prompt": "anime::0 | film noir"})
    half = box.read(SLEW / 3).prompt.tokens_TD
    shares = np.array([2 / 3, 1 / 3]) + np.array([-1, 1]) / 3
    expected = shares[0] * word("anime") + shares[1] * word("film noir")
    assert half == pytest.approx(expected / shares.sum(), abs=1e-5)
    assert box.read(SLEW).prompt is encode("anime::0 | film noir")


def test_a_variation_turns_the_noise():
    box = ParamsBox(encode, replace(PLAIN, variation_seed=7))
    assert box.read(0.0).seed_mix is None
    box.change({"variation": 0.5})
    end = settled(box, 0.0)
    assert dict(end.seed_mix) == pytest.approx({2: 0.5**0.5, 7: 0.5**0.5})
    box.change({"variation": 1.0})
    end = settled(box, 3.0)
    assert (end.seed, end.seed_mix) == (7, None)


def test_a_strength_by_hand_counts_whatever_the_table_says():
    box = ParamsBox(encode, replace(PLAIN, t_index=(20,)))
    assert box.read(0.0).t_index == (20,)
    box.change({"guidance": 2.0})
    assert box.read(0.1).t_index == (20,)
    box.change({"strength": 0.3})
    assert box.read(0.2).t_index is None


def test_a_look_that_is_chosen_comes_with_its_own_values():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.change({"strength": 0.8, "guidance": 3.0})
    settled(box, 0.0)
    box.set(NOIR)
    shown = box.read(4.0)
    assert (shown.strength, shown.guidance_scale) == (0.9, 1.0)
    assert box.playing == NOIR
    box.set(PLAIN)
    assert settled(box, 5.0).strength == 0.5


def test_the_schedule_goes_on_with_its_own_values():
    box = ParamsBox(encode, Schedule((Turn(PLAIN, 2.0), Turn(NOIR, 2.0))))
    box.read(0.0)
    box.change({"strength": 0.1})
    assert box.read(1.0).strength == pytest.approx(0.1, abs=0.3)
    assert box.playing.strength == 0.1
    assert box.read(2.0).strength == 0.9
    assert box.playing == NOIR
    box.read(4.0)
    assert box.read(5.5).strength == 0.5


def test_a_renewed_schedule_goes_on_where_it_is_with_what_was_changed():
    box = ParamsBox(encode, Schedule((Turn(PLAIN, 2.0), Turn(NOIR, 2.0))))
    box.read(100.0)
    box.read(102.5)
    box.change({"strength": 0.7})
    box.read(102.6)
    assert box.read(103.0).strength == 0.7
    box.renew(Schedule((Turn(PLAIN, 2.0), Turn(replace(NOIR, strength=0.7), 2.0))))
    assert box.playing.strength == 0.7
    assert box.changed == {}
    assert box.read(103.5).strength == 0.7
    assert box.read(104.0).prompt.tokens_TD == pytest.approx(
        encode("film noir").tokens_TD, abs=1e-5
    )
    assert box.look == "plain"
    box.read(105.9)
    assert box.read(106.0).strength == 0.7


def test_a_change_during_a_crossfade_leaves_the_rest_on_its_way():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.set(replace(PLAIN, name="oil", prompt="oil", guidance=3.0))
    box.read(0.0)
    box.read(0.5)
    box.change({"strength": 0.6})
    shown = box.read(0.625)
    assert shown.strength == 0.6
    assert shown.guidance_scale == pytest.approx(2.25)
    assert box.read(1.0).prompt is encode("oil")


def test_what_cannot_be_read_changes_nothing():
    def picky(prompt):
        if prompt == "endless":
            raise InvalidPrompt("too long")
        return encode(prompt)

    box = ParamsBox(picky, PLAIN)
    before = box.read(0.0)
    for fields, error in (
        ({"strength": 0.9, "prompt": "endless"}, InvalidPrompt),
        ({"strength": 0.0}, InvalidSpec),
    ):
        with pytest.raises(error):
            box.change(fields)
    assert box.read(1.0) is before
    assert box.playing == PLAIN


def test_changes_from_several_threads_all_hold():
    box = ParamsBox(encode, PLAIN)
    keys = ("strength", "guidance", "delta", "variation")

    def play(key):
        for step in range(200):
            box.change({key: (step + 1) / 200})

    threads = [Thread(target=play, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for step in range(2000):
        box.read(step * 1e-4)
    for thread in threads:
        thread.join(10)
    assert [getattr(box.playing, key) for key in keys] == [1.0] * 4


values = st.fixed_dictionaries(
    {},
    optional={
        "prompt": st.sampled_from(["oil", "a photo", "a | b", "a::0.1 | b", "a | b | c"]),
        "strength": st.floats(0.01, 1.0),
        "guidance": st.floats(0.0, 20.0),
        "variation": st.floats(0.0, 1.0),
        "seed": st.integers(0, 3),
    },
)
waves = st.dictionaries(
    st.sampled_from(["strength", "guidance", "variation", "blend.1", "blend.9"]),
    st.builds(
        Wave,
        st.sampled_from(["sine", "triangle", "square", "walk"]),
        st.floats(0.0, 3.0),
        st.floats(0.1, 9.0),
        st.booleans(),
        st.floats(0.0, 1.0),
    ),
    max_size=3,
)
acts = st.one_of(
    values.map(lambda v: ("change", v)),
    st.sampled_from([PLAIN, BLEND, NOIR]).map(lambda v: ("set", v)),
    waves.map(lambda v: ("swing", v)),
    st.integers(0, 20).map(lambda v: ("wait", v)),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(acts, max_size=12))
def test_whatever_is_played_stays_in_range_and_ends_at_what_plays(sequence):
    box, now = ParamsBox(encode, PLAIN), 0.0
    for act, value in sequence:
        if act != "wait":
            getattr(box, act)(value)
        for _ in range(value if act == "wait" else 1):
            now += FRAME
            shown = box.read(now)  # Params refuses what is out of range
            assert 0.01 <= shown.strength <= 1.0
            assert len(shown.seed_mix or ()) <= 4
            assert np.isfinite(shown.prompt.tokens_TD).all()
    box.swing({})
    end, wanted = settled(box, now), encoded(box.playing, encode)
    for name in ("prompt", "negative", "strength", "guidance_scale", "delta", "seed", "t_index"):
        assert getattr(end, name) == getattr(wanted, name), name
    assert dict(end.seed_mix or ()) == dict(wanted.seed_mix or ())
    assert box.read(now + 100.0) is end


def test_a_wave_swings_around_what_is_set_and_comes_and_goes_slowly():
    box = ParamsBox(encode, PLAIN)
    still = box.read(0.0)
    box.swing({"strength": Wave("square", 0.3, 2.0)})
    assert box.read(0.0).strength == pytest.approx(0.5)
    assert box.read(SLEW / 2).strength == pytest.approx(0.65)
    assert box.read(0.9).strength == pytest.approx(0.8)
    assert box.read(1.1).strength == pytest.approx(0.2)
    assert box.read(2.1).strength == pytest.approx(0.8)
    box.swing({})
    box.read(2.2)
    assert box.read(2.2 + SLEW / 2).strength == pytest.approx(0.65)
    assert box.read(3.0) is still


def test_a_wave_goes_on_over_a_change_of_look_without_a_jump():
    box = ParamsBox(encode, PLAIN)
    box.read(0.0)
    box.swing({"strength": Wave("square", 0.3, 100.0)})
    box.read(0.0)
    assert box.read(1.0).strength == pytest.approx(0.8)
    box.set(replace(PLAIN, strength=0.3))
    assert box.read(1.0).strength == pytest.approx(0.8)
    box.read(1.5)
    assert box.read(2.0).strength == pytest.approx(0.6)


def test_a_wave_by_the_beat_keeps_to_it():
    box = ParamsBox(encode, PLAIN)
    box.tempo = Tempo(60.0, zero=10.0)
    box.read(0.0)
    box.swing({"strength": Wave("sine", 0.25, 4.0, beats=True)})
    box.read(1.0)
    assert box.read(11.0).strength == pytest.approx(0.75)
    assert box.read(13.0).strength == pytest.approx(0.25)
    box.tempo = Tempo(120.0, zero=13.0)
    assert box.read(13.5).strength == pytest.approx(0.75)


def test_a_wave_mixes_a_blend():
    box = ParamsBox(encode, replace(BLEND, prompt="anime | film noir"))
    box.read(0.0)
    box.swing({"blend.1": Wave("square", 0.5, 2.0)})
    box.read(0.1)
    assert box.read(1.5).prompt.tokens_TD == pytest.approx(word("film noir"), abs=1e-5)
