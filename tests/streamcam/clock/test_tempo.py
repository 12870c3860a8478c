"""Tempo: beats and times are two names of one thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.clock.tempo import Tempo

tempos = st.builds(Tempo, st.floats(20, 400), st.floats(-100, 100))
times = st.floats(0, 1e5)


def test_a_beat_is_half_a_second_at_120():
    tempo = Tempo(120.0, zero=1.0)
    assert (tempo.beat_at(1.0), tempo.beat_at(2.0)) == (0.0, 2.0)
    assert tempo.following(1.1, 1) == 1.5
    assert tempo.following(1.1, tempo.bar) == 3.0
    assert tempo.following(1.5, 1) == 1.5, "what is due now is not missed"


@given(tempos, times)
def test_there_and_back(tempo, now):
    assert tempo.time_of(tempo.beat_at(now)) == pytest.approx(now, abs=1e-6)


@given(tempos, times, st.sampled_from([0.25, 1, 4, 16]))
def test_the_following_beat_is_the_next_one(tempo, now, beats):
    period = beats * 60 / tempo.bpm
    found = tempo.following(now, beats)
    assert -1e-6 <= found - now < period + 1e-6
    assert (tempo.beat_at(found) / beats) == pytest.approx(
        round(tempo.beat_at(found) / beats), abs=1e-5
    )


@given(tempos, times, st.floats(20, 400))
def test_another_pace_begins_where_the_beat_is(tempo, now, bpm):
    other = tempo.at_pace(bpm, now, 3)
    assert other.beat_at(now) == pytest.approx(tempo.beat_at(now), abs=1e-5)
    assert other.beat_at(now + 60 / bpm) == pytest.approx(tempo.beat_at(now) + 1, abs=1e-5)
    assert other.bar == 3
