"""Values that are changed while a pipeline runs: at once, all or none, and how long they last."""

import pytest
from fake_world import FakeEngine, FakeSource, make_preset
from waiting import wait_until

from engines.errors import EngineFailed, InvalidPrompt
from streamcam.control.desk import Desk
from streamcam.errors import UnknownChoice, UsageError
from streamcam.flow.post.finish import Finish
from streamcam.presets import Preset, load_preset
from streamcam.presets.arrangement import Place

LOOKS = {"noir": {"prompt": "film noir", "strength": 0.9}, "oil": "oil"}


class Noting(FakeEngine):
    """Keeps what it was run with last."""

    shown = None

    def run(self, frame_HWC, params, out_HWC=None):
        self.shown = params
        return super().run(frame_HWC, params, out_HWC)


@pytest.fixture
def running(world):
    """A pipeline with this preset, once it shows pictures."""

    def start(**fields):
        world.make_engine = Noting
        world.source = FakeSource(10**7, pace=0.001)
        settings = {"looks": LOOKS, "control": {"slew": 0.0}}
        pipeline = world.pipeline(preset=make_preset(**{**settings, **fields}))
        pipeline.start()
        assert world.sinks["fake"].reached(1)
        return pipeline

    return start


def shown(world, **wanted):
    """Wait until the newest engine is run with these."""

    def there():
        params = world.engines[-1].shown
        return params and all(getattr(params, name) == one for name, one in wanted.items())

    wait_until(there)


def test_every_value_says_what_it_is(running):
    pipeline = running(prompt="a::3 | b")
    values = pipeline.values()
    assert values["strength"] == 0.5
    assert values["gate.policy"] == "always"
    assert (values["blend.1"], values["blend.2"]) == (0.75, 0.25)
    assert values["modulation.strength"] == values["modulation.blend.1"] == "off"
    assert "steps" not in values


def test_a_value_is_shown_with_the_next_frame_and_nothing_is_built(world, running):
    pipeline = running()
    pipeline.change_values({"strength": 0.25, "seed": 9, "prompt": "bright"})
    shown(world, strength=0.25, seed=9, prompt=world.engines[0].encode("bright"))
    assert pipeline.values()["prompt"] == "bright"
    assert len(world.engines) == 1
    assert pipeline.stats.snapshot().look == "custom"


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"guidance": 2.0, "strength": 0}, "strength = 0 is not allowed: must be a number above 0"),
        ({"strength": 0.3, "stregth": 1}, "unknown value 'stregth'. Did you mean 'strength'?"),
        ({"strength": 0.3, "steps": 2}, "steps needs another engine: save it in the preset file"),
        ({"strength": 0.3, "output.fps": 60.0}, "output.fps needs a new start"),
        ({"strength": 0.3, "looks": {}}, "looks is set in the preset file alone"),
        ({"strength": 0.3, "blend.2": 0.5}, "blend.2 = 0.5 is not allowed: the prompt that plays"),
        ({"strength": 0.3, "modulation.delta": "sin"}, "modulation.delta = "),
        ({"gate.threshold": 0.5, "gate.max_skip": -1}, "gate.max_skip = -1 is not allowed: must"),
        ({"prompt": "a | b", "blend.1": 0.0, "blend.2": 0.0}, "prompt: all shares are 0"),
    ],
)
def test_what_is_not_allowed_changes_nothing(running, wanted, why):
    pipeline = running()
    before = pipeline.values()
    with pytest.raises(UsageError) as caught:
        pipeline.change_values(wanted)
    assert str(caught.value).startswith(why)
    assert pipeline.values() == before


def test_words_that_the_engine_cannot_read_change_nothing(world, running, monkeypatch):
    def refuse(prompt):
        raise InvalidPrompt("prompt: it is too long.")

    pipeline = running()
    monkeypatch.setattr(pipeline._live.playing.box, "_encode", refuse)
    before = pipeline.values()
    with pytest.raises(UsageError, match="too long"):
        pipeline.change_values({"prompt": "endless", "gate.threshold": 0.1})
    assert pipeline.values() == before


def test_a_loras_weight_is_played_and_another_lora_is_another_engine(world, running):
    ink, oil = "ink.safetensors", "oil.safetensors"
    pipeline = running(loras={ink: 0.5, "lcm": 1.0})
    shown(world, loras=(0.5,))
    pipeline.change_values({"loras.1": 1.25})
    shown(world, loras=(1.25,))
    assert pipeline.values()["loras.1"] == 1.25
    before = pipeline.values()
    with pytest.raises(UsageError, match=r"loras\.2 = 1 is not allowed: .* has 1 live LoRAs: 'ink"):
        pipeline.change_values({"loras.2": 1.0, "strength": 0.2})
    assert pipeline.values() == before
    pipeline.select_look("noir")
    shown(world, loras=(0.5,))
    pipeline.apply_preset(make_preset(loras={ink: -1.0, "lcm": 1.0}))
    shown(world, loras=(-1.0,))
    assert len(world.engines) == 1, "whatever a weight does, the engine runs on"
    pipeline.apply_preset(make_preset(loras={ink: 1.0, oil: 0.0, "lcm": 1.0}))
    wait_until(lambda: len(world.engines) == 2)
    shown(world, loras=(1.0, 0.0))
    assert world.engines[1].spec.live_loras == (ink, oil)
    assert world.engines[1].spec.loras == (("lcm", 1.0),)


def test_a_look_comes_with_its_own_values_and_the_presets_stay(world, running):
    pipeline = running()
    pipeline.change_values({"strength": 0.2, "guidance": 3.0, "crossfade": 0.1, "gate.max_skip": 3})
    pipeline.select_look("noir")
    shown(world, strength=0.9, guidance_scale=1.0)
    values = pipeline.values()
    assert (values["prompt"], values["crossfade"], values["gate.max_skip"]) == ("film noir", 0.1, 3)
    pipeline.select_look("custom")
    shown(world, strength=0.5)


def test_a_saved_preset_comes_with_all_of_its_values(world, running):
    pipeline = running()
    pipeline.change_values({"strength": 0.2, "gate.max_skip": 3, "modulation.delta": "sine 1 2 s"})
    pipeline.apply_preset(make_preset(guidance=2.0, control={"slew": 0.0}))
    shown(world, strength=0.5, guidance_scale=2.0)
    values = pipeline.values()
    assert (values["gate.max_skip"], values["modulation.delta"]) == (10, "off")


def test_a_look_that_is_kept_over_an_edit_has_its_own_values(world, running):
    pipeline = running()
    pipeline.select_look("noir")
    pipeline.change_values({"strength": 0.2})
    pipeline.apply_preset(make_preset(looks=LOOKS, guidance=2.0))
    shown(world, strength=0.9, guidance_scale=2.0)


def test_values_stay_when_the_engine_is_mended(world, running):
    pipeline = running()
    pipeline.select_look("noir")
    pipeline.change_values({"strength": 0.2, "prompt": "bright a | b", "gate.max_skip": 3})
    shown(world, strength=0.2)
    (first,) = world.engines
    first.fails, first.runs = EngineFailed("device lost"), 3
    wait_until(lambda: len(world.engines) > 1)
    shown(world, strength=0.2, prompt=world.engines[-1].encode("bright a | b"))
    values = pipeline.values()
    assert (values["gate.max_skip"], pipeline.stats.snapshot().look) == (3, "noir")
    pipeline.change_values({"blend.1": 0.5})
    assert pipeline.values()["prompt"] == "bright a::0.5 | b::1"


def test_values_stay_when_a_better_engine_takes_over(world, running):
    world.backends = ("torch", "tensorrt")
    pipeline = running()
    pipeline.change_values({"strength": 0.2, "gate.max_skip": 3, "resolve.steadiness": 0.1})
    wait_until(lambda: len(world.engines) == 2)
    shown(world, strength=0.2)
    values = pipeline.values()
    assert (values["gate.max_skip"], values["resolve.steadiness"]) == (3, 0.1)


def test_there_is_nothing_to_play_without_an_engine(world, running):
    pipeline = running()

    def refuse(spec):
        raise EngineFailed("device lost")

    world.make_engine = refuse
    (first,) = world.engines
    first.fails, first.runs = EngineFailed("device lost"), 3
    wait_until(lambda: first.closes)
    with pytest.raises(UsageError, match="there is no engine now"):
        pipeline.change_values({"strength": 0.2})


def test_values_beside_the_look_reach_their_parts(world, running, monkeypatch):
    pipeline = running()
    opened, finishes, steady = [], [], []
    workers = pipeline._live.workers
    monkeypatch.setattr(workers.infer, "use_gate", lambda opener: opened.append(opener(0)))
    monkeypatch.setattr(workers.post, "swap", finishes.append)
    monkeypatch.setattr(workers.post, "steady", steady.append)
    pipeline.change_values({"gate.policy": "similarity", "gate.threshold": 0.5})
    pipeline.change_values({"resolve.steadiness": 0.75})
    assert (len(opened), finishes, steady) == (1, [], [0.75])
    pipeline.change_values({"output.mirror": True, "on_error": "passthrough"})
    assert isinstance(finishes[0], Finish)
    assert workers.infer.passthrough
    pipeline.change_values({"strength": 0.3})
    assert (len(opened), len(finishes)) == (1, 1), "what is the look's touches nothing else"


def test_a_wave_is_a_value(world, running):
    pipeline = running()
    pipeline.change_values({"modulation.strength": "square 0.3 1000 s"})
    wait_until(lambda: abs(world.engines[-1].shown.strength - 0.5) == pytest.approx(0.3))
    assert pipeline.values()["strength"] == 0.5
    pipeline.change_values({"modulation.strength": "off"})
    shown(world, strength=0.5)


def test_two_parts_of_a_blend_are_played(world, running):
    pipeline = running(prompt="a | b::3")
    pipeline.change_values({"blend.1": 1.0})
    assert pipeline.values()["prompt"] == "a::1 | b::0.75"
    pipeline.change_values({"prompt": "x | y", "blend.2": 0.25})
    assert pipeline.values()["prompt"] == "x::1 | y::0.25"
    with pytest.raises(UsageError, match=r"blend.3 = 1 .* has 2 parts"):
        pipeline.change_values({"blend.3": 1.0})


def test_choosing_and_changing_know_only_their_own(running):
    pipeline = running()
    with pytest.raises(UnknownChoice):
        pipeline.select_look("nothing")
    assert isinstance(pipeline.preset, Preset)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A preset file of the user's."""
    monkeypatch.setattr("streamcam.presets.save.user_presets", lambda: tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text("""
prompt = "plain"  # mine
crossfade = 0
[looks]
noir = "film noir"
[output]
size = "128x128"
fps = 100
[control]
slew = 0
""")
    return path


def test_what_plays_is_saved_and_plays_on(world, mine):
    world.make_engine, world.source = Noting, FakeSource(10**7, pace=0.001)
    pipeline = world.pipeline(preset=load_preset(mine))
    pipeline.start()
    assert world.sinks["fake"].reached(1)
    pipeline.select_look("noir")
    pipeline.change_values({"strength": 0.75, "gate.max_skip": 3})
    assert pipeline.save("mine") == str(mine)
    assert (pipeline.preset.look("noir").strength, pipeline.preset.gate.max_skip) == (0.75, 3)
    assert pipeline.preset == load_preset(mine), "a watch over the file finds nothing new"
    assert '"plain"  # mine' in mine.read_text()
    shown(world, strength=0.75)
    pipeline.select_look("mine")
    shown(world, strength=0.5)
    pipeline.select_look("noir")
    shown(world, strength=0.75)


def test_another_name_is_a_file_and_nothing_else(world, mine):
    world.make_engine, world.source = Noting, FakeSource(10**7, pace=0.001)
    pipeline = world.pipeline(preset=load_preset(mine))
    pipeline.start()
    pipeline.change_values({"strength": 0.75})
    path = pipeline.save("evening")
    assert load_preset(path).strength == 0.75
    assert pipeline.preset.name == "mine"
    assert pipeline.values()["strength"] == 0.75
    with pytest.raises(UsageError, match="a preset cannot be called"):
        pipeline.save("../evening")


def test_looks_are_arranged_while_they_play(running, world):
    pipeline = running()
    before = pipeline.preset
    pipeline.select_look("noir")
    pipeline.change_values({"guidance": 3.0})
    pipeline.arrange_looks([Place("oil", "oil"), Place("dark", "noir")])
    assert pipeline.look_names() == [before.name, "oil", "dark"]
    assert pipeline.stats.snapshot().look == "dark"
    shown(world, strength=0.9, guidance_scale=3.0)
    pipeline.arrange_looks([Place("oil", "oil"), Place("dark", "dark"), Place("third")])
    assert pipeline.stats.snapshot().look == "third"
    assert (pipeline.values()["strength"], pipeline.values()["guidance"]) == (0.9, 3.0)
    pipeline.select_look("dark")
    assert pipeline.values()["guidance"] == 1.0
    pipeline.arrange_looks([Place("oil", "oil")])
    assert pipeline.stats.snapshot().look == before.name
    pipeline.put_looks_back(before, "noir")
    assert pipeline.preset.looks == before.looks
    with pytest.raises(UsageError):
        pipeline.arrange_looks([Place("oil", "nothing")])
    assert pipeline.preset.looks == before.looks
    assert len(world.engines) == 1, "nothing is built"


def test_what_was_done_to_looks_is_undone(running, world):
    pipeline = running()
    desk = Desk(pipeline)
    desk.select_look("noir")
    desk.change_values({"guidance": 3.0})
    desk.arrange_looks([Place("dark", "noir"), Place("new")])
    assert (pipeline.stats.snapshot().look, pipeline.look_names()[1:]) == ("new", ["dark", "new"])
    assert desk.history.undo() == "looks"
    assert (pipeline.stats.snapshot().look, pipeline.look_names()[1:]) == ("noir", ["noir", "oil"])
    shown(world, strength=0.9, guidance_scale=3.0)
    desk.history.redo()
    assert pipeline.look_names()[1:] == ["dark", "new"]
    assert pipeline.values()["guidance"] == 3.0
