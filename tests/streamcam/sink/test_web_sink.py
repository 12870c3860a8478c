"""The picture for the web page: made once for all viewers, and for nobody if nobody looks."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

import cv2
import numpy as np
import pytest

from streamcam.errors import SinkFailed
from streamcam.frames import RingClosed
from streamcam.sink import Format
from streamcam.sink.web import open_sink

FORM = Format(48, 32, 30)


@pytest.fixture
def encoded(monkeypatch):
    """The list of pictures that were encoded so far."""
    made = []
    encode = cv2.imencode

    def counting(suffix, picture, options):
        made.append(picture.copy())
        return encode(suffix, picture, options)

    monkeypatch.setattr(cv2, "imencode", counting)
    return made


@pytest.fixture
def sink():
    made = open_sink("", FORM)
    yield made
    made.close()


def rgb(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)


def test_nothing_is_encoded_while_nobody_watches(sink, frames, encoded):
    for frame in frames(48, 32, 4):
        sink.write(frame)
    with sink.watch() as viewer:
        assert viewer.next(0) is None  # what was there before is old by now
    assert encoded == []


def test_a_picture_is_encoded_once_for_all(sink, frames, encoded, same_colours):
    with sink.watch() as first, sink.watch() as second:
        assert sink.viewers == 2
        made = frames(48, 32, 3)
        for number, frame in enumerate(made, start=1):
            sink.write(frame)
            jpeg = first.next(0)
            assert second.next(0) is jpeg
            same_colours(rgb(jpeg), frame.pixels, tolerance=30)  # chroma of small patches
            assert len(encoded) == number
    assert sink.viewers == 0


def test_a_slow_viewer_gets_the_newest(sink, frames, encoded):
    with sink.watch() as viewer:
        for frame in frames(48, 32, 5):
            sink.write(frame)
        assert np.array_equal(rgb(viewer.next(0)), rgb_of_last(encoded))
        assert viewer.next(0) is None


def rgb_of_last(encoded):
    return rgb(cv2.imencode(".jpg", encoded[-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def test_one_who_comes_later_gets_the_picture_at_once(sink, frames):
    with sink.watch() as first:
        sink.write(frames(48, 32, 1)[0])
        jpeg = first.next(0)
        with sink.watch() as second:
            assert second.next(0) is jpeg


def test_a_repeated_picture_is_sent_once(sink, frames, encoded):
    frame, other = frames(48, 32, 2)
    with sink.watch() as viewer:
        sink.write(replace(frame, repeat=True))  # the first that anybody sees
        assert viewer.next(0) is not None
        sink.write(replace(frame, repeat=True, seq=1))
        assert viewer.next(0) is None
        sink.write(other)
        assert viewer.next(0) is not None
    assert len(encoded) == 2


def test_a_waiting_viewer_wakes_up_for_a_picture_and_at_the_end(sink, frames):
    got = []

    def look():
        with sink.watch() as viewer:
            try:
                while True:
                    got.append(viewer.next(30))
                    seen.release()
            except RingClosed:
                got.append("end")

    from threading import Semaphore

    seen = Semaphore(0)
    viewer = Thread(target=look, daemon=True)
    viewer.start()
    for frame in frames(48, 32, 2):
        while True:  # the viewer may not be there yet
            sink.write(frame)
            if seen.acquire(timeout=0.05):
                break
    sink.close()
    viewer.join(30)
    assert got[-1] == "end"
    assert len(got) >= 3


def test_a_closed_page_takes_no_picture(sink, frames):
    sink.close()
    with pytest.raises(SinkFailed):
        sink.write(frames(48, 32, 1)[0])
