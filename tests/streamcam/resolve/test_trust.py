"""Trust: a look moves with the picture, or stays on the screen."""

import cv2
import numpy as np
from moving_scene import inverted, pan

from streamcam.resolve.reprojection import Reprojection
from streamcam.resolve.trust import Trust

SIZE = (320, 176)


def _hatched(picture):
    """Lines that are tied to the screen."""
    lines = np.where(np.arange(picture.shape[1]) // 2 % 2, 230, 20).astype(np.uint8)
    return np.repeat(np.broadcast_to(lines, picture.shape[:2])[:, :, None], 3, 2).copy()


def _trust(frames, look):
    trust, reprojection = Trust(SIZE), Reprojection(SIZE)
    for frame in frames:
        small = reprojection.shrunk(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
        trust.look_at(look(frame), small, look, 1 / 15)
    return trust.moves


def test_a_look_that_moves_along_is_moved():
    assert _trust(pan(12, SIZE), inverted)


def test_a_texture_of_the_screen_stays_there():
    assert not _trust(pan(12, SIZE), _hatched)


def test_a_still_scene_says_nothing():
    frame = pan(1, SIZE)[0]
    assert _trust([frame] * 12, _hatched)


def test_it_is_moved_again_once_it_moves_along():
    trust, reprojection = Trust(SIZE), Reprojection(SIZE)
    frames = pan(120, SIZE, step=(1.5, 0.5))
    told = []
    for number, frame in enumerate(frames):
        small = reprojection.shrunk(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
        look = _hatched if number < 24 else inverted
        trust.look_at(look(frame), small, look, 1 / 15)
        told.append(trust.moves)
    assert told[0]
    assert not told[23]
    assert told[-1]


def test_a_change_of_look_says_nothing():
    trust, reprojection = Trust(SIZE), Reprojection(SIZE)
    for number, frame in enumerate(pan(20, SIZE)):
        small = reprojection.shrunk(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
        trust.look_at(np.full_like(frame, 12 * number), small, number, 1 / 15)
        assert trust.moves
