from streamcam.remote.trust import PATIENCE_SECONDS, Trust


def answers_until_earned(trust):
    for number in range(1, 100):
        if trust.answered(0.1):
            return number
    raise AssertionError


def test_trust_is_earned_by_answers_in_time_and_lost_at_once():
    trust = Trust(lambda: 0.0)
    assert not trust.earned
    assert answers_until_earned(trust) == 3
    assert trust.earned
    assert trust.lost()
    assert not trust.earned
    assert not trust.lost()  # there is none to lose


def test_a_late_answer_counts_as_none():
    trust = Trust(lambda: 0.0)
    assert answers_until_earned(trust) == 3
    assert not trust.answered(PATIENCE_SECONDS + 0.01)
    assert not trust.earned


def test_who_loses_it_again_and_again_earns_it_ever_later():
    now = 0.0
    trust = Trust(lambda: now)
    needed = []
    for _ in range(7):
        needed.append(answers_until_earned(trust))
        trust.lost()
    assert needed == [3, 6, 12, 24, 48, 48, 48]
    answers_until_earned(trust)
    now = 100.0  # it lasted
    trust.lost()
    assert answers_until_earned(trust) == 6


def test_a_loss_begins_the_row_anew():
    trust = Trust(lambda: 0.0)
    trust.answered(0.1)
    trust.answered(0.1)
    trust.lost()
    assert answers_until_earned(trust) == 3
