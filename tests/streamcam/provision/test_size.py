"""The automatic size: holds the wanted rate, costs at most one build more, says why."""

from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.api import EngineSpec
from engines.backends.null import NullEngine
from engines.errors import BackendUnavailable, EngineFailed
from engines.ranges import SIZE_MAX, SIZE_MIN
from engines.recipe import Recipe
from streamcam.options import Options
from streamcam.presets import Preset
from streamcam.provision.size import candidates, choose_size, taken_from
from streamcam.provision.size.beside import beside_seconds
from streamcam.provision.size.fitting import build_fitting, build_ready, frame_seconds

DEFAULT = (448, 256)
RECIPE = Recipe(EngineSpec())


@pytest.mark.parametrize("seconds", [0.001, 0.2])
def test_a_size_that_is_ready_is_taken_if_it_holds_the_rate(seconds):
    built = []

    class Timed(NullEngine):
        closed = False

        def run(self, *arguments):
            sleep(seconds)
            return super().run(*arguments)

        def close(self):
            self.closed = True

    def build(recipe):
        built.append(Timed(recipe.spec))
        return built[-1]

    found = build_ready(build, RECIPE, [(256, 144), (512, 288), (320, 176)], 30.0)
    assert [(engine.spec.width, engine.spec.height) for engine in built] == [(512, 288)]
    if seconds < 0.1:
        engine, choice = found
        assert engine is built[0]
        assert (choice.width, choice.height) == (512, 288)
        assert "enough for 30" in choice.reason
    else:
        assert found is None
    assert built[0].closed == (found is None)
    assert build_ready(build, RECIPE, [], 30.0) is None


class Machine:
    """A machine whose engine takes `seconds` at the default size, more or less by area."""

    def __init__(self, seconds, exponent=1.0):
        self.seconds, self.exponent, self.asked = seconds, exponent, []

    def __call__(self, width, height):
        self.asked.append((width, height))
        share = width * height / (DEFAULT[0] * DEFAULT[1])
        return self.seconds * share**self.exponent


def test_video_gets_the_known_sizes():
    known = [(256, 144), (320, 176), (384, 224), (448, 256), (512, 288), (576, 320), (640, 368)]
    assert candidates()[:7] == known


@settings(deadline=None)
@given(st.floats(0.2, 5.0))
def test_other_shapes_get_sizes_of_their_shape(aspect):
    sizes = candidates(aspect)
    assert sizes
    assert sorted(set(sizes), key=lambda size: size[0] * size[1]) == sizes
    for width, height in sizes:
        assert width % 16 == height % 16 == 0
        assert SIZE_MIN <= width <= SIZE_MAX
        assert SIZE_MIN <= height <= SIZE_MAX
    if 0.5 <= aspect <= 2.0:
        width, height = sizes[-1]
        assert width / height == pytest.approx(aspect, rel=0.08)


@pytest.mark.parametrize(
    ("seconds", "size", "reason"),
    [
        (0.028, (448, 256), "448x256: engine 28 ms, 36 fps, enough for 30"),
        (0.021, (512, 288), "512x288: engine 27 ms, 37 fps, enough for 30"),
        (0.0367, (384, 224), "384x224: engine 28 ms, 36 fps, enough for 30"),
        (0.0773, (256, 144), "256x144: engine 25 ms, 40 fps, enough for 30"),
        (0.5, (256, 144), "256x144: engine 161 ms, 6 fps, too slow for 30"),
    ],
)
def test_the_largest_size_that_holds_the_rate(seconds, size, reason):
    machine = Machine(seconds)
    choice = choose_size(machine, 30)
    assert (choice.width, choice.height) == size
    assert choice.reason == reason
    assert machine.asked[0] == DEFAULT


def test_a_larger_size_that_disappoints_is_not_taken():
    machine = Machine(0.020, exponent=2.5)
    assert choose_size(machine, 30).width == 448
    assert machine.asked == [DEFAULT, (512, 288)]


def test_a_fast_device_may_go_larger_only_if_asked():
    assert choose_size(Machine(0.001), 30).width == 512
    assert choose_size(Machine(0.001), 30, widest=640).width == 640


@settings(deadline=None)
@given(
    seconds=st.floats(1e-4, 2.0),
    exponent=st.floats(0.6, 1.6),
    fps=st.floats(1, 120),
    aspect=st.floats(0.3, 3.0),
)
def test_at_most_two_measurements_and_never_slower_than_need_be(seconds, exponent, fps, aspect):
    machine = Machine(seconds, exponent)
    choice = choose_size(machine, fps, aspect)
    size = (choice.width, choice.height)
    assert 1 <= len(machine.asked) <= 2
    assert size in machine.asked, "what is chosen was measured"
    first = machine.asked[0]
    if size[0] * size[1] > first[0] * first[1]:
        assert machine(*size) * fps * 1.15 <= 1.0
    assert choice.reason.startswith(f"{size[0]}x{size[1]}: engine ")


class Timed(NullEngine):
    """Closes are counted; its time is what the test says."""

    def __init__(self, recipe, log):
        super().__init__(recipe.spec)
        self.log = log
        log.append(("built", recipe.spec.width))

    def close(self):
        self.log.append(("closed", self.spec.width))


def test_the_engine_that_was_measured_is_the_one_that_runs(monkeypatch):
    log = []
    monkeypatch.setattr(
        "streamcam.provision.size.fitting.frame_seconds",
        lambda engine: Machine(0.0367)(engine.spec.width, 256),
    )
    engine, choice = build_fitting(lambda recipe: Timed(recipe, log), RECIPE, 30, 16 / 9)
    assert log == [("built", 448), ("built", 384), ("closed", 448)]
    assert (engine.spec.width, engine.spec.height) == (choice.width, choice.height) == (384, 224)


@pytest.mark.parametrize(("device", "width"), [("CPU", 512), ("cpu", 512), ("cuda:0", 768)])
def test_only_other_devices_than_the_cpu_go_beyond_512(monkeypatch, device, width):
    monkeypatch.setattr("streamcam.provision.size.fitting.frame_seconds", lambda engine: 0.001)

    def build(recipe):
        engine = NullEngine(recipe.spec)
        engine.spec = replace(engine.spec, device=device)
        return engine

    assert build_fitting(build, RECIPE, 30, 16 / 9)[1].width == width


@pytest.mark.parametrize("seconds", [0.05, 0.005])
def test_a_second_build_that_fails_leaves_the_first(monkeypatch, seconds):
    """A smaller and a larger one: a card may hold one engine and not two."""
    log = []
    monkeypatch.setattr("streamcam.provision.size.fitting.frame_seconds", lambda engine: seconds)

    def build(recipe):
        if recipe.spec.width != 448:
            raise BackendUnavailable("no memory.")
        return Timed(recipe, log)

    engine, choice = build_fitting(build, RECIPE, 30, 16 / 9)
    assert (engine.spec.width, choice.width) == (448, 448)
    assert log == [("built", 448)]
    assert choice.reason.startswith("448x256: engine")
    assert choice.reason.endswith(" cannot be had: no memory.")


def test_a_first_build_that_fails_is_the_error(monkeypatch):
    def build(_recipe):
        raise BackendUnavailable("no memory.")

    with pytest.raises(BackendUnavailable):
        build_fitting(build, RECIPE, 30, 16 / 9)


@pytest.mark.parametrize("error", [EngineFailed("it broke"), RuntimeError("a bug")])
def test_a_measurement_that_fails_leaves_nothing_open(monkeypatch, error):
    log = []

    def fail(_engine):
        raise error

    monkeypatch.setattr("streamcam.provision.size.fitting.frame_seconds", fail)
    with pytest.raises(type(error)):
        build_fitting(lambda recipe: Timed(recipe, log), RECIPE, 30, 16 / 9)
    assert log == [("built", 448), ("closed", 448)]


def test_measuring_leaves_the_engine_as_new():
    class Restarted(NullEngine):
        runs = restarts = 0

        def run(self, *arguments):
            self.runs += 1
            return super().run(*arguments)

        def restart(self):
            assert self.runs >= 4, "one to warm up, three that count"
            self.restarts += 1
            super().restart()

    engine = Restarted(replace(EngineSpec(), steps=4, width=128, height=128))
    assert frame_seconds(engine) > 0
    assert engine.restarts == 1


def test_what_the_rest_of_the_program_takes_is_left_out():
    """16.7 ms hold 30 fps beside 13 ms of other work, with the margin of 15 %; 20 ms do not."""
    machine = Machine(0.028)
    choice = choose_size(machine, 30, beside=0.013)
    assert (choice.width, choice.height) == (320, 176)
    assert choice.reason == (
        "320x176: engine 14 ms, 73 fps, enough for 30 beside 13 ms of other work"
    )
    assert choose_size(Machine(0.1), 30, beside=0.04).reason.endswith(
        "too slow for 30 beside 40 ms of other work"
    )


def test_what_the_rest_takes_goes_by_outputs_cores_and_pixels(monkeypatch):
    def beside(cores, *outputs, **fields):
        monkeypatch.setattr("streamcam.provision.size.beside.usable_cores", lambda: cores)
        preset = Preset.from_table({"prompt": "anime", **fields}, Path("anime.toml"))
        return beside_seconds(Options(preset=preset, source="demo", outputs=outputs))

    recorded = beside(2, "out.mp4")
    assert recorded == pytest.approx(0.013)
    assert beside(16, "out.mp4") == pytest.approx(recorded / 8)
    assert beside(2, "null") < recorded < beside(2, "out.mp4", "virtualcam")
    assert beside(2, "out.mp4", resolve={"mode": "off"}) < recorded
    assert beside(2, "out.mp4", mask={"source": "person"}) > recorded
    assert beside(2, "out.mp4", output={"size": "640x360"}) == pytest.approx(recorded / 4)


def test_a_card_gives_nothing_to_what_runs_on_the_processor():
    assert taken_from("CPU", 0.013) == 0.013
    assert taken_from("cuda", 0.013) == 0.0
