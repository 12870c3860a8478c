"""Stage: whatever ends the work, both its ends close and its error is kept."""

from threading import Event, current_thread, main_thread

import pytest

from streamcam.errors import SinkFailed
from streamcam.frames import Ring, RingClosed
from streamcam.stage import Stage


class End:
    def __init__(self, error=None):
        self.closes, self.error = 0, error

    def close(self):
        self.closes += 1
        if self.error:
            raise self.error


def _ended(work, ends):
    stage = Stage("infer", work, ends)
    stage.start()
    assert stage.join(5)
    assert not stage.running
    return stage


def test_the_work_runs_on_a_thread_with_the_name_of_the_stage():
    seen = []
    _ended(lambda: seen.append(current_thread()), [])
    assert seen[0].name == "infer"
    assert seen[0] is not main_thread()
    assert seen[0].daemon


@pytest.mark.parametrize("error", [None, RingClosed(), ValueError("no"), KeyboardInterrupt()])
def test_the_ends_close_however_the_work_ends(error):
    ends = [End(), End()]

    def work():
        if error is not None:
            raise error

    stage = _ended(work, ends)
    assert [end.closes for end in ends] == [1, 1]
    assert stage.errors == ([] if error is None or isinstance(error, RingClosed) else [error])


def test_an_end_that_cannot_close_keeps_no_other_open_and_its_error_is_kept():
    ends = [End(SinkFailed("disk full")), End()]
    stage = _ended(lambda: None, ends)
    assert ends[1].closes == 1
    assert [str(error) for error in stage.errors] == ["disk full"]


def test_no_error_hides_another():
    def work():
        raise ValueError("first")

    stage = _ended(work, [End(SinkFailed("second")), End(), End(SinkFailed("third"))])
    assert [str(error) for error in stage.errors] == ["first", "second", "third"]


def test_a_failure_in_the_middle_ends_both_neighbours():
    before, after, fail = Ring(), Ring(), Event()

    def produce():
        while True:
            before.put(1)
            fail.wait(0.001)

    def fail_when_asked():
        while True:
            before.get()
            if fail.is_set():
                raise ValueError("middle")

    def consume():
        after.get()

    stages = [
        Stage("capture", produce, [before]),
        Stage("infer", fail_when_asked, [before, after]),
        Stage("post", consume, [after]),
    ]
    for stage in stages:
        stage.start()
    assert not stages[2].join(0.02)
    fail.set()
    assert all(stage.join(5) for stage in stages)
    assert [[type(error) for error in stage.errors] for stage in stages] == [[], [ValueError], []]


def test_joining_a_stage_that_was_never_started_does_not_wait():
    stage = Stage("infer", lambda: None, [])
    assert stage.join()
    assert not stage.running


def test_a_stage_whose_start_was_interrupted_can_be_joined(monkeypatch):
    """A signal came when Python had made the thread and waited for its first sign of life."""
    ended, go_on = Event(), Event()
    stage = Stage("infer", ended.set, [])
    started = stage._thread._started
    say_so = started.set

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(started, "wait", interrupt)
    monkeypatch.setattr(started, "set", lambda: (go_on.wait(10), say_so()))
    with pytest.raises(KeyboardInterrupt):
        stage.start()
    while stage._thread.ident is None:
        pass
    assert not stage.join(0.01)
    go_on.set()
    assert stage.join(5)
    assert ended.is_set()


def test_join_gives_up_after_its_timeout():
    go_on = Event()
    stage = Stage("infer", lambda: go_on.wait(10), [])
    stage.start()
    assert not stage.join(0.01)
    assert stage.running
    go_on.set()
    assert stage.join(5)
