"""Live, the engine's shape follows the picture's; rendered, file and engine have the source's."""

from dataclasses import replace
from fractions import Fraction
from threading import Event

import pytest
from corner_charts import chart, check, expected
from fake_world import FakeEngine, FakeSink, FakeSource, make_preset
from waiting import wait_until

from engines.errors import EngineFailed
from streamcam.capture import FilmInfo, Opened
from streamcam.errors import UsageError
from streamcam.pipeline import Options

FOREVER = 1_000_000
BARS = {"size": "1280x720", "fps": 30.0, "fit": "letterbox"}


@pytest.fixture
def soon(monkeypatch):
    """A shape lasts after a moment."""
    monkeypatch.setattr("streamcam.provision.shape._LASTS_SECONDS", 0.3)


@pytest.fixture
def running(world, soon):
    """Call with a preset: a live pipeline with an automatic size over a source of 320x180."""

    def start(preset=None, **options):
        world.source = FakeSource(FOREVER, size=(320, 180), pace=0.002)
        pipeline = world.pipeline(
            preset=preset or make_preset(output=BARS), **{"size": None, **options}
        )
        pipeline.start()
        assert world.sinks["fake"].reached(3)
        return pipeline

    return start


def turn(world, size=(180, 320)):
    world.source.width, world.source.height = size


def turn_and_build_until(go_on, world):
    """The source turns; an engine for it is being built, for as long as `go_on` is not set."""
    building = Event()

    def build(spec):
        building.set()
        assert go_on.wait(10)
        return FakeEngine(spec)

    world.make_engine = build
    turn(world)
    assert building.wait(10)


def sizes(world):
    return [(engine.spec.width, engine.spec.height) for engine in world.engines]


def spec_of(world):
    """The size of the engine that runs; (0, 0) between one's last frame and another's first."""
    running = {(e.spec.width, e.spec.height) for e in world.engines if not e.closes and e.runs}
    assert len(running) <= 1
    return running.pop() if running else (0, 0)


def notice(pipeline):
    return pipeline.stats.snapshot().notice


def test_a_source_that_turns_gets_an_engine_of_its_shape(world, running, go_on):
    pipeline = running()
    first = world.engines[-1]
    width, height = first.spec.width, first.spec.height
    turn_and_build_until(go_on, world)
    wait_until(lambda: "the picture has another shape" in world.said[-1])
    assert world.sinks["fake"].more(10), "the picture goes on meanwhile"
    go_on.set()
    wait_until(lambda: first.closes and world.engines[-1].runs > 3)
    spec = world.engines[-1].spec
    assert spec.height > 1.5 * spec.width
    assert spec.width * spec.height == pytest.approx(width * height, rel=0.15)
    wait_until(lambda: world.said[-1] == f"engine: fake S=1, {spec.width}x{spec.height}")
    assert notice(pipeline) == ""
    assert world.sinks["fake"].sizes == {(1280, 720)}
    turn(world, (320, 180))
    wait_until(lambda: spec_of(world) == (width, height))


def test_a_turn_back_while_it_is_built_forgets_it(world, running, go_on):
    pipeline = running()
    first, building = world.engines[-1], Event()

    def build(spec):
        building.set()
        assert go_on.wait(10)
        return FakeEngine(spec)

    world.make_engine = build
    before = len(world.engines)
    turn(world)
    assert building.wait(10)
    turn(world, (320, 180))
    wait_until(lambda: pipeline._live._pending.spec == pipeline._live._recipe.spec)
    go_on.set()
    wait_until(lambda: len(world.engines) == before + 1 and world.engines[-1].closes)
    assert world.engines[-1].runs == 0
    assert not first.closes


@pytest.mark.parametrize("fixed", ["flag", "preset", "crop"])
def test_a_size_that_is_fixed_or_right_stays(world, running, fixed):
    """Cut to fill the output, what is visible always has the output's shape."""
    fields = {"size": "256x144"} if fixed == "preset" else {}
    output = BARS | ({"fit": "crop"} if fixed == "crop" else {})
    options = {"size": (256, 144)} if fixed == "flag" else {}
    pipeline = running(make_preset(output=output, **fields), **options)
    before = sizes(world)
    turn(world)
    Event().wait(1.0)
    assert world.sinks["fake"].more()
    assert sizes(world) == before
    assert notice(pipeline) == ""


def test_an_engine_that_cannot_be_built_is_said_and_not_tried_over_and_over(world, running):
    pipeline = running()
    tried = []

    def build(spec):
        tried.append((spec.width, spec.height))
        raise RuntimeError("out of memory")

    world.make_engine = build
    before = spec_of(world)
    turn(world)
    wait_until(lambda: "out of memory The running engine stays." in notice(pipeline))
    assert notice(pipeline).startswith("an engine of ")
    Event().wait(0.7)
    assert len(tried) == 1
    assert world.sinks["fake"].more()
    assert spec_of(world) == before
    world.make_engine = FakeEngine
    pipeline.apply_preset(make_preset(output=BARS, steps=2))
    wait_until(lambda: pipeline.preset.steps == 2)
    wait_until(lambda: spec_of(world) != (0, 0))
    assert spec_of(world) == before, "a preset to come does without it as well"


def test_looks_and_edits_act_while_it_is_built_and_stay_after(world, running, go_on):
    looks = {"light": "bright", "dark": "night"}
    pipeline = running(make_preset(output=BARS, looks=looks))
    turn_and_build_until(go_on, world)
    edited = make_preset(output=BARS, looks=looks, strength=0.9)
    pipeline.apply_preset(edited)
    assert pipeline.preset is edited
    pipeline.select_look("light")
    assert pipeline.stats.snapshot().look == "light"
    before = len(world.engines)
    go_on.set()
    wait_until(lambda: len(world.engines) == before + 1 and world.engines[-1].runs > 3)
    assert pipeline.preset is edited
    assert pipeline.stats.snapshot().look == "light"
    pipeline.select_look("dark")
    assert "night" in world.engines[-1].prompts, "prompts are encoded by the engine that runs"


def test_another_preset_while_it_is_built_comes_in_the_new_shape(world, running, go_on):
    pipeline = running()
    turn_and_build_until(go_on, world)
    pipeline.apply_preset(make_preset(output=BARS, steps=3, batching="stream"))
    go_on.set()
    wait_until(lambda: pipeline.preset.steps == 3)
    wait_until(lambda: world.engines[-1].runs > 3)
    width, height = spec_of(world)
    assert height > width


def test_another_fit_is_seen_at_once_and_changes_the_shape_as_well(world, running):
    pipeline = running(make_preset(output={**BARS, "fit": "crop", "size": "360x640"}))
    width, height = spec_of(world)
    assert height > width
    assert world.sinks["fake"].greys[-1] > 0
    first = len(world.engines)
    pipeline.apply_preset(make_preset(output={**BARS, "size": "360x640"}))
    wait_until(lambda: world.sinks["fake"].greys[-1] == 0)  # a bar
    assert len(world.engines) == first
    wait_until(lambda: spec_of(world)[0] > spec_of(world)[1])


def test_a_fade_goes_on_over_a_change_of_shape(world, running):
    pipeline = running(
        make_preset(output=BARS, crossfade=10.0, looks={"light": "bright"}, prompt="bright sun")
    )
    before = world.engines[-1]
    pipeline.select_look("light")
    tour = pipeline._live.playing.box._tour
    turn(world)
    wait_until(lambda: before.closes and world.engines[-1].runs > 3)
    assert pipeline._live.playing.box._tour is tour
    assert pipeline.stats.snapshot().look == "light"


def test_after_a_mishap_the_shape_changes_in_the_smaller_size(world, running):
    full, begun = Event(), {}

    class Hungry(FakeEngine):
        def run(self, frame_HWC, params, out_HWC=None):
            if full.is_set() and frame_HWC.size == begun["size"]:
                raise EngineFailed("out of memory")
            return super().run(frame_HWC, params, out_HWC)

    world.make_engine = Hungry
    running()
    width, height = before = spec_of(world)
    begun["size"] = width * height * 3
    full.set()
    wait_until(lambda: sizes(world)[-1] != before and world.engines[-1].runs > 3)
    width, height = spec_of(world)
    turn(world)
    wait_until(lambda: spec_of(world)[1] > spec_of(world)[0])
    turned = spec_of(world)
    assert turned[0] * turned[1] == pytest.approx(width * height, rel=0.15)


def test_an_engine_that_breaks_in_between_is_mended(world, running, go_on):
    pipeline = running()
    first, building = world.engines[-1], Event()

    def build(spec):
        building.set()
        assert go_on.wait(10)
        return FakeEngine(spec)

    world.make_engine = build
    turn(world)
    assert building.wait(10)
    first.runs, first.fails = 3, EngineFailed("the driver is gone")
    wait_until(lambda: "the driver is gone" in notice(pipeline))
    go_on.set()
    wait_until(lambda: notice(pipeline) == "" and world.engines[-1].runs > 3)
    width, height = spec_of(world)
    assert height > width


class Charts(FakeSource):
    """Five charts of each of these sizes, and then the end."""

    def __init__(self, *sizes):
        super().__init__(5 * len(sizes), size=sizes[0])
        self.sizes = sizes

    def read(self):
        self.width, self.height = size = self.sizes[min(self.seq // 5, len(self.sizes) - 1)]
        return replace(super().read(), pixels=chart(*size))


class Pictures(FakeSink):
    """Keeps the pictures as well."""

    def __init__(self):
        super().__init__()
        self.pictures = []

    def write(self, frame):
        super().write(frame)
        self.pictures.append((frame.seq, frame.pixels.copy()))


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("realtime", [False, True])
def test_a_stream_whose_pictures_turn_is_shown_upright(world, fit, mirror, realtime):
    """A phone that is turned, then a 4:3 broadcast that becomes 16:9."""
    shapes = [(512, 288), (288, 512), (768, 576), (1024, 576)]
    world.source, world.sinks = Charts(*shapes), {"fake": Pictures()}
    world.source.pace = 0.03 * realtime
    output = {"size": "640x360", "fps": 30.0, "fit": fit, "mirror": mirror}
    pipeline = world.pipeline(
        preset=make_preset(output=output, steps=3), size=(448, 256), realtime=realtime
    )
    pipeline.start()
    assert pipeline.wait(30)
    pictures = world.sinks["fake"].pictures
    assert realtime or [seq for seq, _ in pictures] == list(range(20))
    for seq, picture in pictures:
        check(picture, expected(shapes[seq // 5], (640, 360), fit, mirror=mirror), 8)


# --- rendered -----------------------------------------------------------------------------------


def render(world, source, preset=None, **options):
    world.source = source
    pipeline = world.pipeline(
        preset=preset or make_preset(output={}), realtime=False, **{"size": None, **options}
    )
    pipeline.start()
    assert pipeline.wait(30)
    return pipeline


@pytest.mark.parametrize(
    ("size", "output", "engine"),
    [
        ((288, 512), (288, 512), (256, 448)),
        ((640, 480), (640, 480), (384, 288)),
        ((321, 241), (320, 240), (384, 288)),
        ((1, 1), (2, 2), (336, 336)),
    ],
)
def test_a_rendered_file_keeps_its_shape(world, size, output, engine):
    render(world, FakeSource(2, size=size))
    assert world.sinks["fake"].sizes == {output}
    assert sizes(world) == [engine]


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_an_explicit_size_is_obeyed(world, fit):
    preset = make_preset(output={"size": "640x360", "fit": fit})
    render(world, FakeSource(2, size=(288, 512)), preset)
    assert world.sinks["fake"].sizes == {(640, 360)}
    assert sizes(world) == [(448, 256) if fit == "crop" else (256, 448)]


@pytest.mark.parametrize("fixed", ["flag", "preset"])
def test_an_explicit_engine_size_is_obeyed(world, fixed):
    fields = {"size": "256x144"} if fixed == "preset" else {}
    options = {"size": (256, 144)} if fixed == "flag" else {}
    render(world, FakeSource(2, size=(288, 512)), make_preset(output={}, **fields), **options)
    assert sizes(world) == [(256, 144)]
    assert world.sinks["fake"].sizes == {(288, 512)}


def test_a_file_that_turns_keeps_the_size_it_began_with(world):
    source = FakeSource(6, size=(288, 512))
    world.sinks = {"fake": FakeSink(on=lambda _count: turn(world, (512, 288)))}
    render(world, source)
    assert world.sinks["fake"].sizes == {(288, 512)}
    assert len(world.engines) == 1


@pytest.mark.parametrize("fps", [None, 50.0])
def test_outputs_of_a_rendered_file_are_told_its_exact_rate(world, fps):
    """`--fps` changes no picture's time there, and so no rate."""
    source = FakeSource(2)
    source.film = FilmInfo(rate=Fraction(24000, 1001))
    render(world, source, fps=fps)
    (form,) = world.forms
    assert (form.rate, form.realtime) == (source.film.rate, False)
    assert form.fps == (fps or 30.0)


def test_live_outputs_are_told_no_rate_and_have_their_own_size(world):
    world.source = FakeSource(FOREVER, size=(288, 512), pace=0.001)
    world.source.film = FilmInfo(rate=Fraction(25))
    world.pipeline(preset=make_preset(output={"fps": 100.0})).start()
    assert world.sinks["fake"].reached(3)
    (form,) = world.forms
    assert (form.width, form.height, form.rate) == (1280, 720, None)


def test_what_a_file_is_refused_for_is_known_before_anything_is_written_or_built(world):
    world.source = UsageError("no video in it")
    with pytest.raises(UsageError, match="no video in it"):
        world.pipeline(realtime=False).start()
    assert world.opened == ["source fake"]


def test_what_an_output_of_a_file_refuses_is_known_before_an_engine_is_built(world):
    world.source = FakeSource(5)
    world.sinks = {"fake": UsageError("there is no folder")}
    with pytest.raises(UsageError, match="there is no folder"):
        world.pipeline(realtime=False).start()
    assert world.opened == ["source fake", "sink fake"]


def test_live_what_an_output_refuses_is_known_before_the_source_is_opened(world):
    world.source = FakeSource(5)
    world.sinks = {"fake": UsageError("there is no camera")}
    with pytest.raises(UsageError, match="there is no camera"):
        world.pipeline().start()
    assert world.opened == ["sink fake"]


def test_a_size_that_a_preset_names_later_is_said(world):
    """An automatic size is that of the start."""
    world.source = FakeSource(FOREVER, pace=0.001)
    pipeline = world.pipeline(preset=make_preset(output={"fps": 100.0}))
    pipeline.start()
    pipeline.apply_preset(make_preset(output={"size": "640x360", "fps": 100.0}))
    assert "the outputs keep 1280x720 at 100 fps" in pipeline.stats.snapshot().notice
    pipeline.apply_preset(make_preset(output={"size": "1280x720", "fps": 100.0}))
    assert pipeline.stats.snapshot().notice == ""


@pytest.mark.parametrize(
    ("source", "size"),
    [
        ((8192, 4320), (7680, 4050)),
        ((4320, 8192), (4050, 7680)),
        ((20_000, 3), (7680, 2)),
        ((7680, 4320), (7680, 4320)),
        ((719, 577), (718, 576)),
    ],
)
def test_an_own_size_is_even_and_no_longer_than_any_output(source, size):
    opened = Opened("film", *source, 25.0)
    preset = make_preset(output={})
    options = Options(preset=preset, source="a", outputs=("b",), realtime=False, opened=opened)
    assert (options.format.width, options.format.height) == size


def test_options_of_a_file_before_it_is_open():
    options = Options(
        preset=make_preset(output={}), source="a.mp4", outputs=("b.mp4",), realtime=False
    )
    assert (options.format.width, options.format.height, options.format.rate) == (1280, 720, None)
