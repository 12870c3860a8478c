"""The curtain: what viewers get instead of the picture."""

from dataclasses import replace
from threading import Event, Thread
from time import sleep

import numpy as np
import pytest

from streamcam.errors import UnknownChoice
from streamcam.flow.curtain import Covered, Curtain, card
from streamcam.flow.delivery import Delivery
from streamcam.frames import Frame, Ring
from streamcam.looks.curtains import CURTAINS
from streamcam.sink import Format

SIZE = (64, 36)


class Sink:
    label, paced, main_thread, reopen_as, watched = "a sink", True, False, None, True
    finishes = None

    def __init__(self):
        self.written = []
        self.closed = False

    def write(self, frame):
        self.written.append(frame)

    def close(self):
        self.closed = True


def frame(seq, shade=200):
    return Frame(np.full((36, 64, 3), shade, np.uint8), seq, 10.0 + seq, 0.5 * seq)


@pytest.fixture
def curtain():
    return Curtain(SIZE)


@pytest.fixture
def sink():
    return Sink()


def test_an_open_curtain_passes_the_frame_itself(curtain, sink):
    covered = Covered(sink, curtain)
    first = frame(0)
    covered.write(first)
    covered.close()
    assert curtain.name == "live"
    assert sink.written[0] is first
    assert sink.closed
    assert (covered.label, covered.paced, covered.main_thread) == ("a sink", True, False)


def test_a_frozen_output_shows_what_was_shown_last_at_the_time_of_now(curtain, sink):
    covered = Covered(sink, curtain)
    first, second = frame(0, 100), frame(1, 250)
    covered.write(first)
    curtain.draw("freeze")
    covered.write(second)
    shown = sink.written[1]
    assert shown.pixels is first.pixels
    assert (shown.seq, shown.captured_at, shown.media_time) == (1, 11.0, 0.5)
    curtain.draw("live")
    covered.write(second)
    assert sink.written[2] is second


def test_frozen_before_the_first_picture_is_black(curtain, sink):
    curtain.draw("freeze")
    Covered(sink, curtain).write(frame(0))
    assert not sink.written[0].pixels.any()


def test_card_and_off_show_nothing_of_the_picture(curtain, sink):
    covered = Covered(sink, curtain)
    for name in ("card", "off"):
        curtain.draw(name)
        covered.write(frame(0, 100))
        covered.write(frame(1, 250))
    first, second, third, fourth = (one.pixels for one in sink.written)
    assert first is second
    assert first.any()
    assert third is fourth
    assert not third.any()


def test_a_curtain_over_a_still_picture_is_no_repeat(curtain, sink):
    """Or the page, which sends no repeats, would show it with the next picture that moves."""
    covered = Covered(sink, curtain)
    still = frame(0)
    for name in ("live", "card", "off", "live"):
        curtain.draw(name)
        for _ in range(2):
            covered.write(replace(still, repeat=True))
    assert [one.repeat for one in sink.written] == [False, True] * 4


@pytest.mark.parametrize("size", [(1920, 1080), (320, 180), (180, 320), (64, 64), (16, 8)])
def test_a_card_of_any_size_has_its_words_in_the_middle(size):
    width, height = size
    picture = card((width, height))
    assert (picture.shape, picture.dtype) == ((height, width, 3), np.uint8)
    assert picture.flags.c_contiguous
    if width < 64:
        return
    bright = np.argwhere(picture.min(-1) > 120)  # the words alone are white
    assert len(bright) > 10
    _, across = bright.mean(0) / (height, width)
    assert across == pytest.approx(0.5, abs=0.05)
    assert bright[:, 1].min() > 0.05 * width
    assert bright[:, 1].max() < 0.95 * width


def test_a_name_that_is_none_is_refused_and_changes_nothing(curtain):
    curtain.draw("card")
    with pytest.raises(UnknownChoice, match=r"unknown curtain 'of'\. Did you mean 'off'\?"):
        curtain.draw("of")
    assert curtain.name == "card"
    assert CURTAINS == ("live", "freeze", "card", "off")


def test_the_card_comes_at_the_next_tick_though_no_frame_comes_any_more(curtain, sink):
    """As when the engine hangs."""
    frames, stop = Ring(), Event()
    delivery = Delivery(Covered(sink, curtain), frames, Format(*SIZE, 100.0), stop)
    thread = Thread(target=delivery)
    thread.start()
    frames.put(frame(0))
    while len(sink.written) < 3:
        sleep(0.005)
    curtain.draw("card")
    before = len(sink.written)
    while len(sink.written) < before + 3:
        sleep(0.005)
    stop.set()
    thread.join(10)
    assert sink.written[0].pixels.min() == 200
    assert sink.written[-1].pixels is not sink.written[0].pixels
    assert sink.written[before + 1].pixels.max() == sink.written[-1].pixels.max()
    assert sink.closed
