"""Trust: a look moves with the picture, or stays on the screen."""

import cv2
import numpy as np
from moving_scene import inverted, pan

from streamcam.resolve.guide import planes_of
from streamcam.resolve.reprojection import Reprojection
from streamcam.resolve.trust import Trust

SIZE = (320, 176)


def _hatched(picture):
    """Lines that are tied to the screen."""
    lines = np.where(np.arange(picture.shape[1]) // 2 % 2, 230, 20).astype(np.uint8)
    return np.repeat(np.broadcast_to(lines, picture.shape[:2])[:, :, None], 3, 2).copy()


class Watched:
    """Trust that is given pairs."""

    def __init__(self):
        self.trust, self._reprojection, self._before = Trust(), Reprojection(SIZE), None

    def see(self, frame, styled, look):
        pair = planes_of(styled, cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
        small = self._reprojection.shrunk(pair)
        luma = np.ascontiguousarray(small[:, :, 3])
        found = None
        if self._before is not None:
            found = self._reprojection.follow(luma, self._before, 1 / 15)
        self._before = luma
        self.trust.look_at(pair, small, look, found)
        return self.trust.moves


def _trust(frames, look):
    watched = Watched()
    return [watched.see(frame, look(frame), look) for frame in frames][-1]


def test_a_look_that_moves_along_is_moved():
    assert _trust(pan(12, SIZE), inverted)


def test_a_texture_of_the_screen_stays_there():
    assert not _trust(pan(12, SIZE), _hatched)


def test_a_still_scene_says_nothing():
    frame = pan(1, SIZE)[0]
    assert _trust([frame] * 12, _hatched)


def test_it_is_moved_again_once_it_moves_along():
    watched = Watched()
    frames = pan(120, SIZE, step=(1.5, 0.5))
    told = []
    for number, frame in enumerate(frames):
        look = _hatched if number < 24 else inverted
        told.append(watched.see(frame, look(frame), look))
    assert told[0]
    assert not told[23]
    assert told[-1]


def test_a_change_of_look_says_nothing():
    watched = Watched()
    for number, frame in enumerate(pan(20, SIZE)):
        assert watched.see(frame, np.full_like(frame, 12 * number), number)
