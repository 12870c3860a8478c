from hypothesis import given
from hypothesis import strategies as st

from streamcam.serve.admission import Admission, Pace, Refused


def test_the_measured_rate_is_given_away_and_no_more():
    admission = Admission(rate=100, seats=8)
    assert [admission.admit(n, 30, 15) for n in range(3)] == [30, 30, 30]
    refused = admission.admit(3, 30, 15)
    assert isinstance(refused, Refused)
    assert "0 frames a second left" in refused.why
    assert refused.retry_after > 0
    admission.release(1)
    admission.release(1)
    assert admission.admit(3, 20, 10) == 20
    assert admission.admit(4, 30, 10) == 10  # what is left, which is enough
    assert admission.sessions == 4


def test_seats_end_before_rates_do():
    admission = Admission(rate=10_000, seats=2)
    assert admission.admit(1, 30, 15) == admission.admit(2, 30, 15) == 30
    assert "all 2 seats" in admission.admit(3, 30, 15).why


def test_who_is_alone_gets_what_there_is():
    admission = Admission(rate=10, seats=8)
    assert admission.admit(1, 30, 15) == 9
    assert isinstance(admission.admit(2, 30, 15), Refused)


@given(
    st.floats(0.1, 500),
    st.integers(1, 8),
    st.lists(st.tuples(st.booleans(), st.floats(1, 240), st.floats(0, 1)), max_size=60),
)
def test_no_more_is_granted_than_there_is(rate, seats, events):
    admission, inside = Admission(rate, seats), {}
    for number, (comes, wanted, share) in enumerate(events):
        if not comes and inside:
            leaving = next(iter(inside))
            del inside[leaving]
            admission.release(leaving)
            continue
        least = max(1.0, wanted * share)
        granted = admission.admit(number, wanted, least)
        if isinstance(granted, Refused):
            continue
        assert granted <= wanted
        assert granted >= min(least, 1.0)
        inside[number] = granted
    assert admission.sessions == len(inside) <= seats
    assert sum(inside.values()) <= max(rate, 1.0) + 1e-6 or len(inside) == 1


def test_frames_in_the_granted_rate_pass_and_a_flood_does_not():
    pace = Pace(10, now=0.0)
    assert all(pace.allows(n / 10) for n in range(100))
    flood = [pace.allows(10 + n / 1000) for n in range(1000)]
    assert 10 <= sum(flood) <= 18  # in a second: 12.5, and a few at once
