from __future__ import annotations

from concurrent.futures import CancelledError
from threading import Event, Thread
from time import sleep

import av
import pytest
from capture_fakes import ImpatientEvent, ScriptedSource, lost

from streamcam.capture import Opened
from streamcam.errors import SourceRefused, UsageError
from streamcam.flow.capture import CaptureWorker, Following
from streamcam.frames import Channel, Ring, RingClosed
from streamcam.stage import Stage
from streamcam.stats import Stats


class Openings:
    """Opens what a list says, one after the other; exceptions are raised."""

    def __init__(self, *results):
        self.results = list(results)
        self.opened = []

    def __call__(self):
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        self.opened.append(result)
        return result


def work(*openings, stop=None, queue=None, stats=None, waiting="Waiting for the camera"):
    """Run a worker to its end on this thread: the worker, its queue and statistics."""
    queue = queue or Ring(1000)
    stats = stats or Stats()
    worker = CaptureWorker(
        Openings(*openings), queue, stats, stop or ImpatientEvent(), waiting=waiting
    )
    worker.run()
    return worker, queue, stats


def drained(queue):
    queue.close()
    found = []
    while True:
        try:
            found.append(queue.get(0))
        except RingClosed:
            return found


def test_hands_on_every_frame_until_the_source_is_over():
    source = ScriptedSource([1, None, 2, 3])
    worker, queue, stats = work(source)
    frames = drained(queue)
    assert [frame.seq for frame in frames] == [0, 1, 2]
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [1, 2, 3]
    assert stats.total("in") == 3
    assert stats.snapshot().notice == ""
    assert worker.opened.result(0) == Opened("scripted, 4x2 at 10 fps", 4, 2, 10.0)
    assert source.closed


def test_passes_frames_on_untouched_while_nothing_is_lost():
    source = ScriptedSource([1])
    read, kept = source.read, []
    source.read = lambda: kept.append(read()) or kept[-1]
    _, queue, _ = work(source)
    assert drained(queue)[0] is kept[0]


def test_bad_input_reaches_the_pipeline_and_ends_the_work():
    worker, queue, stats = work(UsageError("no camera 9"))
    with pytest.raises(UsageError, match="no camera 9"):
        worker.opened.result(0)
    assert drained(queue) == []
    assert stats.total("in") == 0


def test_a_mistake_in_a_source_reaches_the_pipeline_too():
    worker, _, _ = work(ZeroDivisionError("bug"))
    assert isinstance(worker.opened.exception(0), ZeroDivisionError)


def test_work_that_is_called_off_opens_nothing():
    openings = Openings(ScriptedSource([1]))
    worker = CaptureWorker(openings, Ring(), Stats(), Event())
    worker.opened.cancel()
    worker.run()
    assert openings.opened == []
    with pytest.raises(CancelledError):
        worker.opened.result(0)


def test_a_lost_source_is_opened_again_and_frames_go_on_counting():
    first, second = ScriptedSource([1, 2, lost()]), ScriptedSource([3, lost()])
    third = ScriptedSource([4, 5])
    _, queue, stats = work(first, second, third)
    frames = drained(queue)
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [1, 2, 3, 4, 5]
    assert [frame.seq for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.media_time for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert stats.total("in") == 5
    assert [source.closed for source in (first, second, third)] == [1, 1, 1]


def test_live_sources_have_no_media_time_after_a_loss_either():
    sources = [ScriptedSource([1, lost()], media=False), ScriptedSource([2], media=False)]
    _, queue, _ = work(*sources)
    assert [frame.media_time for frame in drained(queue)] == [None, None]


def test_the_pauses_grow_to_five_seconds_and_start_over_after_a_success():
    stop = ImpatientEvent()
    gone = UsageError("there is no camera 0 here")
    work(
        ScriptedSource([1, lost()]),
        *[gone] * 5,
        ScriptedSource([2, lost()]),
        gone,
        ScriptedSource([3]),
        stop=stop,
    )
    assert stop.waits == [0.5, 1, 2, 4, 5, 5, 0.5, 1]


def test_a_loss_is_told_until_the_source_is_back():
    stats = Stats()
    told = []
    first = ScriptedSource([1, lost('camera 0 "HD Webcam" was unplugged')])
    back = ScriptedSource([2])

    def opening():
        told.append(stats.snapshot().notice)
        return (first, UsageError("not yet"), back)[len(told) - 1]

    def open_source():
        result = opening()
        if isinstance(result, Exception):
            raise result
        return result

    CaptureWorker(open_source, Ring(9), stats, ImpatientEvent()).run()
    waiting = 'camera 0 "HD Webcam" was unplugged; trying again'
    assert told == ["", waiting, waiting]
    assert stats.snapshot().notice == ""


def test_what_a_source_wants_to_be_known_is_told_until_it_takes_it_back():
    told, stats = [], Stats()
    sources = [ScriptedSource([1, 2, 3, 4, lost()]), ScriptedSource([5, 6])]
    notices = iter(["", "it is dark", "it is dark", "", "gone", "", "", ""])

    class Told(Ring):
        def put(self, frame):
            told.append(stats.snapshot().notice)
            super().put(frame)

    for source in sources:
        read = source.read

        def reading(source=source, read=read):
            source.notice = next(notices)
            return read()

        source.read = reading
    work(*sources, queue=Told(9), stats=stats)
    # Each picture is put before its notice is told.
    assert told == ["", "", "it is dark", "it is dark", "", ""]
    assert stats.snapshot().notice == ""


def test_who_said_no_is_not_asked_again_and_the_run_goes_on():
    stop, stats = ImpatientEvent(patience=9), Stats()
    no = SourceRefused("the screen is not shared")
    work(ScriptedSource([1, lost()]), no, ScriptedSource([2]), stop=stop, stats=stats)
    assert stop.waits == [0.5, *[0.1] * 8]  # until the end of the run
    assert stats.snapshot().notice == "the screen is not shared"
    assert stats.notices.for_viewers() == "Waiting for the camera"
    assert stats.total("in") == 1


def test_stop_ends_the_wait_for_a_lost_source():
    stop = ImpatientEvent(patience=3)
    gone = UsageError("not there")
    source = ScriptedSource([1, lost()])
    _, queue, _ = work(source, gone, gone, gone, stop=stop)
    assert stop.waits == [0.5, 1, 2]
    assert len(drained(queue)) == 1
    assert source.closed == 1


def test_stop_ends_the_work_within_one_read():
    stop = Event()
    source = ScriptedSource([1, 2, 3])
    read = source.read

    def reads_once():
        stop.set()
        return read()

    source.read = reads_once
    _, queue, _ = work(source, stop=stop)
    assert len(drained(queue)) == 1
    assert source.closed


def test_a_closed_queue_ends_the_work_and_closes_the_source():
    queue = Ring()
    queue.close()
    source = ScriptedSource([1, 2])
    with pytest.raises(RingClosed):
        work(source, queue=queue)
    assert source.closed


MISTAKES = [
    ZeroDivisionError("bug"),
    UnicodeDecodeError("utf-8", b"M\xfcnchen", 1, 2, "invalid start byte"),
    av.error.ArgumentError(22, "avcodec_send_packet()"),
    MemoryError(),
    UsageError("two\nlines"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: type(mistake).__name__)
def test_whatever_is_raised_while_reading_is_a_loss(mistake):
    told, stats = [], Stats()
    first, second = ScriptedSource([1, mistake]), ScriptedSource([2])
    opened = [first, second]

    def open_source():
        told.append(stats.snapshot().notice)
        return opened.pop(0)

    queue = Ring(9)
    CaptureWorker(open_source, queue, stats, ImpatientEvent()).run()
    assert [int(frame.pixels[0, 0, 0]) for frame in drained(queue)] == [1, 2]
    assert (first.closed, second.closed) == (1, 1)
    assert told[1].endswith("; trying again")
    assert stats.snapshot().notice == ""
    if not isinstance(mistake, UsageError):  # what nobody foresaw says where it was, on one line
        assert told[1].startswith("scripted, 4x2 at 10 fps: ")
        assert type(mistake).__name__ in told[1]
        assert "(capture_fakes.py:" in told[1]


def test_whatever_is_raised_while_it_is_opened_again_or_closed_is_borne():
    stats, stop = Stats(), ImpatientEvent()
    told = []
    first, second = ScriptedSource([1, lost()]), ScriptedSource([2])
    opened = [first, IndexError("list index out of range"), OSError(5, "a driver"), second]

    def open_source():
        told.append(stats.snapshot().notice)
        result = opened.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def breaks():
        raise RuntimeError("cannot close")

    first.close = breaks
    queue = Ring(9)
    CaptureWorker(open_source, queue, stats, stop).run()
    assert [int(frame.pixels[0, 0, 0]) for frame in drained(queue)] == [1, 2]
    assert "RuntimeError: cannot close (test_capture_worker.py:" in told[1]
    assert "IndexError: list index out of range (test_capture_worker.py:" in told[2]
    assert "OSError: [Errno 5] a driver" in told[3]
    assert stop.waits == [0.5, 1, 2]


@pytest.mark.parametrize("error", [ZeroDivisionError("bug"), lost()])
def test_where_nothing_is_live_a_loss_ends_the_work(error):
    """Begun again, a file would be in the recording twice."""
    source = ScriptedSource([1, error])
    queue = Channel(9)
    with pytest.raises(type(error)):
        work(source, ScriptedSource([1, 2]), queue=queue, waiting=None)
    assert len(drained(queue)) == 1
    assert source.closed


def test_on_a_stage_it_waits_for_room_and_ends_with_its_reader():
    """With the queue of file to file, as the pipeline runs it."""
    queue, stop = Channel(2), Event()
    source = ScriptedSource([1] * 100)
    worker = CaptureWorker(Openings(source), queue, Stats(), stop)
    stage = Stage("capture", worker.run, [queue])
    stage.start()
    assert worker.opened.result(5).width == 4
    assert [queue.get(5).seq for _ in range(10)] == list(range(10))
    queue.close()
    assert stage.join(5)
    assert stage.errors == []
    assert source.closed


def test_the_source_is_opened_read_and_closed_on_one_thread():
    from threading import current_thread

    threads = set()

    class Watched(ScriptedSource):
        def read(self):
            threads.add(current_thread())
            return super().read()

        def close(self):
            threads.add(current_thread())
            super().close()

    def open_source():
        threads.add(current_thread())
        return Watched([1, 2])

    worker = CaptureWorker(open_source, Ring(9), Stats(), Event())
    thread = Thread(target=worker.run)
    thread.start()
    thread.join(5)
    assert threads == {thread}


def test_a_source_that_lacks_something_is_told_to_who_waits_and_closed():
    """Else the program would wait for ever for what its source turned out to be."""

    class Unfinished(ScriptedSource):
        @property
        def width(self):
            raise AttributeError("width")

    source = Unfinished([])
    worker = CaptureWorker(lambda: source, Ring(), Stats(), Event())
    worker.run()
    with pytest.raises(AttributeError, match="width"):
        worker.opened.result(0)
    assert source.closed


class Idle(ScriptedSource):
    """Delivers its script, then nothing, without an end."""

    def read(self):
        if self.script:
            return super().read()
        sleep(0.001)
        return None


class Switched:
    """A worker on a thread of its own, whose source is exchanged."""

    def __init__(self, *openings):
        self.queue, self.stats, self.stop = Ring(10_000), Stats(), Event()
        self.worker = CaptureWorker(
            Openings(*openings), self.queue, self.stats, self.stop, waiting="Waiting for the camera"
        )
        self.thread = Thread(target=self.worker.run)
        self.thread.start()

    def follow(self, open_source):
        following = Following(open_source, "Waiting for the other")
        self.worker.follow(following)
        return following.opened

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join(10)


def test_another_source_takes_its_place_once_it_is_open():
    first, other = Idle([1]), Idle([7, 8])
    with Switched(first) as run:
        assert run.queue.get(10).seq == 0
        opened = run.follow(Openings(other)).result(10)
        assert opened == Opened(other.label, other.width, other.height, other.fps)
        frames = [run.queue.get(10) for _ in range(2)]
        assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [7, 8]
        assert [frame.seq for frame in frames] == [1, 2], "they go on counting"
        assert (first.closed, other.closed) == (1, 0)
    assert other.closed == 1


def test_a_source_that_cannot_be_opened_leaves_the_one_that_is():
    first = Idle([1])
    with Switched(first) as run:
        assert run.queue.get(10).seq == 0
        for error in (UsageError("there is no camera 9"), RuntimeError("of a library")):
            with pytest.raises(type(error), match=str(error)):
                run.follow(Openings(error)).result(10)
        assert first.closed == 0
        assert run.stats.snapshot().notice == ""


def test_another_source_ends_the_wait_for_a_lost_one():
    other = Idle([7])
    for refused in (lost("it is gone"), SourceRefused("nothing is shared")):
        with Switched(ScriptedSource([1, lost("it is gone")]), *[refused] * 3) as run:
            assert run.queue.get(10).seq == 0
            run.follow(Openings(other)).result(10)
            assert run.queue.get(10).seq == 1
            assert run.stats.snapshot().notice == ""
        other = Idle([7])


def test_of_two_wishes_the_newer_counts():
    first, third = Idle([1]), Idle([9])
    slow, went_on = Event(), Event()

    def wait():
        went_on.set()
        slow.wait(10)
        raise UsageError("no")

    with Switched(first) as run:
        one = run.follow(wait)
        assert went_on.wait(10)
        two, three = run.follow(Openings()), run.follow(Openings(third))
        slow.set()
        assert isinstance(one.exception(10), UsageError)
        assert two.cancelled()
        assert three.result(10).label == third.label
