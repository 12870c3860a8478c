"""TensorRT-RTX really builds here, without a GPU: whole frame steps, what is kept, what breaks."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from threading import Event, Thread
from time import sleep

import psutil
import pytest
import torch

from engines.api import EngineSpec, Watch
from engines.artifacts import MANIFEST, artifacts, clear, why_not_whole
from engines.backends.tensorrt import plan_process, plans
from engines.backends.tensorrt.engine import PlanOnDevice
from engines.backends.tensorrt.flavour import CLASSIC, RTX, open_flavour
from engines.backends.tensorrt.plan import FRAME_STEP, PORTABLE, TEXT_ENCODER, build_plan
from engines.backends.tensorrt.plan_process import build_in_child, with_plans
from engines.backends.tensorrt.plans import find_plans, plans_folder, write_plans
from engines.build import prebuild
from engines.errors import BackendUnavailable, BuildAbandoned, InvalidSpec, ModelUnavailable
from engines.families import open_model
from engines.model import EMBEDDED

pytestmark = pytest.mark.slow

SPEC = EngineSpec(width=208, height=144, guidance_mode="self")
QUIET = Watch()


BUILDING = ["reading the graph", "building engine", "cloning network graph",
            "preparing graph for optimization", "building engine from subgraph"]  # fmt: skip


def nothing(_stage):
    pass


@pytest.fixture(scope="module")
def rtx():
    return open_flavour(RTX)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, for this process and its children."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "streamcam"


@pytest.fixture(scope="module")
def built(tmp_path_factory, rtx):
    """The folder of SPEC's plans for Ada cards, in a cache of this module's own."""
    root = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root))
        return write_plans(open_model(SPEC), SPEC, rtx, "sm89", nothing)


@pytest.fixture
def kept(cache, built):
    """A copy of those plans in the test's cache."""
    return shutil.copytree(built, cache / "tensorrt" / built.name)


def shapes_of(spec):
    from engines.model.shapes import frame_step_signature, input_shapes

    model = open_model(spec)
    return input_shapes(frame_step_signature(model, spec), model, spec)


@pytest.mark.parametrize(
    ("steps", "batching", "mode", "programs"),
    [(3, "stream", "self", 16e6), (4, "stream", "full", 16e6), (2, "sequential", "onetime", 27e6)],
)
def test_the_whole_frame_is_one_engine(rtx, steps, batching, mode, programs):
    """Frame and state in, picture and state out, for every kind of step.

    `programs`: bytes that TensorRT adds, twice for two UNets. Weights in float32 would not fit.
    """
    spec = replace(SPEC, steps=steps, batching=batching, guidance_mode=mode)
    kind = f"frame_step.{batching}.{mode}"
    plan = build_plan(rtx, EMBEDDED / f"{kind}.onnx", shapes_of(spec), PORTABLE, nothing)
    weights = sum(file.stat().st_size for file in EMBEDDED.glob("[uvd]*/*.safetensors"))
    assert 0.9 * weights < plan.nbytes < weights + programs
    runtime = rtx.module.Runtime(rtx.log)
    _, problems = runtime.get_engine_validity(plan[: runtime.engine_header_size])
    malformed = rtx.module.EngineInvalidityDiagnostics.MALFORMED_ENGINE
    assert not problems & int(malformed.value)
    rtx.log.take()


def test_the_same_plan_every_time_and_another_for_other_cards(rtx, built):
    graph = EMBEDDED / "text_encoder.onnx"
    again = build_plan(rtx, graph, {}, "sm89", nothing)
    assert bytes(again) == (built / TEXT_ENCODER).read_bytes()
    assert bytes(build_plan(rtx, graph, {}, PORTABLE, nothing)) != bytes(again)


def test_the_other_tensorrt_is_asked_for_no_architecture(rtx):
    """The same code with its module passed in: it builds for the card that it finds."""
    other = replace(rtx, name=CLASSIC)
    plan = build_plan(other, EMBEDDED / "text_encoder.onnx", {}, "sm90", nothing)
    assert plan.nbytes > 1_000_000


def test_it_tells_what_it_does(rtx):
    told = []
    build_plan(rtx, EMBEDDED / "text_encoder.onnx", {}, PORTABLE, told.append)
    assert told == BUILDING


def test_a_broken_graph_is_an_error_with_tensorrts_words(rtx, tmp_path):
    file = tmp_path / "broken.onnx"
    file.write_bytes((EMBEDDED / "text_encoder.onnx").read_bytes()[:-500])
    with pytest.raises(
        BackendUnavailable, match=r"could not read .*broken.onnx: .*[Ff]ailed to pars"
    ):
        build_plan(rtx, file, {}, PORTABLE, nothing)


def test_a_graph_without_its_weights_is_an_error(rtx, tmp_path):
    shutil.copy(EMBEDDED / "text_encoder.onnx", tmp_path)
    with pytest.raises(BackendUnavailable, match=r"could not read .*text_encoder.onnx: .*weight"):
        build_plan(rtx, tmp_path / "text_encoder.onnx", {}, PORTABLE, nothing)


def test_an_input_without_a_shape_is_named(rtx):
    shapes = shapes_of(SPEC)
    del shapes["prompt_TD"]
    graph = EMBEDDED / "frame_step.single.self.onnx"
    with pytest.raises(
        BackendUnavailable, match=r"no shape for the input prompt_TD of .*\(-1, 128\)"
    ):
        build_plan(rtx, graph, shapes, PORTABLE, nothing)


def test_shapes_that_contradict_each_other_are_an_error_with_tensorrts_words(rtx):
    shapes = {**shapes_of(SPEC), "noise_SChw": (1, 16, 7, 7)}
    graph = EMBEDDED / "frame_step.single.self.onnx"
    with pytest.raises(BackendUnavailable, match=r"could not build an engine of .*[Dd]imension"):
        build_plan(rtx, graph, shapes, PORTABLE, nothing)


def test_an_unknown_architecture_is_refused(rtx):
    with pytest.raises(BackendUnavailable, match=r"'sm90'.*portable, sm75"):
        build_plan(rtx, EMBEDDED / "text_encoder.onnx", {}, "sm90", nothing)


def test_a_truncated_plan_is_malformed_and_not_loaded(rtx, tmp_path):
    file = tmp_path / "half.plan"
    file.write_bytes(b"half a plan")
    with pytest.raises(BackendUnavailable, match=r"could not take .*half.plan: .*malformed engine"):
        PlanOnDevice(rtx, file, torch.device("cpu"), graph=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what is missing on other machines")
def test_without_a_card_a_plan_is_refused_with_the_reason(rtx, built):
    with pytest.raises(BackendUnavailable, match=r"could not take .*frame_step.plan: .*CUDA"):
        PlanOnDevice(rtx, built / FRAME_STEP, torch.device("cpu"), graph=True)


def test_the_flavour_that_is_not_installed_names_the_extra():
    with pytest.raises(BackendUnavailable, match=r"pip install 'streamcam\[tensorrt\]'"):
        open_flavour(CLASSIC)


def test_plans_have_a_manifest(built):
    manifest = json.loads((built / MANIFEST).read_text())
    assert manifest["key"] == built.name
    assert set(manifest["files"]) == {FRAME_STEP, TEXT_ENCODER}
    about = manifest["about"]
    assert about["model"] == "nano"
    assert (about["width"], about["height"], about["architecture"]) == (208, 144, "sm89")
    assert (about["flavour"], about["version"]) == (RTX, open_flavour(RTX).version)
    assert why_not_whole(built) is None


def test_what_shapes_a_plan_is_in_its_key(rtx, cache, tmp_path):
    def folder(flavour=rtx, architecture="sm89", **changes):
        spec = replace(SPEC, **changes)
        return plans_folder(open_model(spec), spec, flavour, architecture)

    newer = replace(rtx, module=type("Newer", (), {"__version__": "9.9"}))
    other = shutil.copytree(EMBEDDED, tmp_path / "nano")
    config = json.loads((other / "unet" / "config.json").read_text())
    (other / "unet" / "config.json").write_text(json.dumps(config))
    shaping = [
        folder(), folder(width=256), folder(steps=2), folder(guidance_mode="none"),
        folder(steps=2, batching="sequential"), folder(prompt_chunks=2), folder(newer),
        folder(architecture=PORTABLE), folder(model=str(other)),
    ]  # fmt: skip
    assert len(set(shaping)) == len(shaping)
    assert folder(threads=3, device="cuda:1", execution="graph", backend="tensorrt") == folder()


def test_plans_are_found_again_and_portable_ones_serve_every_card(rtx, kept):
    model = open_model(SPEC)
    assert find_plans(model, SPEC, rtx, "sm89") == kept
    assert find_plans(model, SPEC, rtx, "sm86") is None
    portable = plans_folder(model, SPEC, rtx, PORTABLE)
    shutil.copytree(kept, portable)
    manifest = json.loads((portable / MANIFEST).read_text())
    (portable / MANIFEST).write_text(json.dumps({**manifest, "key": portable.name}))
    assert find_plans(model, SPEC, rtx, "sm86") == portable
    assert find_plans(model, SPEC, rtx, "sm89") == kept


def truncate(folder):
    content = (folder / FRAME_STEP).read_bytes()
    (folder / FRAME_STEP).write_bytes(content[: len(content) // 2])


def flip_a_bit(folder):
    content = bytearray((folder / FRAME_STEP).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / FRAME_STEP).write_bytes(content)


def lose_a_file(folder):
    (folder / TEXT_ENCODER).unlink()


def lose_the_manifest(folder):
    (folder / MANIFEST).unlink()


def halve_the_manifest(folder):
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text()[:100])


def take_anothers_manifest(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "key": "0" * 24}))


def spoil_the_manifest(folder):
    (folder / MANIFEST).write_text("[]")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (truncate, "frame_step.plan has .* bytes instead of"),
        (flip_a_bit, "frame_step.plan has other content"),
        (lose_a_file, "text_encoder.plan is missing"),
        (lose_the_manifest, "manifest.json cannot be read"),
        (halve_the_manifest, "manifest.json cannot be read"),
        (spoil_the_manifest, "manifest.json cannot be read"),
        (take_anothers_manifest, "manifest.json is that of another artifact, 0000"),
    ],
)
def test_what_is_damaged_is_named_and_built_anew(
    rtx, kept, built, caplog, monkeypatch, damage, problem
):
    damage(kept)
    model = open_model(SPEC)
    assert find_plans(model, SPEC, rtx, "sm89") is None
    assert len(caplog.messages) == 1
    assert str(kept) in caplog.text
    import re

    assert re.search(problem, caplog.text)
    # A build takes seconds: what it writes is a copy of what it wrote.
    monkeypatch.setattr(plans, "build_plan", lambda *_: (built / TEXT_ENCODER).read_bytes())
    assert write_plans(model, SPEC, rtx, "sm89", nothing) == kept
    assert why_not_whole(kept) is None


def test_a_build_that_fails_leaves_nothing(rtx, cache, monkeypatch):
    calls = []

    def fail(*arguments):
        if calls:
            raise BackendUnavailable("no tactic")
        calls.append(arguments)
        return b"a plan"

    monkeypatch.setattr(plans, "build_plan", fail)
    with pytest.raises(BackendUnavailable, match="no tactic"):
        write_plans(open_model(SPEC), SPEC, rtx, "sm89", nothing)
    assert calls
    assert list((cache / "tensorrt").iterdir()) == []


def test_what_a_killed_build_left_is_deleted_by_the_next(rtx, cache, monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = cache / "tensorrt" / f".{ended.pid}.0123"
    left.mkdir(parents=True)
    (left / FRAME_STEP).write_bytes(b"half")
    at_work = cache / "tensorrt" / f".{os.getppid()}.4567"
    at_work.mkdir()
    monkeypatch.setattr(plans, "build_plan", lambda *_: b"a plan")
    folder = write_plans(open_model(SPEC), SPEC, rtx, "sm89", nothing)
    assert sorted((cache / "tensorrt").iterdir()) == sorted([folder, at_work])


@pytest.mark.parametrize(
    ("what", "patched", "value"),
    [
        ("memory", "psutil.virtual_memory", lambda: type("M", (), {"available": 1 << 20})),
        (
            "disk",
            "engines.backends.tensorrt.plans.shutil.disk_usage",
            lambda _: type("D", (), {"free": 1 << 20}),
        ),
    ],
)
def test_room_is_checked_before_a_build(rtx, cache, monkeypatch, what, patched, value):
    monkeypatch.setattr(patched, value)
    monkeypatch.setattr(plans, "build_plan", lambda *_: pytest.fail("began to build"))
    with pytest.raises(
        BackendUnavailable, match=rf"GiB of {what}.*0\.0 GiB are free.*--backend torch"
    ):
        write_plans(open_model(SPEC), SPEC, rtx, "sm89", nothing)


def test_a_child_builds_tells_and_the_next_call_finds(rtx, cache):
    told = []
    watch = Watch(told.append)
    spec = replace(SPEC, width=128, height=128, guidance_mode="none")
    model = with_plans(open_model(spec), spec, rtx, "sm89", watch)
    assert why_not_whole(model.plans) is None
    stages = [stage.rpartition(", ")[0] for stage in told]
    assert list(dict.fromkeys(stages)) == [
        "starting",
        "reading the model",
        "writing the model's graphs",
        *(f"{name}: {stage}" for name in ("text encoder", "frame step") for stage in BUILDING),
        "saving",
    ]
    assert told[0].endswith(" 0 s")
    told.clear()
    assert prebuild(spec, "8.9", watch) == model.plans
    assert told == []
    (kept,) = (one for one in artifacts() if one.kind == "tensorrt")
    assert kept.about["architecture"] == "sm89"
    assert clear() > kept.bytes
    assert artifacts() == []


def test_what_a_child_raises_is_raised_here(cache, tmp_path):
    with pytest.raises(ModelUnavailable, match="no folder on this machine"):
        build_in_child(replace(SPEC, model=str(tmp_path / "no-model")), RTX, "sm89", QUIET)
    with pytest.raises(BackendUnavailable, match="'sm90'"):
        build_in_child(SPEC, RTX, "sm90", QUIET)
    spec = replace(SPEC, loras=(("style.safetensors", 0.5),))
    with pytest.raises(InvalidSpec, match="takes no LoRAs"):
        build_in_child(spec, RTX, "sm89", QUIET)


def children():
    return set(psutil.Process().children(recursive=True))


def test_a_build_that_nobody_wants_any_more_ends_with_its_child(cache):
    wanted = Event()
    wanted.set()
    ended = []
    others = children()  # of earlier tests: a pool leaves its resource tracker

    def build():
        with pytest.raises(BuildAbandoned):
            build_in_child(SPEC, RTX, "sm89", Watch(nothing, wanted.is_set))
        ended.append(True)

    thread = Thread(target=build)
    thread.start()
    while children() <= others:
        sleep(0.02)
    wanted.clear()
    thread.join(2)
    assert ended
    assert children() <= others


def test_a_child_that_is_killed_is_told(cache):
    others = children()

    def kill(_stage):
        for child in children() - others:
            child.send_signal(signal.SIGKILL)

    with pytest.raises(BackendUnavailable, match=r"ended with code -9 .*memory.*--backend torch"):
        build_in_child(SPEC, RTX, "sm89", Watch(kill))


def test_a_child_that_cannot_start_says_why(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", str(tmp_path / "no-python"))
    with pytest.raises(BackendUnavailable, match=r"ended with code 1: .*encodings"):
        build_in_child(SPEC, RTX, "sm89", QUIET)


def test_what_a_library_prints_is_no_message(cache, tmp_path, monkeypatch):
    """Not from Python, and not from C++ past it."""
    noisy = "import os; print('{'); os.write(1, b'[TRT] hello\\n'); raise ImportError('none')"
    (tmp_path / "tensorrt_rtx.py").write_text(noisy)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BackendUnavailable, match=r"TensorRT-RTX cannot be loaded \(none\)"):
        build_in_child(SPEC, RTX, "sm89", QUIET)


def test_a_child_ends_with_its_parent(cache):
    child = plan_process._start(subprocess.DEVNULL)
    request = {"spec": asdict(SPEC), "flavour": RTX, "architecture": "sm89"}
    child.stdin.write(json.dumps(request) + "\n")
    child.stdin.flush()
    child.stdout.readline()
    child.stdin.close()  # as the system does for a parent that is gone
    assert child.wait(5) == 1
    child.stdout.close()
