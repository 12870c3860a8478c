"""Comparing with other programs: turns, ratios, and what a peer is asked for."""

import numpy as np
import pytest

from engines.api import EngineSpec
from engines.bench.random_model import Architecture
from engines.errors import PeerUnavailable
from streamcam.bench import peers, random_models
from streamcam.bench.peers import compare, on_table, torch_device
from streamcam.bench.turns import side, take_turns
from streamcam.pipeline import Options
from streamcam.presets import load_preset


def test_sides_take_turns_with_equal_shares_and_the_first_frame_of_a_block_is_left_out():
    order = []

    def program(name, milliseconds):
        def run(frames):
            order.append((name, frames))
            return [1e6 if i == 0 and frames > 2 else milliseconds for i in range(frames)]

        return run

    rounds = take_turns({"ours": program("ours", 10.0), "theirs": program("theirs", 40.0)}, 8.0)
    assert [name for name, _ in order] == ["ours", "theirs"] * 6
    assert {frames for name, frames in order[2:] if name == "ours"} == {1 + 80}
    assert {frames for name, frames in order[2:] if name == "theirs"} == {1 + 20}
    assert rounds == {"ours": [[10.0] * 80] * 5, "theirs": [[40.0] * 20] * 5}


def test_a_slow_side_still_gets_a_frame_a_block():
    rounds = take_turns({"slow": lambda frames: [9e3] * frames}, 6.0)
    assert rounds == {"slow": [[9e3]] * 5}


def test_ratios_are_theirs_over_ours():
    ours = [[10.0, 12.0, 11.0], [20.0, 20.0, 20.0]]
    theirs = [[44.0, 44.0, 50.0], [60.0, 61.0, 59.0]]
    figures = side(ours, theirs)
    assert figures.ms_p50 == 54.5
    assert figures.ratio == pytest.approx(54.5 / 16.0)
    assert (figures.ratio_lowest, figures.ratio_highest) == (3.0, 4.0)
    assert figures.ratio_fastest == pytest.approx(4.4)
    assert (figures.ms_p95, figures.ms_fastest, figures.frames) == (61.0, 44.0, 6)


@pytest.mark.parametrize(
    ("timesteps", "indices"),
    [
        ((39,), (48,)),
        ((999, 499), (0, 25)),
        ((39, 34, 29, 24), (46, 47, 48, 49)),
        ((59, 49), (47, 48)),
        ((19, 19, 19), (47, 48, 49)),
    ],
)
def test_noise_levels_are_the_nearest_of_the_table_and_differ(timesteps, indices):
    assert on_table(timesteps) == indices


def test_devices_are_named_as_torch_does():
    assert torch_device(EngineSpec(backend="openvino", device="CPU")) == "cpu"
    assert torch_device(EngineSpec(backend="torch", device="cuda:1")) == "cuda:1"
    with pytest.raises(PeerUnavailable, match=r"device 'GPU'.*openvino.*NVIDIA"):
        torch_device(EngineSpec(backend="openvino", device="GPU"))


class FakePeer:
    def __init__(self):
        self.notes, self.versions = ["a note"], {"torch": "1"}
        self.closed = False

    def run(self, frames):
        return [1e3] * frames

    def picture(self):
        return np.zeros((128, 160, 3), np.uint8)

    def close(self):
        self.closed = True


def options(**more):
    preset = load_preset("anime").model_copy(update={"steps": 2, "precision": "float32"})
    return Options(preset=preset, source="demo", outputs=("null",), size=(160, 128), **more)


def test_a_peer_is_asked_for_what_our_engine_does():
    asked, said, peer = {}, [], FakePeer()

    def open_peer(name, request, scratch, _say):
        asked.update(request)
        for array in ("frames", "prompt", "negative"):
            assert str(scratch) in request[array]
            asked[array] = np.load(request[array])
        return peer

    found = compare(options(), ["diffusers"], 0.5, said.append, open_peer).as_dict()
    assert asked["frames"].shape[1:] == (128, 160, 3)
    assert asked["prompt"].shape == asked["negative"].shape == (77, 128)
    assert (asked["device"], asked["precision"]) == ("cpu", "float32")
    assert (asked["guidance_mode"], asked["guidance_scale"]) == ("self", 1.0)
    assert asked["t_index"] == (47, 48) == found["t_index"]
    assert peer.closed
    assert list(found["sides"]) == ["streamcam", "diffusers"]
    assert found["sides"]["streamcam"]["ratio"] == 1.0
    assert found["sides"]["diffusers"]["ratio"] > 1.0
    assert found["sides"]["diffusers"]["notes"] == ("a note",)
    assert (found["size"], found["steps"], found["model"]) == ("160x128", 2, "nano")
    assert any("blank" in line for line in said)


def test_the_engine_is_closed_when_a_peer_cannot_be_had(monkeypatch):
    closed = []
    opened = peers.open_engine

    def open_engine(*arguments):
        provided = opened(*arguments)
        monkeypatch.setattr(provided.engine, "close", lambda: closed.append(provided))
        return provided

    def no_peer(*_):
        raise PeerUnavailable("no network")

    monkeypatch.setattr(peers, "open_engine", open_engine)
    with pytest.raises(PeerUnavailable, match="no network"):
        compare(options(), ["diffusers"], 0.5, lambda _line: None, no_peer)
    assert len(closed) == 1


def test_a_random_model_has_a_name_for_the_model_flag(tmp_path, monkeypatch):
    monkeypatch.setattr(random_models, "cache_folder", lambda kind: tmp_path / kind)
    (tmp_path / "models" / "sd-turbo-random").mkdir(parents=True)  # as if it had been written
    named = random_models.with_random_model(options(model="sd-turbo-random"), lambda _line: None)
    assert named.model == str(tmp_path / "models" / "sd-turbo-random")
    plain = options(model="nano")
    assert random_models.with_random_model(plain, lambda _line: None) is plain
    assert isinstance(random_models.RANDOM_MODELS["sd-turbo-random"], Architecture)
