"""Rest: nobody looks, nothing is computed; somebody comes, and the next frame is."""

import numpy as np
import pytest

from streamcam.flow.rest import Rest
from streamcam.frames.geometry import Box
from streamcam.notices import NoticeBoard

PIXELS = np.zeros((4, 4, 3), np.uint8)


class Scene:
    """A gate that lets everything pass, a clock, and viewers."""

    changed = Box(1, 2, 3, 4)

    def __init__(self):
        self.now, self.viewers, self.wakes, self.looks = 100.0, 0, 0, 0
        self.notices = NoticeBoard()
        self.rest = Rest(self, lambda: self.viewers > 0, 10.0, self.notices, lambda: self.now)

    def passes(self, pixels):
        self.looks += 1
        return True

    def wake(self):
        self.wakes += 1

    def frames(self, seconds, rate=10):
        """What happens to the frames of the next seconds."""
        passed = []
        for _ in range(int(seconds * rate)):
            passed.append(self.rest.passes(PIXELS))
            self.now += 1 / rate
        return passed


@pytest.fixture
def scene():
    return Scene()


def test_it_rests_only_after_a_while_alone(scene):
    assert all(scene.frames(9.9))
    assert not any(scene.frames(100)[2:])
    asleep = "no program shows the picture: the engine rests until one does"
    assert scene.notices.for_users() == asleep
    looks = scene.looks
    scene.frames(10)
    assert scene.looks == looks, "not even the gate works"


def test_the_first_frame_that_somebody_sees_passes(scene):
    scene.frames(60)
    scene.viewers = 1
    assert scene.rest.passes(PIXELS)
    assert scene.wakes == 1, "whatever the gate remembers is old"
    assert scene.notices.for_users() == ""


def test_a_short_absence_is_none(scene):
    for _ in range(5):
        scene.viewers = 0
        assert all(scene.frames(9))
        scene.viewers = 1
        assert all(scene.frames(1))
    assert scene.notices.for_users() == ""


def test_it_asks_the_gate_while_watched(scene):
    scene.viewers = 1
    scene.passes = lambda pixels: False
    assert not any(scene.frames(1))


def test_a_new_look_does_not_disturb_it(scene):
    scene.frames(60)
    scene.rest.wake()
    assert not scene.rest.passes(PIXELS)


def test_what_changed_is_the_gates_to_say(scene):
    assert scene.rest.changed == scene.changed
