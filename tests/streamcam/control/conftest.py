"""A program that writes down what it is asked, and doors that lead to it."""

import pytest

from streamcam.clock.tempo import Tempo
from streamcam.control.beat import Beat
from streamcam.control.desk import Desk
from streamcam.control.values import checked_all
from streamcam.errors import UnknownChoice, UsageError
from streamcam.stats import Stats

LOOKS = ["mine", "noir", "oil"]


class Program:
    """The running program, as its doors see it. `asked` is what it was asked for, in order."""

    def __init__(self):
        self.stats = Stats()
        self.preset_name, self.look, self.curtain = "mine", "mine", "live"
        self.quantise, self.tempo = "off", Tempo(120.0, zero=0.0)
        self.settings = {"strength": 0.5, "prompt": "anime", "seed": 2, "output.mirror": False}
        self.asked, self.prepared, self.changes = [], [], 0
        self.stats.ask("look", lambda: self.look)

    def values(self):
        return dict(self.settings)

    def change_values(self, wanted):
        found = checked_all(wanted)
        if found.get("prompt") == "endless":
            raise UsageError("prompt: it is too long.")
        self.settings |= found
        self.changes += 1
        self.asked += list(found.items())

    def prepare_values(self, wanted):
        if wanted.get("prompt") == "endless":
            raise UsageError("prompt: it is too long.")
        self.prepared.append(dict(wanted))

    def look_names(self):
        return LOOKS

    def preset_names(self):
        return ["mine", "anime"]

    def select_look(self, name):
        if name not in LOOKS:
            raise UnknownChoice("look", name, LOOKS)
        self.look = name
        self.asked.append(("look", name))

    def select_preset(self, name):
        self.asked.append(("preset", name))

    def draw_curtain(self, name):
        self.curtain = name
        self.asked.append(("curtain", name))

    def keep_time(self, tempo):
        self.tempo = tempo


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def program():
    return Program()


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def desk(program, hands):
    return Desk(program, hands)


@pytest.fixture
def beat(program, hands):
    return Beat(program, hands)
