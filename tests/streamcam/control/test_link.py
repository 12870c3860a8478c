"""Link, with a session that a test plays: followed while others are in it, and left at the end."""

import sys
import types
from threading import Thread

import pytest
from test_osc import wait_until

from streamcam.control import link
from streamcam.control.beat import Beat
from streamcam.control.link import LinkDoor
from streamcam.errors import UsageError


class Session:
    """What aalink's Link is to this program."""

    def __init__(self, bpm):
        self.began_with, self.enabled = bpm, False
        self.num_peers, self.tempo, self.beat = 0, 128.0, 17.25
        made.append(self)


made: list[Session] = []


@pytest.fixture
def door(program, monkeypatch):
    made.clear()
    monkeypatch.setitem(sys.modules, "aalink", types.SimpleNamespace(Link=Session))
    monkeypatch.setattr(link, "_LOOK_SECONDS", 0.01)
    door = LinkDoor(Beat(program), 97.0)
    thread = Thread(target=door.work, daemon=True)
    thread.start()
    wait_until(lambda: made and made[0].enabled)
    yield door
    door.close()
    thread.join(10)
    assert not thread.is_alive()
    assert not made[0].enabled, "the session is left"


def test_others_are_followed(door, program):
    assert made[0].began_with == 97.0
    assert program.tempo.bpm == 120.0, "alone there is nobody to follow"
    made[0].num_peers = 2
    wait_until(lambda: program.tempo.bpm == 128.0)
    assert door.peers == 2
    made[0].tempo = 90.5
    wait_until(lambda: program.tempo.bpm == 90.5)


def test_the_library_is_named_where_it_is_missing(program, monkeypatch):
    monkeypatch.setitem(sys.modules, "aalink", None)
    with pytest.raises(UsageError, match=r"pip install 'streamcam\[link\]'"):
        LinkDoor(Beat(program), 120.0)
