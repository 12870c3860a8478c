"""A schedule of looks: by the reader's time, for ever, until somebody chooses a look."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import Embedding
from engines.errors import InvalidPrompt
from streamcam.looks.look import Look, Schedule, Turn
from streamcam.looks.params import ParamsBox

PROMPTS = {"plain": 0.0, "noir": 1.0, "oil": 2.0, "": 3.0}
ENCODED = {
    prompt: Embedding(np.full((2, 4), value + 1.0, np.float32)) for prompt, value in PROMPTS.items()
}
PLAIN, NOIR, OIL = (
    Look(name, name, strength=0.2, crossfade=0.0) for name in ("plain", "noir", "oil")
)
SCHEDULE = Schedule((Turn(NOIR, 20.0), Turn(OIL, 10.0), Turn(PLAIN, 5.0)))


@pytest.fixture
def box():
    return ParamsBox(ENCODED.__getitem__, SCHEDULE)


def look_at(box, now):
    """The look by its prompt, which is the one that the box names."""
    shown = next(name for name, one in ENCODED.items() if one is box.read(now).prompt)
    assert box.look == shown
    return shown


def test_looks_take_turns_in_a_loop(box):
    seen = [look_at(box, 100.0 + now) for now in (0, 19.9, 20, 29.9, 30.0, 34.9, 35.0, 55.0, 65.0)]
    assert seen == ["noir", "noir", "oil", "oil", "plain", "plain", "noir", "oil", "plain"]


def test_it_starts_without_a_fade_and_when_it_is_first_read():
    slow = Schedule(tuple(Turn(replace(t.look, crossfade=2.0), t.seconds) for t in SCHEDULE.turns))
    box = ParamsBox(ENCODED.__getitem__, slow)
    assert box.read(1e6).prompt is ENCODED["noir"]
    assert look_at(box, 1e6 + 19.9) == "noir"


@given(st.lists(st.integers(0, 500_000).map(lambda ms: ms / 1000), min_size=1, max_size=20))
def test_a_look_depends_on_the_time_alone_not_on_how_often_it_is_read(times):
    box = ParamsBox(ENCODED.__getitem__, SCHEDULE)
    box.read(0.0)
    for now in sorted(times):
        into = round(now * 1000) % 35_000 / 1000
        expected = "noir" if into < 20 else "oil" if into < 30 else "plain"
        assert look_at(box, now) == expected


def test_between_two_changes_the_params_are_one_object(box):
    first = box.read(0.0)
    assert box.read(10.0) is first
    assert box.read(35.0 * 1000 + 1.0) is first, "and the same in the next round"


def test_it_fades_as_the_looks_do():
    noir, oil = replace(NOIR, crossfade=1.0), replace(OIL, strength=0.8, crossfade=2.0)
    box = ParamsBox(ENCODED.__getitem__, Schedule((Turn(noir, 10.0), Turn(oil, 10.0))))
    box.read(0.0)
    assert box.read(10.0).strength == pytest.approx(0.2)
    assert box.read(11.0).strength == pytest.approx(0.5)
    assert box.read(12.0).prompt is ENCODED["oil"]
    box.read(20.0)
    assert box.read(20.5).strength == pytest.approx(0.5), "the next look has its own crossfade"


def test_turns_shorter_than_the_fade_go_on_from_what_is_shown():
    looks = [replace(PLAIN, seed=seed, crossfade=1.0) for seed in range(6)]
    box = ParamsBox(ENCODED.__getitem__, Schedule(tuple(Turn(one, 0.25) for one in looks)))
    seen = [box.read(step / 32).seed_mix for step in range(200)]
    assert max(len(mix) for mix in seen if mix) == 4
    assert all(sum(w * w for _, w in mix) == pytest.approx(1.0) for mix in seen if mix)


def test_a_look_that_comes_twice_in_a_row_is_no_change():
    slow = replace(NOIR, crossfade=5.0)
    box = ParamsBox(ENCODED.__getitem__, Schedule((Turn(slow, 1.0), Turn(slow, 1.0))))
    first = box.read(0.0)
    assert all(box.read(step / 8) is first for step in range(80))


def test_before_it_is_read_a_schedule_names_its_first_look(box):
    assert box.look == "noir"


def test_a_look_is_named_from_the_beginning_of_its_fade():
    slow = Schedule(tuple(Turn(replace(t.look, crossfade=2.0), t.seconds) for t in SCHEDULE.turns))
    box = ParamsBox(ENCODED.__getitem__, slow)
    box.read(0.0)
    assert box.read(20.5).prompt is not ENCODED["oil"]
    assert box.look == "oil"


def test_a_schedule_of_one_look_is_that_look():
    box = ParamsBox(ENCODED.__getitem__, Schedule((Turn(NOIR, 1.0),)))
    first = box.read(0.0)
    assert all(box.read(now) is first for now in (0.5, 1.0, 1.5, 100.0))
    assert box.look == "noir"


def test_a_look_chosen_by_hand_stays(box):
    box.read(0.0)
    box.set(PLAIN)
    assert [look_at(box, now) for now in (1.0, 25.0, 1000.0)] == ["plain"] * 3


def test_a_schedule_that_is_set_again_starts_with_its_first_look(box):
    box.read(0.0)
    assert look_at(box, 22.0) == "oil"
    box.set(SCHEDULE)
    assert [look_at(box, now) for now in (23.0, 42.9, 43.0)] == ["noir", "noir", "oil"]


def test_a_schedule_with_a_look_that_cannot_be_read_changes_nothing():
    def picky(prompt):
        if prompt == "oil":
            raise InvalidPrompt("too long")
        return ENCODED[prompt]

    box = ParamsBox(picky, PLAIN)
    before = box.read(0.0)
    with pytest.raises(InvalidPrompt):
        box.set(SCHEDULE)
    assert box.read(25.0) is before
    assert box.look == "plain"


def test_a_schedule_that_still_moves_on_is_not_heard_after_a_choice(box):
    """The reader may be within `read` while another thread chooses."""
    box.read(0.0)
    tour = box._tour
    box.set(PLAIN)
    tour.at(25.0)
    assert box.look == "plain"


def test_time_that_runs_backwards_does_no_harm(box):
    box.read(100.0)
    assert look_at(box, 99.0) == "plain"
    assert look_at(box, 101.0) == "noir"
