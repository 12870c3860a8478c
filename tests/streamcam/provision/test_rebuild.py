"""Rebuild: the newest wish counts, failures are told, nothing built is left open."""

from dataclasses import dataclass, replace
from threading import Event

import pytest

from engines.api import EngineSpec
from engines.backends.null import NullEngine
from engines.errors import BackendUnavailable, InvalidPrompt
from streamcam.provision import rebuild as rebuild_module
from streamcam.provision.rebuild import Rebuild, Wish
from streamcam.stage import Stage


class Closing(NullEngine):
    closed = False

    def close(self):
        self.closed = True


class Workshop:
    """Builds when the test lets it, and remembers what it built."""

    def __init__(self, *, free=True):
        self.built, self.started, self.go_on = [], Event(), Event()
        if free:
            self.go_on.set()

    def build(self, spec, watch):
        self.watch = watch
        self.started.set()
        assert self.go_on.wait(10)
        if spec.model == "broken":
            raise BackendUnavailable("no such device")
        if spec.model == "driver":
            raise RuntimeError("clBuildProgram failed")
        self.built.append(Closing(spec))
        return self.built[-1]


@dataclass
class Recipe:
    """What the workshop builds; any may stand behind any other."""

    spec: EngineSpec
    workshop: Workshop

    def build(self, watch):
        return self.workshop.build(self.spec, watch)


class Asker:
    """Records the answers to its wishes."""

    def __init__(self, rebuild, workshop):
        self.rebuild, self.workshop, self.answered = rebuild, workshop, Event()
        self.engines, self.errors, self.told = [], [], []

    def ask(self, **changes):
        self.ask_for([replace(EngineSpec(), **changes)])

    def ask_for(self, specs, ready=None):
        order = [Recipe(spec, self.workshop) for spec in specs]
        self.ask_later(lambda: order, ready)

    def ask_later(self, order, ready=None):
        self.rebuild.ask(Wish(order, ready or self.ready, self.failed, self.told.append))

    def ready(self, engine, last):
        self.engines.append(engine)
        if last:
            self.answered.set()

    def failed(self, error):
        self.errors.append(str(error))
        self.answered.set()


@pytest.fixture
def running():
    """Call with a workshop: an asker whose wishes are served."""
    stages = []

    def start(workshop):
        rebuild = Rebuild()
        stages.append((Stage("rebuild", rebuild.work, [rebuild]), rebuild))
        stages[-1][0].start()
        return Asker(rebuild, workshop)

    yield start
    for stage, rebuild in stages:
        rebuild.close()
        assert stage.join(5)
        assert stage.errors == []


def test_a_wish_becomes_an_engine(running):
    asker = running(Workshop())
    asker.ask(steps=4)
    assert asker.answered.wait(5)
    assert asker.engines[0].spec.steps == 4
    assert not asker.engines[0].closed


@pytest.mark.parametrize(
    ("model", "reason"), [("broken", "no such device"), ("driver", "clBuildProgram failed")]
)
def test_a_failed_build_is_told_and_the_next_wish_is_served(running, model, reason):
    asker = running(Workshop())
    asker.ask(model=model)
    assert asker.answered.wait(5)
    assert asker.errors == [reason]
    asker.answered.clear()
    asker.ask(steps=2)
    assert asker.answered.wait(5)
    assert len(asker.engines) == 1


def test_only_the_newest_wish_counts(running):
    workshop = Workshop(free=False)
    asker = running(workshop)
    asker.ask(steps=1)
    assert workshop.started.wait(5)
    asker.ask(model="broken")
    asker.ask(steps=3)
    workshop.go_on.set()
    assert asker.answered.wait(5)
    assert [engine.spec.steps for engine in workshop.built] == [1, 3]
    assert workshop.built[0].closed, "nobody wants it any more"
    assert asker.engines == [workshop.built[1]]
    assert asker.errors == []


def test_a_forgotten_wish_is_not_answered(running):
    workshop = Workshop(free=False)
    asker = running(workshop)
    asker.ask(model="broken")
    assert workshop.started.wait(5)
    asker.rebuild.forget()
    workshop.go_on.set()
    asker.ask(steps=2)
    assert asker.answered.wait(5)
    assert asker.errors == []


def test_an_engine_that_cannot_take_the_look_is_closed_and_told(running):
    workshop = Workshop()
    asker = running(workshop)

    def refuse(engine, last):
        raise InvalidPrompt("too long for this model")

    asker.ask_for([EngineSpec()], refuse)
    assert asker.answered.wait(5)
    assert asker.errors == ["too long for this model"]
    assert workshop.built[0].closed


def test_engines_are_built_one_after_another(running):
    asker = running(Workshop())
    asker.ask_for([EngineSpec(backend="torch"), EngineSpec(backend="tensorrt")])
    assert asker.answered.wait(5)
    assert [engine.spec.steps for engine in asker.engines] == [1, 1]
    assert asker.errors == []


def test_a_better_engine_that_fails_leaves_the_first(running):
    asker = running(Workshop())
    asker.ask_for([EngineSpec(), EngineSpec(model="broken"), EngineSpec(steps=3)])
    assert asker.answered.wait(5)
    assert asker.errors == ["no such device"]
    assert len(asker.engines) == 1
    assert not asker.engines[0].closed


def test_nothing_to_build_is_no_answer(running):
    asker = running(Workshop())
    asker.ask_for([])
    asker.ask(steps=2)
    assert asker.answered.wait(5)
    assert len(asker.engines) == 1
    assert asker.errors == []


def test_a_long_build_hears_that_it_is_not_wanted_and_may_tell_how_far_it_is(running):
    workshop = Workshop(free=False)
    asker = running(workshop)
    asker.ask_for([EngineSpec(), EngineSpec(steps=8)])
    assert workshop.started.wait(5)
    watch = workshop.watch
    watch.tell("half way")
    assert asker.told == ["half way"]
    assert watch.wanted()
    asker.ask(steps=2)
    assert not watch.wanted()
    workshop.go_on.set()
    assert asker.answered.wait(5)
    assert [engine.spec.steps for engine in workshop.built] == [1, 2], "the rest is forgotten"


def test_closing_during_a_build_closes_what_is_built():
    workshop = Workshop(free=False)
    rebuild = Rebuild()
    stage = Stage("rebuild", rebuild.work, [rebuild])
    stage.start()
    asker = Asker(rebuild, workshop)
    asker.ask()
    assert workshop.started.wait(5)
    rebuild.close()
    assert not stage.join(0.05), "a build cannot be interrupted"
    workshop.go_on.set()
    assert stage.join(5)
    assert stage.errors == []
    assert workshop.built[0].closed
    assert asker.engines == []


class Stuck(Workshop):
    """Its first build waits for a device that hangs."""

    def build(self, spec, watch):
        if self.built or self.started.is_set():
            self.built.append(Closing(spec))
            return self.built[-1]
        return super().build(spec, watch)


def test_a_build_that_hangs_is_left_and_another_thread_goes_on():
    workshop = Stuck(free=False)
    rebuild = Rebuild()
    assert not rebuild.abandon(), "nothing is being built"
    assert rebuild.silent() == 0.0
    first = Stage("rebuild", rebuild.work, [rebuild])
    first.start()
    asker = Asker(rebuild, workshop)
    asker.ask(steps=1)
    assert workshop.started.wait(5)
    assert rebuild.silent() > 0.0
    assert rebuild.abandon()
    assert rebuild.silent() == 0.0
    assert not rebuild.abandon(), "once is enough"
    second = Stage("rebuild", rebuild.work, [rebuild])
    second.start()
    asker.ask(steps=2)
    assert asker.answered.wait(5)
    assert [engine.spec.steps for engine in asker.engines] == [2]
    asker.answered.clear()
    workshop.go_on.set()
    assert first.join(5), "it ends once what it waited for returns"
    assert first.errors == []
    left = next(engine for engine in workshop.built if engine.spec.steps == 1)
    assert left.closed
    asker.ask(steps=3)
    assert asker.answered.wait(5), "its end closed nothing that the other needs"
    assert [engine.spec.steps for engine in asker.engines] == [2, 3]
    rebuild.close()
    assert second.join(5)
    assert second.errors == []


def test_who_asks_whether_a_build_is_wanted_gives_a_sign_of_life(running):
    workshop = Workshop(free=False)
    asker = running(workshop)
    asker.ask()
    assert workshop.started.wait(5)
    before = asker.rebuild._heard
    assert workshop.watch.wanted()
    assert asker.rebuild._heard > before
    before = asker.rebuild._heard
    workshop.watch.tell("half way")
    assert asker.rebuild._heard > before
    workshop.go_on.set()
    assert asker.answered.wait(5)


def test_what_became_known_while_it_was_planned_spares_a_build(running):
    """The order may take seconds to say; a wish that came meanwhile counts."""
    workshop = Workshop()
    asker = running(workshop)
    begun, go_on = Event(), Event()

    def order():
        begun.set()
        assert go_on.wait(5)
        return [Recipe(EngineSpec(steps=1), workshop)]

    asker.ask_later(order)
    assert begun.wait(5)
    asker.ask(steps=2)
    go_on.set()
    assert asker.answered.wait(5)
    assert [engine.spec.steps for engine in workshop.built] == [2]


def test_an_error_nobody_expected_ends_the_stage():
    class Unlucky(Workshop):
        def build(self, spec, watch):
            raise ZeroDivisionError

    rebuild = Rebuild()
    stage = Stage("rebuild", rebuild.work, [rebuild])
    stage.start()
    Asker(rebuild, Unlucky()).ask()
    assert stage.join(5)
    assert isinstance(stage.errors[0], ZeroDivisionError)


def test_in_calm_the_running_engine_is_improved(monkeypatch):
    monkeypatch.setattr(rebuild_module, "_CALM_SECONDS", 0.02)
    calls, improved = [], Event()

    def in_calm(watch):
        calls.append(watch.wanted())
        if len(calls) == 3:
            improved.set()

    rebuild = Rebuild(in_calm)
    stage = Stage("rebuild", rebuild.work, [rebuild])
    stage.start()
    assert improved.wait(5)
    asker = Asker(rebuild, Workshop())
    asker.ask(steps=4)
    assert asker.answered.wait(5)
    rebuild.close()
    assert stage.join(5)
    assert stage.errors == []
    assert calls[:3] == [True] * 3


@pytest.mark.parametrize("what", ["a wish", "the end"])
def test_what_is_done_in_calm_makes_way_for(monkeypatch, what):
    monkeypatch.setattr(rebuild_module, "_CALM_SECONDS", 0.02)
    begun, ended = Event(), []

    def in_calm(watch):
        begun.set()
        while watch.wanted():
            Event().wait(0.01)
        ended.append(rebuild.silent())

    rebuild = Rebuild(in_calm)
    stage = Stage("rebuild", rebuild.work, [rebuild])
    stage.start()
    assert begun.wait(5)
    if what == "a wish":
        asker = Asker(rebuild, Workshop())
        asker.ask(steps=4)
        assert asker.answered.wait(5)
    rebuild.close()
    assert stage.join(5)
    assert stage.errors == []
    assert ended
    assert ended[0] < 5, "it gave signs of life"
