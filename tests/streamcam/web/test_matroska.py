"""The live film, read by an independent demuxer: PyAV's, which is FFmpeg's."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.web.matroska import MatroskaFilm


def jpeg(level, width=48, height=32):
    return cv2.imencode(".jpg", np.full((height, width, 3), level, np.uint8))[1].tobytes()


class Live:
    """A film that comes as it is made: a file in which each read brings what there is by then.

    added  how many of `pictures` there were to read, so far; `gaps` lie between them, in seconds
    """

    def __init__(self, pictures, gaps=1 / 30, fps=30.0):
        self.added = 0
        self._pictures = pictures
        self._gaps = gaps if isinstance(gaps, list) else [gaps] * len(pictures)
        self._now = 100.0
        self._film = MatroskaFilm(48, 32, fps, lambda: self._now)
        self._waiting = self._film.head

    def read(self, size):
        if not self._waiting and self.added < len(self._pictures):
            self._waiting = self._film.add(self._pictures[self.added])
            self._now += self._gaps[self.added]
            self.added += 1
        given, self._waiting = self._waiting[:size], self._waiting[size:]
        return given


def stamps(live):
    with av.open(live) as film:
        return [packet.pts for packet in film.demux(video=0) if packet.size]


def test_a_player_knows_the_film_without_being_told():
    with av.open(Live([jpeg(50), jpeg(200)])) as film:
        assert "matroska" in film.format.name
        (stream,) = film.streams
        assert (stream.type, stream.codec_context.name) == ("video", "mjpeg")
        assert (stream.width, stream.height) == (48, 32)
        assert (stream.average_rate, stream.time_base) == (30, Fraction(1, 1000))
        levels = [frame.to_ndarray(format="gray").mean() for frame in film.decode(stream)]
    assert levels == pytest.approx([50, 200], abs=1)


def test_each_picture_can_be_shown_before_the_next_one_is_there():
    live = Live([jpeg(10 * number) for number in range(12)])
    with av.open(live) as film:
        for number, frame in enumerate(film.decode(video=0)):
            assert live.added == number + 1
            assert frame.to_ndarray(format="gray").mean() == pytest.approx(10 * number, abs=1)


@pytest.mark.parametrize("fps", [1, 12.5, 29.97, 30, 59.94, 60, 240])
def test_it_says_how_fast_pictures_come_at_most(fps):
    with av.open(Live([jpeg(0)], fps=fps)) as film:
        assert float(film.streams.video[0].average_rate) == pytest.approx(fps, rel=1e-3)


def test_time_passes_as_it_does_but_for_a_hundredth():
    """Over 3 s without a rounding error that adds up."""
    assert stamps(Live([jpeg(0)] * 91, gaps=1 / 30)) == [round(33 * n) for n in range(91)]


def test_a_still_scene_is_short():
    live = Live([jpeg(0)] * 5, gaps=[0.06, 3600.0, 0.1, 0.02, 0.0])
    assert stamps(live) == [0, 59, 158, 257, 277]


def test_no_two_pictures_have_one_time():
    """Which a player could take for one of them."""
    assert stamps(Live([jpeg(0)] * 4, gaps=[0.0, 0.0001, 0.1, 0.0])) == [0, 1, 2, 99]


def test_a_picture_of_another_size_is_shown():
    with av.open(Live([jpeg(9), jpeg(9, 64, 96), jpeg(9)])) as film:
        sizes = [(frame.width, frame.height) for frame in film.decode(video=0)]
    assert sizes == [(48, 32), (64, 96), (48, 32)]


# A length has one byte up to 126, two up to 16 382, three up to 2 097 150. It is that of the block,
# whose head has 4 bytes, and that of the cluster, which has some more.
EDGES = [2**7, 2**14, 2**21]
LENGTHS = st.integers(1, 300) | st.tuples(st.sampled_from(EDGES), st.integers(-40, 4)).map(sum)


@settings(max_examples=40, deadline=None)
@given(st.lists(LENGTHS, min_size=1, max_size=4))
def test_every_picture_arrives_whole_whatever_its_length(lengths):
    sent = [bytes([number + 1]) * length for number, length in enumerate(lengths)]
    with av.open(Live(sent)) as film:
        assert [bytes(packet) for packet in film.demux(video=0) if packet.size] == sent
