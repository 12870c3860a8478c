"""A stream that begins on one backend and goes on to the better one, which takes long to build."""

from threading import Event

import pytest
from fake_world import FakeEngine, FakeSource, make_preset
from waiting import wait_until

from engines.errors import BackendUnavailable, BuildAbandoned
from streamcam.provision.size import candidates

FOREVER = 1_000_000
BOTH = ("torch", "tensorrt")


class Shop:
    """Makes engines; one for TensorRT takes until `go_on` is set, or until nobody wants it."""

    def __init__(self, world, go_on):
        self.world, self.go_on = world, go_on
        self.asked, self.begun, self.abandoned = [], Event(), Event()
        self.error = None
        world.backends = BOTH
        world.build = self.build

    def build(self, spec, watch):
        self.asked.append(spec.backend)
        if spec.backend == "tensorrt":
            self.begun.set()
            while not self.go_on.wait(0.01):
                watch.tell("frame step: building engine, 3 s")
                if not watch.wanted():
                    self.abandoned.set()
                    raise BuildAbandoned("not wanted")
            if self.error:
                raise self.error
        engine = FakeEngine(spec)
        engine.label = f"fake on {spec.backend}"
        self.world.engines.append(engine)
        return engine


@pytest.fixture
def shop(world, go_on):
    return Shop(world, go_on)


@pytest.fixture
def running(world, shop):
    """Call with a preset: a live pipeline that shows pictures while TensorRT builds."""

    def start(preset=None, **options):
        world.source = FakeSource(FOREVER, pace=0.001)
        pipeline = world.pipeline(preset=preset, **options)
        pipeline.start()
        assert world.sinks["fake"].reached(3)
        assert shop.begun.wait(5)
        return pipeline

    return start


def notice(pipeline):
    return pipeline.stats.snapshot().notice


def test_the_better_engine_takes_over_without_a_gap(world, shop, running, go_on):
    pipeline = running(make_preset(steps=3, batching="stream"))
    assert shop.asked == ["auto", "tensorrt"]
    first = world.engines[0]
    wait_until(lambda: notice(pipeline) == "faster engine: frame step: building engine, 3 s")
    taken = []
    take_over = FakeEngine.take_over
    FakeEngine.take_over = lambda self, other: (
        taken.append((self, other)),
        take_over(self, other),
    )[1]
    try:
        go_on.set()
        wait_until(lambda: len(world.engines) == 2 and first.closes)
    finally:
        FakeEngine.take_over = take_over
    second = world.engines[1]
    assert taken == [(second, first)], "between two frames, with the frames in flight"
    wait_until(lambda: second.runs > 5)
    pipeline.stop()
    delay = 2  # a cold engine holds its first frame in every slot
    seqs = [seq for seq, *_ in world.sinks["fake"].frames][delay:]
    assert seqs == sorted(set(seqs)), "no picture twice, and time never runs backwards"
    assert notice(pipeline) == ""
    building = "engine: a faster one is built, which will take over by itself"
    assert world.said.count(building) == 1
    assert "engine: fake on tensorrt, 128x128, 3 steps" in world.said


def test_looks_and_edits_act_while_it_is_built_and_stay_after(world, shop, running, go_on):
    pipeline = running(make_preset(looks={"bright": "bright sun"}))
    pipeline.select_look("bright")
    wait_until(lambda: pipeline.stats.snapshot().look == "bright")
    pipeline.apply_preset(make_preset(looks={"bright": "bright sun"}, strength=0.7))
    go_on.set()
    wait_until(lambda: len(world.engines) == 2 and world.engines[1].runs > 3)
    assert not shop.abandoned.is_set(), "the same engine serves the edited preset"
    assert pipeline.stats.snapshot().look == "bright"
    pipeline.select_look(pipeline.preset_name)
    wait_until(lambda: pipeline.stats.snapshot().look == pipeline.preset_name)
    assert world.engines[1].prompts, "prompts are encoded by the engine that runs"
    assert shop.asked == ["auto", "tensorrt"]


def test_one_that_fails_leaves_the_first_and_says_why(world, shop, running, go_on):
    shop.error = BackendUnavailable("TensorRT-RTX 1.0 could not build an engine: no tactic.")
    pipeline = running()
    go_on.set()
    wait_until(lambda: "no tactic. The running engine stays." in notice(pipeline))
    before = world.engines[0].runs
    wait_until(lambda: world.engines[0].runs > before + 5)
    assert len(world.engines) == 1
    assert not world.engines[0].closes


def test_another_preset_ends_the_build_and_begins_its_own(world, shop, running, go_on):
    pipeline = running(make_preset(steps=1))
    pipeline.apply_preset(make_preset(batching="stream", steps=2))
    assert shop.abandoned.wait(5)
    wait_until(lambda: shop.asked == ["auto", "tensorrt", "torch", "tensorrt"])
    assert world.engines[1].spec.steps == 2
    wait_until(lambda: world.engines[1].runs > 3)
    go_on.set()
    wait_until(lambda: len(world.engines) == 3 and world.engines[2].runs > 3)
    assert world.engines[2].spec.steps == 2


def test_going_back_to_the_running_spec_forgets_what_was_built_for_another(
    world, shop, running, go_on
):
    pipeline = running(make_preset(steps=1))
    pipeline.apply_preset(make_preset(batching="stream", steps=2))
    wait_until(lambda: len(shop.asked) == 4)
    pipeline.apply_preset(make_preset(batching="stream", steps=2, strength=0.7))
    shop.abandoned.clear()
    go_on.set()
    wait_until(lambda: len(world.engines) == 3)
    assert not shop.abandoned.is_set()


def test_stopping_ends_the_build(world, shop, running):
    pipeline = running()
    pipeline.stop()
    assert shop.abandoned.is_set()
    assert not any("left behind" in line for line in world.said)


def test_an_automatic_size_is_one_that_is_built_already(world, shop):
    """The largest of them, if it holds the rate; then nothing else is built or measured."""
    sizes = candidates(1.0)
    world.kept = [sizes[0], sizes[3], sizes[1]]
    world.backends = ()  # nothing better comes after it
    world.source = FakeSource(FOREVER, pace=0.001)
    world.pipeline(size=None).start()
    assert world.sinks["fake"].reached(10)
    assert shop.asked == ["auto"]
    assert [(one.spec.width, one.spec.height) for one in world.engines] == [sizes[3]]
    assert any(f"{sizes[3][0]}x{sizes[3][1]}: engine" in line for line in world.said)


def test_explicit_tensorrt_begins_on_torch_as_well(world, shop, running, go_on):
    running(backend="tensorrt")
    assert shop.asked == ["torch", "tensorrt"], "no stream waits for minutes"


def test_where_there_is_no_better_one_nothing_is_built(world, shop):
    world.backends = ("openvino",)
    world.source = FakeSource(FOREVER, pace=0.001)
    world.pipeline().start()
    assert world.sinks["fake"].reached(20)
    assert shop.asked == ["auto"]


def test_a_file_is_rendered_by_what_there_is(world, shop, tmp_path):
    world.source = FakeSource(5)
    pipeline = world.pipeline(realtime=False)
    pipeline.start()
    assert pipeline.wait(10)
    assert shop.asked == ["auto"]
