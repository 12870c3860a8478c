"""The delay that sound gets: near the picture's, and still."""

from hypothesis import given
from hypothesis import strategies as st

from streamcam.clock.audio_delay import AudioDelay, Move


def moves(readings, extra=0.0):
    delay = AudioDelay(extra)
    return [delay.measured(one) for one in readings]


def test_the_first_three_readings_make_the_first_move():
    assert moves([100, 130, 110, 112]) == [None, None, Move(110, worth_a_word=True), None]


def test_before_there_is_a_picture_nothing_is_measured():
    assert moves([0.0, 0.0, 100, 0.0, 100, 100])[-1] == Move(100, worth_a_word=True)
    assert moves([0.0] * 10) == [None] * 10


def test_the_cameras_own_delay_is_added():
    assert moves([100] * 3, extra=40)[-1] == Move(140, worth_a_word=True)


def test_it_keeps_still_within_20_ms():
    assert moves([100] * 3 + [119, 81, 120, 80] * 20)[3:] == [None] * 80


def test_what_the_first_seconds_gave_is_put_right_once():
    said = moves([146] * 3 + [134] * 29 + [134] + [134 + one % 15 for one in range(300)])
    assert [one for one in said if one] == [
        Move(146, worth_a_word=True),
        Move(134, worth_a_word=False),
    ]


def test_an_outlier_moves_nothing():
    assert moves([100] * 8 + [900, 100, 900, 100, 100])[3:] == [None] * 10


def test_it_follows_and_a_word_is_said_above_40_ms():
    said = [one for one in moves([100] * 5 + [130] * 9 + [160] * 9 + [220] * 9) if one]
    assert said == [
        Move(100, worth_a_word=True),
        Move(130, worth_a_word=False),
        Move(160, worth_a_word=True),  # 60 off what was said last
        Move(220, worth_a_word=True),
    ]


@given(st.lists(st.floats(1, 2000), min_size=3, max_size=60), st.floats(1, 2000))
def test_it_ends_within_the_dead_band_of_what_lasts(readings, last):
    delay, now = AudioDelay(), None
    for one in [*readings, *[last] * 5]:
        moved = delay.measured(one)
        now = moved.milliseconds if moved else now
    assert abs(now - last) <= 20.5
