"""The beat, tapped or by MIDI's clock: the tempo is right however unsteady a hand is."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.clock.tempo import Tempo
from streamcam.control.beat import Beat
from streamcam.control.pulses import Pulses


def phase(tempo, at):
    """How far a time is from a beat, in beats."""
    beat = tempo.beat_at(at)
    return abs(beat - round(beat))


@given(st.floats(40, 300), st.floats(0, 1e4))
def test_even_taps_are_their_tempo(bpm, began):
    taps, tempo, found = Pulses(1, kept=8, pause=3.0), Tempo(bar=3), None
    for number in range(9):
        found = taps.add(began + number * 60 / bpm, tempo)
    assert found.bpm == pytest.approx(bpm, rel=1e-6)
    assert found.beat_at(began + 8 * 60 / bpm) == pytest.approx(8, abs=1e-4)
    assert found.bar == 3


def test_an_unsteady_hand_is_evened_out():
    chance = random.Random(1)
    taps, found = Pulses(1, kept=8, pause=3.0), None
    for number in range(16):
        found = taps.add(number * 0.5 + chance.gauss(0, 0.015), Tempo())
    assert found.bpm == pytest.approx(120, abs=2)
    assert phase(found, 7.5) < 0.05


def test_the_first_tap_is_no_tempo_and_a_pause_begins_anew(beat, program, hands):
    assert beat.tap() == Tempo(120.0, zero=0.0)
    hands.now += 0.4
    assert beat.tap().bpm == pytest.approx(150)
    assert beat.now == pytest.approx(1.0)
    hands.now += 20.0
    assert beat.tap().bpm == pytest.approx(150), "one tap after a pause changes nothing"
    hands.now += 1.0
    assert beat.tap().bpm == pytest.approx(60)


def test_another_pace_is_taken_up(beat, hands):
    for _ in range(8):
        hands.now += 0.5
        beat.tap()
    for _ in range(6):
        hands.now += 0.25
        tempo = beat.tap()
    assert tempo.bpm == pytest.approx(240)


def test_a_clock_of_midi_gives_the_tempo_and_its_start_the_beat(beat, program, hands):
    beat.start()
    for _ in range(24 * 4 + 1):
        beat.pulse()
        hands.now += 60 / 90 / 24
    assert program.tempo.bpm == pytest.approx(90, abs=0.01)
    assert beat.now == pytest.approx(4.0, abs=0.1)
    hands.now += 5.0
    beat.start()
    began = hands.now
    for _ in range(49):
        beat.pulse()
        hands.now += 60 / 140 / 24
    assert program.tempo.bpm == pytest.approx(140, abs=0.01)
    assert program.tempo.beat_at(began) == pytest.approx(0.0, abs=0.02)


def test_link_is_followed(beat, program, hands):
    beat.follow(128.0, 17.25)
    assert beat.now == pytest.approx(17.25)
    hands.now += 60 / 128
    assert beat.now == pytest.approx(18.25)
    beat.follow(5.0, 1.0)
    assert program.tempo.bpm == 128.0, "no tempo that is none"


def test_any_times_make_no_tempo_out_of_bounds(program, hands):
    chance = random.Random(2)
    beat = Beat(program, hands)
    for _ in range(2000):
        hands.now += chance.choice((0.0, 1e-6, 0.01, 0.3, 2.0, 9.0)) * chance.random()
        chance.choice((beat.tap, beat.pulse, beat.start))()
        assert 20 <= program.tempo.bpm <= 400
