"""The GPU suite, with no GPU: what it measures, what it leaves out, and how it goes on."""

import json
import os
from dataclasses import asdict, replace
from time import sleep

import numpy as np
import pytest

from engines.errors import BackendUnavailable, PeerUnavailable
from engines.survey import NvidiaCard
from streamcam.bench.gpu import suite
from streamcam.bench.gpu.measurement import Measurement
from streamcam.bench.gpu.part import SuitePart
from streamcam.bench.gpu.power import PowerMeter
from streamcam.bench.gpu.suite import PartFailed, measure_in_child, parts, run_suite
from streamcam.cli.bench import suite_rows
from streamcam.errors import UsageError

CARD = NvidiaCard("NVIDIA RTX 4090", "580.1", 24564, 564, "8.9", 1, "GPU-8f2c")
NANO = SuitePart(model="nano", width=256, height=144, steps=1, guidance_mode="self", app=True)


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A function that installs an nvidia-smi: a shell script that does what it is given."""

    def install(script):
        program = tmp_path / "driver" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return install


# -- power ---------------------------------------------------------------------------------------


def test_power_is_the_mean_of_the_readings_once_they_have_settled(driver):
    driver("echo 900; sleep 1; echo 100; echo '[N/A]'; echo 200; exec sleep 60")
    meter = PowerMeter(settle=0.5)
    with meter.measuring():
        assert meter.watts is None
        sleep(2)
    assert meter.watts == 150.0


def test_power_that_the_driver_does_not_say_is_unknown(driver):
    driver("echo '[N/A]'; exec sleep 60")
    meter = PowerMeter(settle=0)
    with meter.measuring():
        sleep(0.5)
    assert meter.watts is None


def test_the_power_is_that_of_the_card_that_runs(driver):
    driver('case "$*" in *--id=GPU-8f2c*) echo 120 ;; *) echo 9 ;; esac; exec sleep 60')
    meter = PowerMeter(CARD.uuid, settle=0)
    with meter.measuring():
        sleep(0.5)
    assert meter.watts == 120.0


def test_power_without_a_driver():
    meter = PowerMeter(command="no-such-driver")
    with pytest.raises(OSError, match="no-such-driver"), meter.measuring():
        pass


# -- one part ------------------------------------------------------------------------------------


class FakePeer:
    notes, versions = ("a note",), {"torch": "1"}

    def __init__(self):
        self.closed = False

    def run(self, frames):
        return [1e3] * frames

    def close(self):
        self.closed = True


def build_here(recipe):
    """torch's eager step; the CPU has no CUDA graph, and compiling takes longer than a test may."""
    spec = recipe.spec
    if spec.backend == "tensorrt" or spec.execution == "compile":
        raise BackendUnavailable(f"no {spec.backend} {spec.execution} here")
    return recipe.build()


def test_a_part_has_every_figure(driver):
    driver("while :; do echo 120; sleep 0.1; done")
    peer, used, said = FakePeer(), iter(range(0, 10_000, 7)), []

    def open_peer(name, request, _scratch, _say):
        assert (request["device"], request["width"], request["guidance_scale"]) == ("cpu", 256, 1.2)
        if name == "diffusers":
            raise PeerUnavailable("no network")
        return peer

    part = replace(NANO, device="cpu")
    measurement = Measurement(
        part, said.append, {}, build_here, open_peer, lambda: replace(CARD, used=next(used))
    )
    figures = measurement.run(6)
    ours, theirs = figures.sides["torch, eager"], figures.sides["streamdiffusion"]
    assert list(figures.sides) == ["torch, eager", "streamdiffusion"]
    assert (ours.ratio, theirs.ms_p50, theirs.notes) == (1.0, 1e3, ("a note",))
    assert theirs.ratio == pytest.approx(1e3 / ours.ms_p50)
    assert "needs CUDA graphs" in figures.missing.pop("torch, CUDA graph")
    assert figures.missing == {
        "torch, compiled": "no torch compile here",
        "TensorRT": "no tensorrt auto here",
        "diffusers": "no network",
    }
    assert figures.memory == {"torch, eager": 7, "streamdiffusion": 7}
    assert list(figures.stages["torch, eager"]) == ["upload", "step", "download"]
    assert 0 < figures.stages["torch, eager"]["step"] <= ours.ms_p95
    assert figures.watts == {"torch, eager": 120.0}
    assert figures.limit.flops > 1e9
    assert figures.shares["streamdiffusion"] == pytest.approx(figures.limit_ms / 1e3)
    assert figures.limit_ms == pytest.approx(1e3 * figures.limit.flops / figures.limit.peak_flops)
    assert peer.closed
    check_app(figures.app, ours.ms_p50)
    assert json.loads(json.dumps(figures.as_dict()))["app"]["engine"] == "torch, eager"
    assert [line for line in said if "take turns" in line]


def check_app(app, frame_ms):
    assert (app.moving.skipped, app.moving_watts, app.still_watts) == (0, 120.0, 120.0)
    assert app.still.skipped > 0.5
    assert 0 <= app.still.fps < app.moving.fps
    assert app.app_to_engine == pytest.approx(app.moving.fps * frame_ms / 1e3)
    assert app.latency_frames == pytest.approx(app.moving.style_latency_ms_p95 / frame_ms)


def test_a_part_that_none_of_our_engines_can_run_says_why(driver):
    driver("echo 120")
    measurement = Measurement(NANO, lambda _line: None, card=lambda: CARD)
    with pytest.raises(BackendUnavailable, match=r"cuda:0|CUDA"):
        measurement.run(6)


# -- all parts -----------------------------------------------------------------------------------


@pytest.fixture
def card(monkeypatch):
    other = replace(CARD, name="NVIDIA GT 1030", uuid="GPU-0", number=0)
    monkeypatch.setattr(suite, "nvidia_cards", lambda: [other, CARD])
    monkeypatch.setattr(suite, "running_card", lambda: CARD)
    monkeypatch.setattr(suite, "packages", lambda: {"torch": "2.13.0"})


def test_the_parts_are_what_was_asked_for_and_the_telling_ones_come_first():
    found = parts()
    assert len({part.name for part in found}) == len(found)
    assert [part.app for part in found[:5]] == [True] * 4 + [False]
    turbo = {
        (part.width, part.height, part.steps, part.guidance_mode)
        for part in found
        if part.model == "sd-turbo-random"
    }
    assert len(turbo) == 3 * 3 * 3
    assert {part.model for part in found} == {"nano", "sd-turbo-random", "sdxs-random"}


def test_an_interrupted_suite_goes_on_where_it_ended(card, tmp_path):
    file, measured = tmp_path / "out.json", []

    def measure(part, seconds, _say):
        measured.append(part.name)
        if len(measured) == 3:
            raise PartFailed("out of memory")
        if len(measured) == 5:
            raise KeyboardInterrupt
        return {"seconds": seconds}

    with pytest.raises(KeyboardInterrupt):
        run_suite(file, 6, lambda _line: None, measure)
    kept = json.loads(file.read_text())
    names = [part.name for part in parts()]
    assert list(kept["parts"]) == [names[0], names[1], names[3]]
    assert kept["failed"] == {names[2]: "out of memory"}
    card = {"name": "NVIDIA RTX 4090", "driver": "580.1", "memory": 24564, "uuid": "GPU-8f2c"}
    assert kept["card"] == card, "that which torch takes, not the driver's first"
    measured[:] = ["more"] * 10
    report = run_suite(file, 6, lambda _line: None, measure)
    assert measured[10:] == [names[2], *names[4:]]  # the failed one is tried again
    assert set(report["parts"]) == set(names)
    assert report["failed"] == {}
    assert json.loads(file.read_text()) == report
    assert report["parts"][names[0]]["seconds"] == 6
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no file of this suite"),
        ('{"parts": {}}', "no file of this suite"),
        (json.dumps({"card": {"name": "another"}, "versions": {}, "streamcam": "", "parts": {},
                     "failed": {}}), r"measured with card .*another.*RTX 4090"),
    ],
)  # fmt: skip
def test_a_file_of_something_else_is_left_alone(card, tmp_path, content, said):
    file = tmp_path / "out.json"
    file.write_text(content)
    with pytest.raises(UsageError, match=said):
        run_suite(file, 6, lambda _line: None)
    assert file.read_text() == content


def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(card, tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        run_suite(tmp_path / "none" / "out.json", 6, lambda _line: None)
    with pytest.raises(UsageError, match="cannot be read"):
        run_suite(tmp_path, 6, lambda _line: None)


def test_no_card(monkeypatch, tmp_path):
    monkeypatch.setattr(suite, "nvidia_cards", list)
    with pytest.raises(UsageError, match="needs an NVIDIA card"):
        run_suite(tmp_path / "out.json", 6, lambda _line: None)

    def broken():
        raise OSError("Driver/library version mismatch")

    monkeypatch.setattr(suite, "nvidia_cards", broken)
    with pytest.raises(UsageError, match="version mismatch"):
        run_suite(tmp_path / "out.json", 6, lambda _line: None)
    assert not list(tmp_path.iterdir())


def test_a_part_has_a_process_of_its_own_and_a_limit(driver):
    driver("echo '0, GPU-8f2c, NVIDIA RTX 4090, 580.1, 24564, 564, 8.9'")
    said = []
    with pytest.raises(PartFailed, match=r"cuda:0|CUDA"):
        measure_in_child(NANO, 6, said.append)
    assert said == [], "the card is asked before anything is built"
    with pytest.raises(PartFailed, match=r"longer than 0\.2 seconds"):
        measure_in_child(NANO, 6, said.append, limit=0.2)


def test_models_and_peers_are_made_before_the_first_part_and_once(card, tmp_path, monkeypatch):
    made, measured = [], []

    def prepare(script, _root, _say):
        made.append(script.stem)
        if script.stem == "diffusers":
            raise PeerUnavailable("no network")

    def measure(part, _seconds, _say, absent):
        measured.append(absent)
        return {}

    monkeypatch.setattr(suite, "prepare", prepare)
    monkeypatch.setattr(suite, "options_of", lambda part, _say: made.append(part.model))
    monkeypatch.setattr(suite, "measure_in_child", measure)
    said = []
    for _ in range(2):
        run_suite(tmp_path / "out.json", 6, said.append)
    assert sorted(made) == [
        "diffusers",
        "nano",
        "sd-turbo-random",
        "sdxs-random",
        "streamdiffusion",
    ]
    assert measured == [{"diffusers": "no network"}] * len(parts())
    assert said.count("no network") == 1


def test_a_process_that_breaks(driver):
    driver("exit 0")
    nothing = None  # what nobody expects
    with pytest.raises(PartFailed, match="its process ended with code 1"):
        measure_in_child(nothing, 6, lambda _line: None)


def test_people_get_the_fastest_engine_and_the_ratios_to_it():
    sides = {"torch, CUDA graph": 4.0, "TensorRT": 2.0, "streamdiffusion": 6.0}
    part = {
        "sides": {name: {"ms_p50": ms, "ms_p95": ms + 1} for name, ms in sides.items()},
        "stages": {"torch, CUDA graph": {}, "TensorRT": {}},
        "shares": {"TensorRT": 0.44},
        "app": {"app_to_engine": 0.96},
    }
    rows = suite_rows({"parts": {"a": part, "b": part | {"app": None}}, "failed": {"c": "why"}})
    frame = "2.00 ms (95 %: 3.00)"
    assert rows == [
        ("a", "TensorRT", frame, "3.00", "-", "44%", "0.96"),
        ("b", "TensorRT", frame, "3.00", "-", "44%", "-"),
        ("c", "failed", "-", "-", "-", "-", "why"),
    ]


@pytest.mark.gpu
def test_a_part_on_the_card():
    figures = Measurement(replace(NANO, width=448, height=256), print).run(6)
    print(json.dumps(asdict(figures), indent=2))
    assert {"torch, CUDA graph", "torch, eager"} <= set(figures.sides)
    assert all(0 < share < 1 for share in figures.shares.values())
    assert np.isfinite(figures.limit_ms)
    assert figures.app.still.skipped > 0.5
