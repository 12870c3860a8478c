"""What fails, and what runs next: every row of the table in streamcam/README.md."""

from pathlib import Path
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
from fake_world import FakeSink, FakeSource, make_preset
from played_card import PlayedCard
from waiting import wait_until

from engines.errors import EngineFailed
from streamcam.errors import UsageError

README = Path(__file__).parents[3] / "streamcam" / "README.md"
GRAPH, EAGER = "torch graph float16 320x176", "torch eager float16 320x176"
PLAN, PROCESSOR = "tensorrt graph float16 320x176", "openvino auto auto 320x176"
SMALLER = "256x144"

# What fails, and what is then built, in turn. Where the last one is None nothing is left.
ROWS = {
    "a frame of a CUDA graph": ("graph", GRAPH, [GRAPH, EAGER]),
    "every frame on the device": ("stubborn", GRAPH, [GRAPH, EAGER, PROCESSOR]),
    "frames, for want of memory": (
        "memory",
        GRAPH,
        [GRAPH, EAGER, f"torch eager float16 {SMALLER}"],
    ),
    "blank pictures, float16": ("blank", GRAPH, ["torch graph bfloat16 320x176"]),
    "blank pictures, bfloat16": (
        "blanker",
        GRAPH,
        ["torch graph bfloat16 320x176", "torch graph float32 320x176"],
    ),
    "a TensorRT engine": ("plan", PLAN, [GRAPH]),
    "a TensorRT engine that does not load": ("plan-load", PLAN, [GRAPH]),
    "the capture of a CUDA graph": ("capture", GRAPH, [EAGER]),
    "the device": ("illegal", GRAPH, [PROCESSOR]),
    "the device, which hangs": ("hang", GRAPH, [PROCESSOR]),
    "everything": (
        "all",
        GRAPH,
        [GRAPH, EAGER, PROCESSOR, f"openvino auto auto {SMALLER}", None],
    ),
}


class Photo(FakeSource):
    """Pictures with something in them."""

    def read(self):
        frame = super().read()
        frame.pixels[64:, ::2] = 255
        return frame


@pytest.fixture
def start(world, monkeypatch, real_recipes):
    """Call with a fault: a live run on a card that has it."""
    cards = []
    monkeypatch.setattr("streamcam.pipeline.watchdog._SHORTEST_SECONDS", 0.3)
    monkeypatch.setattr("streamcam.pipeline.watchdog._TIMES_USUAL", 1)
    monkeypatch.setattr("engines.outages._TIMEOUT_SECONDS", 0.2)

    def go(fault, *, plans=False, at=10, size=(320, 176), **options):
        cards.append(PlayedCard(fault, plans=plans, at=at))
        cards[-1].install(monkeypatch.setattr)
        world.source = Photo(1_000_000, pace=0.002)
        world.sinks["fake"] = FakeSink(paced=True)
        pipeline = world.pipeline(size=size, **options)
        pipeline.start()
        return cards[-1], pipeline

    yield go
    for card in cards:
        card.go_on.set()
    wait_until(lambda: not _left_behind())


def _left_behind():
    """Threads whose place another one has taken: they end once the card lets them go."""
    names = [thread.name for thread in enumerate_threads()]
    return [name for name in ("infer", "rebuild") if names.count(name) > 1]


def notice(pipeline):
    return pipeline.stats.snapshot().notice


@pytest.mark.parametrize("row", ROWS)
def test_what_runs_next(world, start, row):
    fault, first, following = ROWS[row]
    card, pipeline = start(fault, plans=first == PLAN)
    expected = [first, *following]
    if expected[-1] is None:
        del expected[-1]
        wait_until(lambda: "No other one is tried" in notice(pipeline))
    wait_until(lambda: len(card.built) >= len(expected))
    assert world.sinks["fake"].more(30)
    assert card.built == expected
    if following[-1] is not None:
        wait_until(lambda: "the engine failed" not in notice(pipeline))


def test_the_readme_has_these_rows():
    table = README.read_text("utf-8").partition("| what fails ")[2].partition("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert rows == list(ROWS)


@pytest.mark.parametrize("fault", ["illegal", "hang"])
def test_a_device_that_is_gone_is_said_once_and_not_tried_again(world, start, fault):
    card, pipeline = start(fault)
    wait_until(lambda: card.built[-1] == PROCESSOR)
    wait_until(lambda: "the engine failed" not in notice(pipeline))
    for number, steps in enumerate((2, 3), 3):
        pipeline.apply_preset(make_preset(steps=steps, batching="stream", backend="torch"))
        wait_until(lambda number=number: len(card.built) == number)
        wait_until(lambda steps=steps: pipeline.preset.steps == steps)
    assert card.built == [GRAPH, PROCESSOR, PROCESSOR, PROCESSOR]
    (line,) = [line for line in world.said if "is gone" in line]
    assert line.startswith("engine: cuda:0 is gone for this run (")
    assert "engines run on the processor from now on" in line
    assert notice(pipeline) == "cuda:0 is gone for this run: the engine runs on the processor"
    assert world.sinks["fake"].more(10)


def test_an_edit_of_the_preset_stays_on_what_works(start):
    card, pipeline = start("graph")
    wait_until(lambda: card.built[-1] == EAGER and "failed" not in notice(pipeline))
    pipeline.apply_preset(make_preset(prompt="another"))
    assert pipeline.preset.prompt == "another", "at once: nothing is built for it"
    assert card.built == [GRAPH, GRAPH, EAGER]


def test_an_edit_while_it_is_mended_waits_for_that(world, start):
    card, pipeline = start("hang")
    wait_until(lambda: pipeline.stats.snapshot().notice)
    with pytest.raises(UsageError, match="no engine now"):
        pipeline.select_look("custom")
    pipeline.apply_preset(make_preset(prompt="another"))
    wait_until(lambda: pipeline.preset.prompt == "another")
    assert card.built == [GRAPH, PROCESSOR]


def test_who_edits_a_prompt_while_the_device_hangs_keeps_nobody_from_mending(world, start):
    """A prompt is encoded by the device, so whoever edits one waits for it as well."""
    card, pipeline = start("hang", at=30)
    wait_until(lambda: card.hung)
    editing = Thread(target=lambda: pipeline.apply_preset(make_preset(prompt="another")))
    editing.start()
    wait_until(lambda: card.built[-1] == PROCESSOR and "engine failed" not in notice(pipeline))
    assert world.sinks["fake"].more(20)
    assert editing.is_alive()
    card.go_on.set()
    editing.join(10)
    assert not editing.is_alive()


def test_an_automatic_size_is_one_for_the_processor_then(start):
    card, _ = start("illegal", size=None, at=80)
    wait_until(lambda: card.built[-1].startswith("openvino"))
    chosen = [line.rpartition(" ")[2] for line in card.built]
    largest = max(int(size.partition("x")[0]) for size in chosen)
    assert int(chosen[-1].partition("x")[0]) < largest


def test_after_everything_failed_a_saved_preset_begins_anew(start):
    card, pipeline = start("all")
    wait_until(lambda: "No other one is tried" in notice(pipeline))
    tried = len(card.built)
    card.fault = ""
    pipeline.apply_preset(make_preset(prompt="again"))
    wait_until(lambda: not notice(pipeline))
    assert card.built[tried:] == [GRAPH]


def test_a_build_that_waits_for_a_device_that_hangs_is_left(world, start):
    """The engine hangs while another one is being built, which waits for it for ever."""
    card, pipeline = start("hang", at=60)
    begun = Event()
    really = card.build

    def slow(model, spec):
        if spec.backend == "torch":
            begun.set()
            wait_until(lambda: card.hung)
        return really(model, spec)

    card.build = slow
    pipeline.apply_preset(make_preset(steps=2, batching="stream"))
    assert begun.wait(5)
    wait_until(lambda: pipeline.preset.steps == 2)
    assert card.built[-1] == PROCESSOR, "what was wanted meanwhile, on the processor"
    assert world.sinks["fake"].more(20)


def test_a_build_that_says_nothing_is_left_once_its_device_does_not_answer(
    world, start, monkeypatch
):
    """Nothing runs on the device, so nobody but the build could notice."""
    monkeypatch.setattr("streamcam.pipeline.watchdog._SILENT_SECONDS", 0.3)
    card, pipeline = start("graph", at=10)
    wait_until(lambda: card.built[-1] == EAGER and "failed" not in notice(pipeline))
    card.hung = True
    pipeline.apply_preset(make_preset(steps=2, batching="stream"))
    wait_until(lambda: pipeline.preset.steps == 2)
    assert card.built[-1] == PROCESSOR


def test_a_build_that_says_nothing_goes_on_while_its_device_answers(start, monkeypatch):
    monkeypatch.setattr("streamcam.pipeline.watchdog._SILENT_SECONDS", 0.1)
    card, pipeline = start("")
    asked, go_on = [], Event()
    synchronise, really = card.synchronise, card.build

    def counting(device):
        asked.append(device)
        return synchronise(device)

    def slow(model, spec):
        engine = really(model, spec)
        assert go_on.wait(20)
        return engine

    monkeypatch.setattr("engines.outages._synchronise", counting)
    card.build = slow
    pipeline.apply_preset(make_preset(steps=2, batching="stream"))
    wait_until(lambda: len(asked) > 3)
    go_on.set()
    wait_until(lambda: pipeline.preset.steps == 2)
    assert set(asked) == {"cuda:0"}
    assert card.built == [GRAPH, GRAPH]


def test_a_preset_whose_build_met_the_end_of_the_device_is_built_on_the_processor(start):
    card, pipeline = start("")
    wait_until(lambda: card.engines and card.engines[0].runs > 3)
    card.dead = True
    pipeline.apply_preset(make_preset(steps=2, batching="stream"))
    wait_until(lambda: pipeline.preset.steps == 2)
    assert card.built == [GRAPH, GRAPH, PROCESSOR]


def test_a_tensorrt_engine_that_does_not_load_later_costs_no_preset(start):
    """The first was ready and ran; the next is for another number of steps and is damaged."""
    card, pipeline = start("", plans=True)
    wait_until(lambda: card.engines and card.engines[0].runs > 3)
    card.fault = "plan-load"
    pipeline.apply_preset(make_preset(steps=2, batching="stream"))
    wait_until(lambda: pipeline.preset.steps == 2)
    assert card.built == [PLAN, PLAN, GRAPH]
    pipeline.apply_preset(make_preset(steps=1))
    wait_until(lambda: pipeline.preset.steps == 1)
    pipeline.apply_preset(make_preset(steps=2, batching="stream"))
    wait_until(lambda: pipeline.preset.steps == 2)
    assert card.built[3:] == [PLAN, GRAPH, GRAPH], "not that one again"


def test_a_failure_after_a_long_run_is_a_new_one(start, monkeypatch):
    monkeypatch.setattr("streamcam.provision.repair._LASTED_SECONDS", 0.0)
    card, _ = start("graph")
    wait_until(lambda: len(card.built) > 5)
    assert set(card.built) == {GRAPH}


def test_a_render_ends_with_the_error(world, start):
    with pytest.raises(EngineFailed, match="the device failed"):
        start("illegal", realtime=False)[1].wait(10)
