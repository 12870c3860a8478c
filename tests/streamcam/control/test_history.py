"""What was changed by hand is taken back, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.control.desk import Desk
from streamcam.errors import UsageError
from tests.streamcam.control.conftest import Hands, Program


def test_a_fader_that_moves_is_one_change(desk, program, hands):
    for number in range(1, 50):
        desk.change_values({"strength": number / 100})
        hands.now += 0.05
    hands.now += 2
    desk.change_values({"strength": 0.9})
    assert desk.history.undo() == "strength"
    assert program.settings["strength"] == 0.49
    assert desk.history.labels == ("strength", "strength")
    desk.history.undo()
    assert program.settings["strength"] == 0.5
    assert desk.history.labels == ("", "strength")


def test_a_look_comes_back_with_what_was_changed_of_it(desk, program):
    desk.change_values({"strength": 0.8})
    desk.select_look("noir")
    program.settings["strength"] = 0.5  # noir's own
    assert desk.history.undo() == "look noir"
    assert (program.look, program.settings["strength"]) == ("mine", 0.8)
    assert desk.history.redo() == "look noir"
    assert (program.look, program.settings["strength"]) == ("noir", 0.5)


def test_what_another_door_changed_stays(desk, program):
    desk.change_values({"strength": 0.8})
    program.change_values({"seed": 9})
    desk.history.undo()
    assert (program.settings["strength"], program.settings["seed"]) == (0.5, 9)


def test_what_belonged_to_a_look_that_is_gone_is_let_go(desk, program):
    desk.change_values({"strength": 0.8, "output.mirror": True})
    program.look = "oil"  # a schedule went on
    program.settings["strength"] = 0.3
    desk.history.undo()
    assert (program.look, program.settings["strength"]) == ("oil", 0.3)
    assert program.settings["output.mirror"] is False


def test_what_changes_nothing_and_what_is_refused_is_no_change(desk):
    desk.change_values({"strength": 0.5})
    with pytest.raises(UsageError):
        desk.change_values({"strength": 7})
    with pytest.raises(UsageError):
        desk.select_look("nothing")
    with pytest.raises(UsageError, match=r"there is nothing to undo\."):
        desk.history.undo()


def test_another_preset_begins_anew(desk, program):
    desk.change_values({"strength": 0.8})
    program.preset_name = "anime"
    assert desk.history.labels == ("", "")
    with pytest.raises(UsageError):
        desk.history.undo()
    desk.change_values({"strength": 0.7})
    desk.history.undo()
    assert program.settings["strength"] == 0.8


def test_what_waits_for_the_beat_can_be_taken_back(desk, program, hands):
    program.quantise = "bar"
    desk.select_look("noir")
    hands.now += 10
    desk._do_all(desk._agenda.take(hands.now))
    assert program.look == "noir"
    desk.history.undo()
    assert program.look == "mine"


def test_what_cannot_be_taken_back_now_stays_to_be(desk, program, monkeypatch):
    desk.change_values({"strength": 0.8})
    with monkeypatch.context() as broken:
        broken.setattr(program, "change_values", lambda _: (_ for _ in ()).throw(UsageError("no")))
        with pytest.raises(UsageError, match="no"):
            desk.history.undo()
    desk.history.undo()
    assert program.settings["strength"] == 0.5


CHANGES = st.one_of(
    st.fixed_dictionaries({"strength": st.floats(0.01, 1)}),
    st.fixed_dictionaries({"seed": st.integers(0, 9), "prompt": st.sampled_from("abc")}),
    st.fixed_dictionaries({"output.mirror": st.booleans()}),
)


@given(st.lists(CHANGES, max_size=30), st.integers(0, 40))
def test_undo_and_redo_lead_along_the_same_way(changes, count):
    program, hands = Program(), Hands()
    desk = Desk(program, hands)
    states = [dict(program.settings)]
    for change in changes:
        hands.now += 5
        desk.change_values(change)
        if program.settings != states[-1]:
            states.append(dict(program.settings))
    here = len(states) - 1
    for _ in range(min(count, here)):
        desk.history.undo()
        here -= 1
        assert program.settings == states[here]
    while here < len(states) - 1:
        desk.history.redo()
        here += 1
        assert program.settings == states[here]
    assert desk.history.labels[1] == ""
