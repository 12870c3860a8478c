"""The desk: what is asked for happens in order, the newest counts, and on the beat if wanted."""

from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.control.acts import CURTAIN, LOOK, VALUE, Act
from streamcam.control.agenda import Agenda
from streamcam.control.desk import Desk
from streamcam.errors import UnknownChoice, UsageError


def value(key, one):
    return Act(VALUE, key, one)


def happens(desk, hands, until=None):
    """Let what is due happen, as the thread "control" would."""
    if until is not None:
        hands.now = until
    desk._do_all(desk._agenda.take(hands.now))


def test_of_one_value_the_newest_counts_and_all_change_together(desk, program, hands):
    for number in range(1, 101):
        desk.post([value("strength", number / 100), value("guidance", float(number % 7))])
    happens(desk, hands)
    assert program.asked == [("strength", 1.0), ("guidance", 2.0)]
    assert program.changes == 1
    happens(desk, hands)
    assert program.changes == 1


def test_a_look_takes_the_place_of_what_was_asked_of_the_one_before(desk, program, hands):
    desk.post([value("strength", 0.2), value("gate.max_skip", 3)])
    desk.post([Act(LOOK, "noir"), Act(CURTAIN, "card")])
    desk.post([Act(LOOK, "oil"), value("strength", 0.3)])
    happens(desk, hands)
    assert program.asked == [
        ("gate.max_skip", 3), ("curtain", "card"), ("look", "oil"), ("strength", 0.3),
    ]  # fmt: skip


def test_what_cannot_be_is_counted_and_the_rest_counts(desk, program, hands):
    desk.post([value("strength", 0.2), value("prompt", "endless"), value("seed", 9)])
    assert desk.named(LOOK, "nothing") is None
    assert "unknown look 'nothing'" in program.stats.snapshot().notice
    happens(desk, hands)
    assert (program.settings["strength"], program.settings["seed"]) == (0.2, 9)
    assert desk.refused == 2
    desk.post([value("strength", 0.4)])
    happens(desk, hands)
    assert program.stats.snapshot().notice == "", "what works again takes the notice down"


def test_a_bug_closes_no_door(desk, program, hands, monkeypatch):
    monkeypatch.setattr(program, "select_look", lambda _: 1 / 0)
    desk.post([Act(LOOK, "noir"), value("strength", 0.2)])
    happens(desk, hands)
    assert (desk.refused, program.settings["strength"]) == (1, 0.2)


def test_an_act_may_have_its_time(desk, program, hands):
    desk.post([value("strength", 0.2)], at=101.0)
    desk.post([value("strength", 0.9)], at=100.5)
    desk.post([value("strength", 0.6)], at=99.0)
    happens(desk, hands)
    assert program.settings["strength"] == 0.6, "what is late happens at once"
    assert desk._agenda.seconds_left(hands.now) == 0.5
    happens(desk, hands, until=100.6)
    assert program.settings["strength"] == 0.9
    happens(desk, hands, until=101.0)
    assert program.settings["strength"] == 0.2


def test_there_is_room_for_so_many_times(desk, program, hands):
    for number in range(2000):
        desk.post([value("strength", 0.2)], at=101.0 + number)
    desk.post([value("strength", 0.2)], at=1e9)
    assert desk.too_many == 2000 - 1024 + 1


def test_looks_and_words_wait_for_the_beat_and_numbers_do_not(desk, program, hands):
    program.quantise = "beat"  # of half a second: at 100.0, 100.5 and so on
    hands.now = 100.1
    desk.select_look("noir")
    desk.change_values({"strength": 0.2, "prompt": "oil", "modulation.delta": "sine 1 2 s"})
    assert [key for key, _ in program.asked] == ["strength", "modulation.delta"]
    assert program.prepared == [{"prompt": "oil"}]
    happens(desk, hands, until=100.49)
    assert program.look == "mine"
    happens(desk, hands, until=100.5)
    assert program.asked[2:] == [("look", "noir"), ("prompt", "oil")]


@pytest.mark.parametrize(("quantise", "due"), [("beat", 100.5), ("bar", 102.0), ("4 bars", 104.0)])
def test_the_next_beat_or_bar(desk, program, hands, quantise, due):
    program.quantise = quantise
    hands.now = 100.1
    desk.post([Act(LOOK, "noir")])
    assert hands.now + desk._agenda.seconds_left(hands.now) == pytest.approx(due)


def test_what_the_engine_needs_is_allowed_for(desk, program, hands):
    """150 ms from capture to output, and a frame of 100 ms that has just begun or just not."""
    program.quantise = "beat"
    program.stats.took("style", 0.150)
    for _ in range(20):
        program.stats.count("engine")
    lead = 0.150 + 0.5 / program.stats.snapshot().fps_engine
    hands.now = 100.1
    desk.post([Act(LOOK, "noir")])
    due = hands.now + desk._agenda.seconds_left(hands.now)
    assert due == pytest.approx(100.5 - lead, abs=0.01)
    happens(desk, hands, until=due)
    assert program.look == "noir"
    hands.now = due + 0.02
    desk.post([Act(LOOK, "oil")])
    happens(desk, hands, until=101.0)
    assert program.look == "oil"


def test_what_cannot_be_on_the_beat_is_refused_at_once(desk, program):
    program.quantise = "bar"
    with pytest.raises(UnknownChoice):
        desk.select_look("nothing")
    with pytest.raises(UnknownChoice):
        desk.select_preset("nothing")
    with pytest.raises(UsageError, match="too long"):
        desk.change_values({"strength": 0.2, "prompt": "endless"})
    with pytest.raises(UsageError, match="must be a number"):
        desk.change_values({"prompt": "oil", "strength": 9})
    assert program.asked == []


def test_the_thread_does_it_and_ends(program):
    desk, seen = Desk(program), Event()
    program.draw_curtain = lambda name: seen.set()
    thread = Thread(target=desk.work, name="control", daemon=True)
    thread.start()
    desk.post([value("strength", 0.9), Act(CURTAIN, "card")])
    assert seen.wait(10)
    assert program.settings["strength"] == 0.9
    desk.post([value("strength", 0.1)], at=1e12)
    desk.close()
    thread.join(10)
    assert not thread.is_alive()
    desk.post([value("strength", 0.2)])
    assert program.settings["strength"] == 0.9


acts = st.one_of(
    st.sampled_from(["noir", "oil"]).map(lambda name: Act(LOOK, name)),
    st.tuples(st.sampled_from(["strength", "seed", "gate.max_skip"]), st.integers(0, 9)).map(
        lambda pair: Act(VALUE, *pair)
    ),
)


@given(st.lists(acts, max_size=50))
def test_what_is_taken_is_what_doing_all_would_leave(asked):
    def left(sequence):
        look, values = None, {}
        for act in sequence:
            if act.kind == LOOK:
                look = act.name
                values = {key: one for key, one in values.items() if key.startswith("gate.")}
            else:
                values[act.name] = act.value
        return look, values

    agenda = Agenda()
    for act in asked:
        agenda.add(act)
    taken = agenda.take(0.0)
    assert left(taken) == left(asked)
    assert len(taken) <= 4
