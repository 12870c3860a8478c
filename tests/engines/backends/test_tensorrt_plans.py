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
from engines.artifacts import MANIFEST, artifacts, clear, mark_used, why_not_whole
from engines.backends.tensorrt import plan as plan_file
from engines.backends.tensorrt import plan_process, plans
from engines.backends.tensorrt.card import Card
from engines.backends.tensorrt.engine import PlanOnDevice
from engines.backends.tensorrt.flavour import CLASSIC, RTX, open_flavour
from engines.backends.tensorrt.plan import FRAME_STEP, PORTABLE, TEXT_ENCODER, build_plan
from engines.backends.tensorrt.plan_process import build_in_child, with_plans
from engines.backends.tensorrt.plans import find_plans, plans_for, write_plans
from engines.build import prebuild
from engines.errors import BackendUnavailable, BuildAbandoned, InvalidSpec, ModelUnavailable
from engines.families import open_model
from engines.graphs import export
from engines.model import EMBEDDED, Plans
from tests.engines.tiny_models import write_tiny_model

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
    """SPEC's plans for Ada cards, in a cache of this module's own."""
    root = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root))
        return write_plans(open_model(SPEC), SPEC, rtx, "sm89", nothing)


@pytest.fixture
def kept(cache, built):
    """A copy of those plans in the test's cache."""
    folders = [shutil.copytree(one.parent, cache / "tensorrt" / one.parent.name) for one in built]
    return Plans(folders[0] / FRAME_STEP, folders[1] / TEXT_ENCODER)


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
    assert bytes(again) == built.text_encoder.read_bytes()
    assert bytes(build_plan(rtx, graph, {}, PORTABLE, nothing)) != bytes(again)


def test_the_other_tensorrt_is_asked_for_no_architecture(rtx):
    """The same code with its module passed in: it builds for the card that it finds."""
    other = replace(rtx, name=CLASSIC)
    plan = build_plan(other, EMBEDDED / "text_encoder.onnx", {}, "sm90", nothing)
    assert plan.nbytes > 1_000_000


def test_a_build_proves_that_its_graph_can_be_captured(rtx):
    """Without a card: TensorRT-RTX fails the build of what would allocate when it runs."""
    config = plan_file._config(rtx, rtx.module.Builder(rtx.log), "sm89")
    assert config.get_flag(rtx.module.BuilderFlag.REQUIRE_USER_ALLOCATION)


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
        PlanOnDevice(rtx, built.frame_step, torch.device("cpu"), graph=True)


def test_the_flavour_that_is_not_installed_names_the_extra():
    with pytest.raises(BackendUnavailable, match=r"pip install 'streamcam\[tensorrt\]'"):
        open_flavour(CLASSIC)


def test_plans_have_a_manifest(built):
    folder = built.frame_step.parent
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["key"] == folder.name
    assert set(manifest["files"]) == {FRAME_STEP}
    about = manifest["about"]
    assert about["model"] == "nano"
    assert (about["width"], about["height"], about["architecture"]) == (208, 144, "sm89")
    assert (about["flavour"], about["version"]) == (RTX, open_flavour(RTX).version)
    assert why_not_whole(folder) is None
    text = json.loads((built.text_encoder.parent / MANIFEST).read_text())
    assert set(text["files"]) == {TEXT_ENCODER}
    assert set(text["about"]) == {"model", "flavour", "version", "architecture"}
    assert why_not_whole(built.text_encoder.parent) is None


def test_what_shapes_a_plan_is_in_its_key(rtx, cache, tmp_path):
    def places(flavour=rtx, architecture="sm89", **changes):
        spec = replace(SPEC, **changes)
        return plans_for(open_model(spec), spec, flavour, architecture)

    def folder(*about, **changes):
        return places(*about, **changes).frame_step

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
    shaped = {"width": 256, "steps": 2, "guidance_mode": "none", "prompt_chunks": 2}
    text = {places(**{name: value}).text_encoder for name, value in shaped.items()}
    assert text == {places().text_encoder}, "no size or step shapes it"
    assert len({*text, places(newer).text_encoder, places(architecture=PORTABLE).text_encoder}) == 3


def test_plans_are_found_again_and_portable_ones_serve_every_card(rtx, kept):
    model = open_model(SPEC)
    assert find_plans(model, SPEC, rtx, "sm89") == kept
    assert find_plans(model, SPEC, rtx, "sm86") is None
    portable = plans_for(model, SPEC, rtx, PORTABLE)
    for one, other in zip(kept, portable, strict=True):
        shutil.copytree(one.parent, other.parent)
        manifest = json.loads((other.parent / MANIFEST).read_text())
        (other.parent / MANIFEST).write_text(json.dumps({**manifest, "key": other.parent.name}))
    assert find_plans(model, SPEC, rtx, "sm86") == portable
    assert find_plans(model, SPEC, rtx, "sm89") == kept


def flip_a_bit_of(plan):
    content = bytearray(plan.read_bytes())
    content[len(content) // 2] ^= 1
    plan.write_bytes(content)


def truncate(folder):
    content = (folder / FRAME_STEP).read_bytes()
    (folder / FRAME_STEP).write_bytes(content[: len(content) // 2])


def flip_a_bit(folder):
    flip_a_bit_of(folder / FRAME_STEP)


def lose_a_file(folder):
    (folder / FRAME_STEP).unlink()


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
        (lose_a_file, "frame_step.plan is missing"),
        (lose_the_manifest, "manifest.json cannot be read"),
        (halve_the_manifest, "manifest.json cannot be read"),
        (spoil_the_manifest, "manifest.json cannot be read"),
        (take_anothers_manifest, "manifest.json is that of another artifact, 0000"),
    ],
)
def test_what_is_damaged_is_named_and_built_anew(
    rtx, kept, built, caplog, monkeypatch, damage, problem
):
    damage(kept.frame_step.parent)
    model = open_model(SPEC)
    assert find_plans(model, SPEC, rtx, "sm89") is None
    assert len(caplog.messages) == 1
    assert str(kept.frame_step.parent) in caplog.text
    import re

    assert re.search(problem, caplog.text)
    # A build takes seconds: what it writes is a copy of what it wrote.
    monkeypatch.setattr(plans, "build_plan", lambda *_: built.text_encoder.read_bytes())
    assert write_plans(model, SPEC, rtx, "sm89", nothing) == kept
    assert why_not_whole(kept.frame_step.parent) is None


def test_the_text_encoder_is_built_once_for_all_sizes(rtx, kept, monkeypatch):
    graphs = []

    def build(flavour, graph, *about):
        graphs.append(graph.stem)
        return b"a plan"

    monkeypatch.setattr(plans, "build_plan", build)
    spec = replace(SPEC, width=256)
    places = write_plans(open_model(spec), spec, rtx, "sm89", nothing)
    assert graphs == ["frame_step.single.self"]
    assert places.text_encoder == kept.text_encoder
    assert find_plans(open_model(spec), spec, rtx, "sm89") == places
    flip_a_bit_of(kept.text_encoder)
    assert find_plans(open_model(spec), spec, rtx, "sm89") is None
    write_plans(open_model(spec), spec, rtx, "sm89", nothing)
    assert graphs[1:] == ["text_encoder", "frame_step.single.self"]


def test_plans_that_were_not_used_for_longest_go_when_there_are_too_many(rtx, cache, monkeypatch):
    monkeypatch.setattr(plans, "build_plan", lambda *_: b"a plan" * 1000)
    monkeypatch.setattr(plans, "LIMIT", 29_000)  # four, with their manifests
    made = []
    for day, width in enumerate((128, 144, 160)):
        spec = replace(SPEC, width=width)
        made.append(write_plans(open_model(spec), spec, rtx, "sm89", nothing))
        for place in made[-1]:
            os.utime(place.parent / MANIFEST, (day, day))
    mark_used(made[0].frame_step.parent)
    spec = replace(SPEC, width=176)
    made.append(write_plans(open_model(spec), spec, rtx, "sm89", nothing))
    left = {place.parent.name for place in (cache / "tensorrt").glob("*/*.plan")}
    kept = [made[0].frame_step, made[2].frame_step, made[3].frame_step, made[3].text_encoder]
    assert left == {place.parent.name for place in kept}
    assert not list((cache / "tensorrt").glob(".*"))


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
    places = plans_for(open_model(SPEC), SPEC, rtx, "sm89")
    assert list((cache / "tensorrt").iterdir()) == [places.text_encoder.parent], "that was built"


def test_what_a_killed_build_left_is_deleted_by_the_next(rtx, cache, monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = cache / "tensorrt" / f".{ended.pid}.0123"
    left.mkdir(parents=True)
    (left / FRAME_STEP).write_bytes(b"half")
    at_work = cache / "tensorrt" / f".{os.getppid()}.4567"
    at_work.mkdir()
    monkeypatch.setattr(plans, "build_plan", lambda *_: b"a plan")
    places = write_plans(open_model(SPEC), SPEC, rtx, "sm89", nothing)
    folders = [place.parent for place in places]
    assert sorted((cache / "tensorrt").iterdir()) == sorted([*folders, at_work])


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


def test_there_is_one_log_for_a_module(rtx):
    """TensorRT keeps the first that it is given, and would go on with one that is gone."""
    assert open_flavour(RTX).log is rtx.log


def test_memory_is_checked_before_the_graphs_are_written(rtx, cache, tmp_path, monkeypatch):
    folder = write_tiny_model("sd_turbo", tmp_path / "model")
    spec = replace(SPEC, model=str(folder), guidance_mode="none")
    monkeypatch.setattr(
        "psutil.virtual_memory", lambda: type("M", (), {"available": 1 << 20, "total": 1 << 30})
    )
    monkeypatch.setattr(export, "_write", lambda *_: pytest.fail("began to write"))
    with pytest.raises(BackendUnavailable, match=r"needs about .* GiB of memory to build"):
        write_plans(open_model(spec), spec, rtx, "sm89", nothing)
    told = r"writing its graphs needs about 0\.\d GiB of memory and 0\.0 GiB are free.*torch"
    with pytest.raises(BackendUnavailable, match=told) as caught:
        export.with_graphs(open_model(spec), ["text_encoder"])
    assert caught.value.cause == "memory"


def test_a_child_builds_tells_and_the_next_call_finds(rtx, cache):
    told = []
    watch = Watch(told.append)
    spec = replace(SPEC, width=128, height=128, guidance_mode="none")
    model = with_plans(open_model(spec), spec, rtx, "sm89", watch)
    assert [why_not_whole(place.parent) for place in model.plans] == [None, None]
    stages = [stage.rpartition(", ")[0] for stage in told]
    assert [stage for stage in dict.fromkeys(stages) if stage != "saving"] == [
        "starting",
        "reading the model",
        "writing the model's graphs",
        *(f"{name}: {stage}" for name in ("text encoder", "frame step") for stage in BUILDING),
    ]
    assert told[0].endswith(" 0 s")
    told.clear()
    assert prebuild(spec, "8.9", watch) == model.plans.frame_step
    assert told == []
    kept = [one for one in artifacts() if one.kind == "tensorrt"]
    assert [one.about["architecture"] for one in kept] == ["sm89"] * 2
    assert clear() > sum(one.bytes for one in kept)
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
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHOME", "none")  # a long path would fill the line that is told
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


def test_the_other_tensorrt_builds_on_the_card_that_was_chosen(cache, monkeypatch):
    started = []

    class Child:
        def __enter__(self):
            raise BackendUnavailable("not now")

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(plan_process, "_start", lambda log, card: started.append(card) or Child())
    card = Card("NVIDIA H100", (9, 0), uuid="GPU-8f2c")
    monkeypatch.setattr(plan_process, "find_card", lambda device: card)
    for flavour in (RTX, CLASSIC):
        with pytest.raises(BackendUnavailable, match="not now"):
            build_in_child(replace(SPEC, device="cuda:1"), flavour, "sm90", QUIET)
    assert started == ["", "GPU-8f2c"]


def test_plans_of_the_other_tensorrt_are_for_one_model_of_card(rtx):
    card = Card("NVIDIA H100 PCIe", (9, 0))
    assert card.target(rtx) == "sm90"
    assert card.target(replace(rtx, name=CLASSIC)) == "sm90 NVIDIA H100 PCIe"
