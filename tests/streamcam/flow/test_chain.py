"""The chain: outputs of the right size and side, and repeats that cost nothing."""

import numpy as np
import pytest

from streamcam.flow.post import PostWorker
from streamcam.flow.post.chain import Chain
from streamcam.flow.post.finish import Finish
from streamcam.frames import Channel, Frame, RingClosed
from streamcam.frames.geometry import View
from streamcam.stats import Stats


def _halves(width, height, left=40, right=200):
    picture = np.full((height, width, 3), right, np.uint8)
    picture[:, : width // 2] = left
    return picture


def _of(pixels, placement=None):
    return Frame(pixels, 0, 0.0, placement=placement)


def test_a_picture_that_needs_nothing_goes_through_untouched():
    picture = _halves(64, 36)
    assert Chain(View((64, 36))).apply(_of(picture)) is picture


@pytest.mark.parametrize("size", [(128, 72), (32, 18), (64, 36)])
def test_mirror_exchanges_left_and_right_at_any_size(size):
    made = Chain(View(size), mirror=True).apply(_of(_halves(64, 36)))
    assert made.shape == (size[1], size[0], 3)
    assert (made[:, 0] == 200).all()
    assert (made[:, -1] == 40).all()


def test_mirror_is_exact():
    picture = np.random.default_rng(0).integers(0, 256, (36, 64, 3), np.uint8)
    made = Chain(View((64, 36)), mirror=True).apply(_of(picture))
    assert np.array_equal(made, picture[:, ::-1])
    assert made.flags.c_contiguous


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("size", [(64, 36), (128, 72)])
def test_the_same_array_gives_the_same_array(size, mirror):
    chain = Chain(View(size), mirror=mirror)
    first, second = _halves(64, 36), _halves(64, 36)
    made = chain.apply(_of(first))
    assert chain.apply(_of(first)) is made
    again = chain.apply(_of(second))
    assert again is not made or again is second


def test_a_picture_that_is_still_shown_is_not_written_again():
    chain = Chain(View((128, 72)), mirror=True)
    shown = [chain.apply(_of(np.full((36, 64, 3), level, np.uint8))) for level in range(10)]
    for level, picture in enumerate(shown):
        assert (picture == level).all()


def test_letterbox_bars_are_black_also_after_pictures_of_other_sizes():
    chain = Chain(View((128, 72), "letterbox"))
    for shape in ((36, 64, 3), (48, 64, 3), (64, 36, 3), (48, 64, 3)):
        made = chain.apply(_of(np.full(shape, 255, np.uint8)))
    assert (made[:, :16] == 0).all()
    assert (made[:, -16:] == 0).all()
    assert (made[:, 16:-16] == 255).all()


def test_crop_leaves_no_bars():
    made = Chain(View((128, 72))).apply(_of(np.full((48, 64, 3), 255, np.uint8)))
    assert (made == 255).all()


def test_buffers_are_used_again():
    chain = Chain(View((128, 72)), mirror=True)
    addresses = {
        chain.apply(_of(np.full((36, 64, 3), level, np.uint8))).ctypes.data for level in range(50)
    }
    assert len(addresses) <= 2


def _frame(seq, pixels, **more):
    return Frame(pixels, seq, seq / 30, seq / 25, **more)


def test_the_worker_hands_every_frame_with_its_stamp_to_every_sink():
    inbox, outboxes = Channel(8), [Channel(8), Channel(8)]
    picture = _halves(64, 36)
    inbox.put(_frame(0, picture))
    inbox.put(_frame(1, picture, repeat=True))
    inbox.close()
    with pytest.raises(RingClosed):
        PostWorker(inbox, outboxes, Finish(View((128, 72))), Stats()).work()
    for outbox in outboxes:
        first, second = outbox.get(), outbox.get()
        assert (first.seq, first.captured_at, first.media_time, first.repeat) == (0, 0, 0, False)
        assert (second.seq, second.captured_at) == (1, 1 / 30)
        assert second.media_time == 1 / 25
        assert second.repeat
        assert second.pixels is first.pixels, "a repeat is not resized again"


def test_a_sink_that_ended_is_left_out_and_the_last_one_ends_the_worker():
    inbox, outboxes = Channel(8), [Channel(8), Channel(8)]
    for seq in range(3):
        inbox.put(_frame(seq, _halves(64, 36)))
    outboxes[1].close()
    inbox.close()
    worker = PostWorker(inbox, outboxes, Finish(View((64, 36))), Stats())
    with pytest.raises(RingClosed):
        worker.work()
    assert [outboxes[0].get().seq for _ in range(3)] == [0, 1, 2]
    outboxes[0].close()
    inbox = Channel(8)
    inbox.put(_frame(0, _halves(64, 36)))
    with pytest.raises(RingClosed):
        PostWorker(inbox, outboxes, Finish(View((64, 36))), Stats()).work()


def test_another_finish_takes_effect_with_the_next_frame():
    inbox, outbox = Channel(8), Channel(8)
    worker = PostWorker(inbox, [outbox], Finish(View((64, 36))), Stats())
    worker.swap(Finish(View((64, 36)), mirror=True))
    picture = _halves(64, 36)
    inbox.put(_frame(0, picture))
    inbox.close()
    with pytest.raises(RingClosed):
        worker.work()
    assert np.array_equal(outbox.get().pixels, picture[:, ::-1])
