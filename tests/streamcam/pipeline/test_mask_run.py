"""Whole runs with a mask: what viewers see, also where it fails, and how it changes while live."""

from time import perf_counter, sleep

import cv2
import numpy as np
import pytest
from fake_world import Device, FakeEngine, FakeSink, make_preset
from waiting import wait_until

from engines.api import Embedding
from streamcam.errors import UsageError
from streamcam.frames import Frame
from streamcam.mask import NoMask
from streamcam.mask.source import plate
from streamcam.mask.source.green import Green
from streamcam.presets.arrangement import Place

SIZE = (448, 256)
SCREEN, MARK, SHIRT = (30, 190, 50), (255, 0, 255), (90, 60, 50)


class Studio(Device):
    """Somebody with a magenta shirt before a green screen, who sways; or the screen alone."""

    label, fps, rate, notice, film = "fake camera", 50.0, None, "", None
    width, height = SIZE

    def __init__(self, *, frames=None):
        super().__init__()
        self.seq, self.empty, self.frames = 0, False, frames
        self.light = np.random.default_rng(1).integers(-8, 8, (SIZE[1], SIZE[0], 3), np.int16)

    def read(self):
        self.used()
        if self.seq == self.frames:
            raise EOFError("over")
        sleep(0.02)
        picture = np.full((SIZE[1], SIZE[0], 3), SCREEN, np.uint8)
        if not self.empty:
            left = 150 + round(30 * np.sin(self.seq / 9))
            cv2.rectangle(picture, (left, 70), (left + 140, 256), SHIRT, -1)
            cv2.rectangle(picture, (left + 40, 120), (left + 100, 200), MARK, -1)
        pixels = np.clip(picture + self.light, 0, 255).astype(np.uint8)
        pixels[(picture == MARK).all(2)] = MARK
        frame = Frame(pixels, self.seq, perf_counter(), self.seq / 50)
        self.seq += 1
        return frame


class Stylist(FakeEngine):
    """A look of two colours, which the camera has nowhere."""

    def run(self, frame_HWC, params, out_HWC=None):
        out = super().run(frame_HWC, params, out_HWC)
        light = frame_HWC[:, :, 1] > 120
        out[:] = np.where(light[:, :, None], (0, 30, 60), (60, 0, 0))
        return out


class Viewer(FakeSink):
    """Notes of every new frame whether it has the marker, and keeps the last."""

    def __init__(self):
        super().__init__()
        self.marked, self.last, self.alpha = [], None, None

    def write(self, frame):
        if not frame.repeat:
            self.marked.append(bool((frame.pixels == MARK).all(2).any()))
            self.last = frame.pixels.copy()
            self.alpha = None if frame.cut_out is None else frame.cut_out[:, :, 3].copy()
        super().write(frame)

    def new(self, count=6):
        """Wait for so many new frames; their marks."""
        before = len(self.marked)
        wait_until(lambda: len(self.marked) >= before + count)
        return self.marked[before + 2 :]  # two may have been under way


def _preset(mode="off", **mask):
    output = {"size": "448x256", "fps": 50.0}
    return make_preset(output=output, resolve={"mode": mode}, mask={"source": "green", **mask})


def _run(world, preset, camera=None, make_engine=Stylist, **options):
    world.source = camera or Studio()
    world.sinks = {"fake": Viewer()}
    world.make_engine = make_engine
    pipeline = world.pipeline(preset=preset, size=(224, 128), outputs=("fake",), **options)
    pipeline.start()
    return pipeline, world.sinks["fake"]


@pytest.mark.parametrize("mode", ["off", "warped", "guided"])
def test_who_is_asked_for_as_they_are_is_shown_so_and_the_room_is_not(world, mode):
    pipeline, viewer = _run(world, _preset(mode, person="as it is"))
    wait_until(lambda: len(viewer.marked) > 5)
    assert all(viewer.new())
    corner = viewer.last[:60, :60].reshape(-1, 3)
    assert corner[:, 1].max() < 40, "the screen is green in the camera alone"
    assert pipeline.stats.snapshot().mask == "person AS IT IS, background styled"
    assert pipeline.stats.snapshot().mask_ms_p50 > 0
    pipeline.stop()
    world.check_closed()


@pytest.mark.parametrize(
    ("mode", "background"), [("guided", "as it is"), ("off", "blur"), ("guided", "colour")]
)
def test_a_styled_person_is_never_shown_as_they_are(world, mode, background):
    pipeline, viewer = _run(world, _preset(mode, background=background))
    wait_until(lambda: len(viewer.marked) > 5)
    viewer.new(12)
    pipeline.stop()
    assert not any(viewer.marked)


@pytest.mark.parametrize(
    ("fault", "mode"),
    [(NoMask("dark"), "guided"), (RuntimeError("x"), "off"), (MemoryError(), "off")],
)
def test_a_mask_that_fails_shows_all_of_it_styled_and_says_so(world, monkeypatch, fault, mode):
    pipeline, viewer = _run(world, _preset(mode, person="as it is"))
    wait_until(lambda: any(viewer.marked))

    def fails(source, picture):
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(Green, "look_at", fails)
        assert not any(viewer.new(15))
        assert "the whole picture is styled" in pipeline.stats.snapshot().notice
    wait_until(lambda: viewer.marked[-1])
    wait_until(lambda: not pipeline.stats.snapshot().notice)
    pipeline.stop()


def test_a_screen_that_falls_over_shows_nothing_as_it_is(world, monkeypatch):
    pipeline, viewer = _run(world, _preset(person="as it is"))
    wait_until(lambda: any(viewer.marked))
    monkeypatch.setattr(Green, "look_at", lambda *_: np.ones((90, 160), np.float32))
    monkeypatch.setattr(Green, "shares", lambda _, at: np.ones(at.shape[:2], np.float32))
    assert not any(viewer.new(15))
    pipeline.stop()


def test_masks_are_played_live(world):
    pipeline, viewer = _run(world, _preset())
    wait_until(lambda: len(viewer.marked) > 5)
    assert pipeline.stats.snapshot().mask == ""
    pipeline.change_values({"mask.person": "as it is"})
    assert all(viewer.new())
    pipeline.change_values({"mask.background": "colour", "mask.colour": "#0a141e"})
    viewer.new()
    assert viewer.last[5, 5].tolist() == [10, 20, 30]
    assert pipeline.values()["mask.colour"] == "#0a141e"
    pipeline.change_values({"mask.source": "off"})
    assert not any(viewer.new())
    assert pipeline.stats.snapshot().mask == ""
    pipeline.stop()


class Painter(FakeEngine):
    """Everything in one colour with a little light in it, which the prompt says."""

    def encode(self, prompt):
        hue = float(["plain", "bb", "ccc"].index(prompt)) if prompt else 0.0
        return self.prompts.setdefault(prompt, Embedding(np.full((1, 4), hue, np.float32)))

    def run(self, frame_HWC, params, out_HWC=None):
        out = super().run(frame_HWC, params, out_HWC)
        out[:] = frame_HWC // 16
        out[:, :, round(float(params.prompt.tokens_TD[0, 0]))] += 200
        return out


def _in_two_looks(world, **mask):
    looks = {"one": "plain", "two": "bb", "three": "ccc"}
    mask = {"source": "green", "background": "look", "look": "two", **mask}
    output = {"size": "448x256", "fps": 50.0}
    return make_preset(output=output, resolve={"mode": "off"}, mask=mask, looks=looks)


def _hues(viewer):
    """The brightest channel in the middle of the person, and in the corner."""
    return int(viewer.last[160, 220].argmax()), int(viewer.last[30, 30].argmax())


def test_person_and_room_have_two_looks(world):
    """Of one frame: what is behind it is in its look up to the person's edge, who moves."""
    pipeline, viewer = _run(world, _in_two_looks(world), make_engine=Painter)
    wait_until(lambda: len(viewer.marked) > 5)
    person, room = _hues(viewer)
    assert person != room
    hues = viewer.last.argmax(2)
    inside = viewer.last[200]
    left = int((hues[200] == person).argmax())
    assert (hues[200, left : left + 138] == person).all()
    assert (hues[200, : left - 2] == room).all()
    assert inside.max() >= 200
    assert pipeline.stats.snapshot().mask == "person styled, background in two"
    pipeline.change_values({"mask.look": "three"})
    wait_until(lambda: _hues(viewer)[1] not in (room,) and _hues(viewer)[0] == person)
    pipeline.change_values({"mask.background": "styled"})
    wait_until(lambda: _hues(viewer) == (person, person))
    pipeline.stop()
    world.check_closed()


def test_a_mask_that_fails_shows_all_of_it_in_the_persons_look(world, monkeypatch):
    pipeline, viewer = _run(world, _in_two_looks(world), make_engine=Painter)
    wait_until(lambda: len(viewer.marked) > 5)
    person, room = _hues(viewer)
    assert person != room

    def fails(source, picture):
        raise RuntimeError("x")

    with monkeypatch.context() as broken:
        broken.setattr(Green, "look_at", fails)
        wait_until(lambda: _hues(viewer) == (person, person))
        viewer.new(4)
        assert (viewer.last.argmax(2) == person).all()
        assert "the whole picture is styled" in pipeline.stats.snapshot().notice
    wait_until(lambda: _hues(viewer) == (person, room))
    wait_until(lambda: not pipeline.stats.snapshot().notice)
    pipeline.stop()


def test_the_look_behind_follows_its_name(world):
    pipeline, viewer = _run(world, _in_two_looks(world), make_engine=Painter)
    wait_until(lambda: len(viewer.marked) > 5)
    person, room = _hues(viewer)
    pipeline.arrange_looks([Place("one", "one"), Place("deux", "two")])
    assert pipeline.values()["mask.look"] == "deux"
    viewer.new()
    assert _hues(viewer) == (person, room)
    pipeline.arrange_looks([Place("one", "one")])
    assert pipeline.values()["mask.background"] == "styled"
    wait_until(lambda: _hues(viewer) == (person, person))
    pipeline.stop()


def test_outputs_with_alpha_get_the_person_alone_and_others_the_colour(world):
    preset = _preset("guided", background="transparent", colour="#0a141e")
    pipeline, viewer = _run(world, preset)
    wait_until(lambda: len(viewer.marked) > 5)
    assert viewer.last[5, 5].tolist() == [10, 20, 30]
    assert viewer.alpha[5, 5] == 0
    assert viewer.alpha[200, 220] == 255
    assert any("behind the person it shows #0a141e" in line for line in world.said)
    pipeline.draw_curtain("card")
    wait_until(lambda: viewer.alpha is None)
    pipeline.draw_curtain("live")
    wait_until(lambda: viewer.alpha is not None)
    pipeline.change_values({"mask.background": "blur"})
    wait_until(lambda: viewer.alpha is None)
    pipeline.stop()


def test_a_rendered_file_in_two_looks_has_every_frame_in_both(world):
    camera = Studio(frames=9)
    pipeline, viewer = _run(
        world, _in_two_looks(world), camera, realtime=False, make_engine=Painter
    )
    wait_until(lambda: pipeline.wait(0.1))
    assert len(viewer.marked) == 9
    person, room = _hues(viewer)
    assert person != room


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"mask.background": "look"}, "needs mask.look, one of"),
        ({"mask.background": "look", "mask.look": "nor"}, "mask.look: unknown look"),
        ({"mask.source": "gone.onnx"}, "there is no such file"),
        ({"mask.source": "persn"}, "Did you mean 'person'"),
        ({"mask.source": "plate"}, "press p"),
        ({"mask.background": "picture"}, "needs mask.picture"),
        ({"mask.picture": "gone.png", "mask.background": "picture"}, "gone.png|in the preset file"),
        ({"mask.plate": "gone.png", "mask.source": "plate"}, "gone.png|in the preset file"),
        ({"mask.background": "as it is"}, "nothing would be styled"),
        ({"mask.colour": "red"}, "mask.colour"),
        ({"mask.person": "raw"}, "mask.person"),
    ],
)
def test_what_cannot_be_leaves_what_runs(world, wanted, reason, tmp_path, monkeypatch):
    monkeypatch.setattr(plate, "user_folder", lambda: tmp_path)
    preset = _preset(person="as it is")
    pipeline, viewer = _run(world, preset)
    wait_until(lambda: any(viewer.marked))
    with pytest.raises(UsageError, match=reason):
        pipeline.change_values(wanted)
    plain = {key.removeprefix("mask."): one for key, one in wanted.items()}
    if not {"colour", "person"} & plain.keys():  # a preset's file is refused before that
        changed = preset.mask.model_copy(update=plain)
        with pytest.raises(UsageError, match=reason):
            pipeline.apply_preset(preset.model_copy(update={"mask": changed}))
    assert all(viewer.new())
    assert pipeline.preset.mask == preset.mask
    pipeline.stop()


def test_a_start_with_what_cannot_be_opens_nothing(world):
    with pytest.raises(UsageError, match=r"gone\.onnx"):
        _run(world, make_preset(mask={"source": "gone.onnx", "person": "as it is"}))
    assert world.opened == []


def test_the_empty_room_is_taken_while_it_runs(world, tmp_path, monkeypatch):
    monkeypatch.setattr(plate, "user_folder", lambda: tmp_path)
    pipeline, viewer = _run(world, _preset(), Studio())
    wait_until(lambda: len(viewer.marked) > 3)
    world.source.empty = True
    viewer.new()
    assert pipeline.take_plate() == str(tmp_path / "plate.png")
    world.source.empty = False
    pipeline.change_values({"mask.source": "plate", "mask.person": "as it is"})
    wait_until(lambda: viewer.marked[-1])
    assert viewer.last[:60, :60, 1].max() < 40
    pipeline.take_plate()  # with somebody in it, who then leaves
    world.source.empty = True
    assert not any(viewer.new(20)[10:])
    pipeline.stop()


def test_a_rendered_file_has_the_mask_of_each_frame(world):
    camera = Studio(frames=12)
    pipeline, viewer = _run(world, _preset("guided", person="as it is"), camera, realtime=False)
    wait_until(lambda: pipeline.wait(0.1))
    assert len(viewer.marked) == 12
    assert all(viewer.marked)


def test_a_film_behind_the_person_plays_and_ends_with_the_run(world, monkeypatch):
    shown = []

    class Film(Device):
        def read(self):
            sleep(0.02)
            level = 100 + len(shown) % 100
            shown.append(level)
            return Frame(np.full((90, 160, 3), level, np.uint8), len(shown), perf_counter())

    film = Film()
    monkeypatch.setattr("streamcam.capture.parse", lambda choice: ("video", choice))
    monkeypatch.setattr("streamcam.capture.open_source", lambda choice, wanted: film)
    preset = _preset(background="picture", picture=__file__)
    pipeline, viewer = _run(world, preset)
    levels = set()
    wait_until(lambda: viewer.last is not None)
    wait_until(lambda: levels.add(int(viewer.last[5, 5, 0])) or len(levels) > 5)
    assert min(levels) >= 100
    pipeline.stop()
    wait_until(lambda: film.closes == 1)
