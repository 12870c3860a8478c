"""Which backend a machine gets: every kind of card, what is installed, what was asked for."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from engines import choice, outages, recipe
from engines.api import EngineSpec, Watch
from engines.backends.tensorrt import card as nvidia
from engines.backends.tensorrt.card import Card, tensorrt_for, tensorrt_here
from engines.backends.tensorrt.flavour import CLASSIC, RTX, Flavour
from engines.backends.tensorrt.plan import PORTABLE
from engines.backends.torch import runner as torch_runner
from engines.choice import backends_for
from engines.errors import BackendUnavailable
from engines.families import open_model
from engines.recipe import Recipe

SPEC = EngineSpec()
CARDS = {
    "RTX 2080": (7, 5),
    "A100": (8, 0),
    "RTX 3090": (8, 6),
    "RTX 4090": (8, 9),
    "H100": (9, 0),
    "B200": (10, 0),
    "RTX 5090": (12, 0),
}


@pytest.fixture(autouse=True)
def nothing_has_failed():
    yield
    outages.forget()


def flavour(name):
    known = ["SM75", "SM80", "SM86", "SM89", "SM120", "SM121"]
    capability = SimpleNamespace(__members__=dict.fromkeys(known))
    return Flavour(name, SimpleNamespace(__version__="1.7", ComputeCapability=capability), None)


@pytest.fixture
def machine(monkeypatch):
    """Call with a card's name, the flavours that are installed and those plans that are ready."""

    def has(card, installed=(RTX,), ready=(), cuda=13_000, compiler=False):
        lacking = None if compiler else "torch.compile needs a C compiler"
        monkeypatch.setattr(choice, "compiler_obstacle", lambda: lacking)
        found = Card(f"NVIDIA {card}", CARDS[card], cuda) if card else None
        for module in (choice, nvidia):
            monkeypatch.setattr(module, "find_card", lambda device: found)
        monkeypatch.setattr(choice, "_torch_has_gpu", lambda model: card is not None)
        monkeypatch.setattr(nvidia, "installed_flavours", lambda: list(installed))
        monkeypatch.setattr(nvidia, "open_flavour", flavour)
        monkeypatch.setattr(
            choice, "find_plans", lambda m, s, f, a: Path("there") if a in ready else None
        )
        choice._say_once.cache_clear()

    return has


def order(spec):
    return [one.spec for one in Recipe(spec).build_order()]


def build(spec, *watch):
    return Recipe(spec).build(*watch)


def backends(**changes):
    return backends_for(replace(SPEC, **changes), open_model(SPEC))


@pytest.mark.parametrize("card", ["A100", "RTX 3090", "RTX 4090", "RTX 5090"])
def test_ampere_and_newer_go_from_torch_to_tensorrt(machine, card):
    machine(card)
    assert backends() == ("torch", "tensorrt")
    assert backends(precision="float16") == ("torch", "tensorrt")


def test_what_is_built_already_is_taken_at_once(machine):
    machine("RTX 4090", ready=["sm89"])
    assert backends() == ("tensorrt",)
    assert backends(backend="tensorrt") == ("tensorrt",)


@pytest.mark.parametrize(
    ("card", "capability"), [("RTX 2080", "7.5"), ("H100", "9.0"), ("B200", "10.0")]
)
def test_a_card_that_it_is_not_for_gets_torch_and_the_reason_once(
    machine, caplog, card, capability
):
    machine(card)
    caplog.set_level("INFO")
    for _ in range(3):
        assert backends() == ("torch",)
    (line,) = caplog.messages
    assert line.startswith("backend: torch, not TensorRT: TensorRT-RTX 1.7 is not for cards of")
    assert f"compute capability {capability}, such as this NVIDIA {card}." in line


@pytest.mark.parametrize("card", ["RTX 2080", "H100"])
def test_the_other_tensorrt_serves_such_a_card_where_it_is_installed(machine, card):
    machine(card, installed=[RTX, CLASSIC])
    assert backends() == ("torch", "tensorrt")
    found, _ = tensorrt_here("auto")
    assert found.name == CLASSIC


def test_rtx_is_preferred_where_both_are_installed(machine):
    machine("RTX 4090", installed=[RTX, CLASSIC])
    assert tensorrt_here("auto")[0].name == RTX


def test_without_tensorrt_it_is_torch_and_the_line_says_what_to_install(machine, caplog):
    machine("RTX 4090", installed=[])
    caplog.set_level("INFO")
    assert backends() == ("torch",)
    assert "pip install 'streamcam[nvidia]'" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [{"execution": "eager"}, {"execution": "graph"}, {"execution": "compile"},
     {"precision": "float32"}, {"precision": "bfloat16"}],
)  # fmt: skip
def test_what_only_torch_does_is_torchs(machine, changes):
    machine("RTX 4090")
    assert backends(**changes) == ("torch",)


def test_without_a_gpu_it_is_openvino_and_tensorrt_is_refused(machine):
    machine(None)
    assert backends() == ("openvino",)
    with pytest.raises(BackendUnavailable, match=r"NVIDIA cards alone.*streamcam build"):
        backends(backend="tensorrt")


def test_explicit_tensorrt_on_a_card_that_it_is_not_for_is_refused(machine):
    machine("RTX 2080")
    with pytest.raises(BackendUnavailable, match=r"not for cards of compute capability 7\.5"):
        backends(backend="tensorrt")


def test_the_steps_are_specs_with_their_backends(machine):
    machine("RTX 4090")
    assert order(SPEC) == [replace(SPEC, backend=name) for name in ("torch", "tensorrt")]
    assert order(replace(SPEC, backend="null")) == [replace(SPEC, backend="null")]
    with pytest.raises(BackendUnavailable, match="'cuda' is unknown"):
        order(replace(SPEC, backend="cuda"))


def test_auto_goes_on_with_torch_when_a_ready_engine_does_not_load(machine, monkeypatch, caplog):
    machine("RTX 4090", ready=["sm89"])
    asked = []

    def build_as_said(spec, model, watch):
        asked.append(spec.backend)
        if spec.backend == "tensorrt":
            raise BackendUnavailable("could not load frame_step.plan: old cuda driver.")
        return "an engine"

    monkeypatch.setattr(recipe, "_build_as_said", build_as_said)
    assert build(SPEC) == "an engine"
    assert asked == ["tensorrt", "torch"]
    assert "since TensorRT failed: could not load" in caplog.text
    with pytest.raises(BackendUnavailable, match="old cuda driver"):
        build(replace(SPEC, backend="tensorrt"))


def test_float8_is_tensorrts_and_float16_stands_in_for_it(machine):
    asked = replace(SPEC, precision="fp8")
    machine("RTX 4090")
    assert order(asked) == [
        replace(asked, backend="torch", precision="float16"),
        replace(asked, backend="tensorrt"),
    ]
    machine("RTX 4090", ready=["sm89"])
    assert order(asked) == [asked]
    assert backends() == ("tensorrt",), "offered, not taken: auto stays float16"


@pytest.mark.parametrize(
    ("card", "said"),
    [("RTX 3090", "no float8 arithmetic, which begins with Ada"), ("H100", "is not for cards")],
)
def test_float8_is_refused_where_it_cannot_be_had(machine, card, said):
    machine(card)
    with pytest.raises(BackendUnavailable, match=said):
        order(replace(SPEC, precision="fp8"))


def test_float16_stands_in_for_a_float8_engine_that_failed(machine):
    asked = replace(SPEC, precision="fp8")
    machine("RTX 4090", ready=["sm89"])
    outages.plan_broke(replace(asked, backend="tensorrt"), "no")
    assert order(asked) == [replace(asked, backend="torch", precision="float16")]
    assert order(SPEC) == [SPEC], "the float16 engine has not failed"


COMPILED = [replace(SPEC, backend="torch"), replace(SPEC, backend="torch", execution="compile")]


def test_where_tensorrt_is_not_torch_compile_builds_the_better_engine(machine):
    machine("H100", compiler=True)
    assert order(SPEC) == COMPILED
    assert order(replace(SPEC, backend="torch")) == COMPILED
    for execution in ("graph", "eager"):
        asked = replace(SPEC, backend="torch", execution=execution)
        assert order(asked) == [asked], "what was asked for is kept"
    assert order(replace(SPEC, backend="openvino")) == [replace(SPEC, backend="openvino")]
    machine("RTX 4090", compiler=True)
    assert [one.backend for one in order(SPEC)] == ["torch", "tensorrt"]
    machine(None, compiler=True)
    assert order(replace(SPEC, backend="torch")) == COMPILED[:1]
    machine("H100")
    assert order(SPEC) == COMPILED[:1], "it cannot compile"


@pytest.mark.parametrize(("cause", "again"), [("", False), ("memory", True)])
def test_what_cannot_be_compiled_is_not_tried_for_every_preset(machine, monkeypatch, cause, again):
    machine("H100", compiler=True)

    def build_runner(model, spec):
        raise BackendUnavailable("no kernel image", cause=cause)

    monkeypatch.setattr(torch_runner, "build_runner", build_runner)
    monkeypatch.setattr(torch_runner, "needs", lambda *about: None)
    monkeypatch.setattr(recipe, "outage_of", lambda device: "")
    told = []
    with pytest.raises(BackendUnavailable, match="no kernel image"):
        build(COMPILED[1], Watch(told.append))
    assert told == ["torch.compile"]
    assert order(replace(SPEC, width=512))[1:] == (
        [replace(COMPILED[1], width=512)] if again else []
    )


def test_a_ready_engine_that_does_not_load_is_left_alone_for_the_run(machine, monkeypatch):
    """Also in the steps of a preset that is chosen later: "auto" keeps its way back."""
    machine("RTX 4090", ready=["sm89"])
    asked = []

    def load(name):
        def build_runner(model, spec):
            asked.append(f"{name} {spec.width}")
            if name == "tensorrt":
                raise BackendUnavailable("could not load frame_step.plan.", cause=cause)
            return "an engine"

        return SimpleNamespace(
            prepared=lambda model, *about: model,
            build_runner=build_runner,
            needs=lambda *about: None,
        )

    monkeypatch.setattr(recipe, "open_backend", load)
    monkeypatch.setattr(recipe, "StreamEngine", lambda spec, model, runner: runner)
    cause = "memory"  # it may fit another time
    assert order(SPEC) == [SPEC]
    assert Recipe(SPEC).build_order()[0].build() == "an engine"
    assert order(SPEC) == [SPEC]
    cause = ""
    assert build(SPEC) == "an engine"
    assert order(SPEC) == [replace(SPEC, backend="torch")]
    assert build(SPEC) == "an engine"
    assert asked == ["tensorrt 448", "torch 448"] * 2 + ["torch 448"]
    larger = replace(SPEC, width=512)
    assert order(larger) == [larger], "that one has not failed"
    assert Recipe(SPEC).ready_sizes([(448, 256), (512, 256)]) == [(512, 256)]
    with pytest.raises(BackendUnavailable, match="engine for 448x256 failed in this run"):
        order(replace(SPEC, backend="tensorrt"))


def test_the_sizes_with_a_ready_engine(machine, monkeypatch):
    sizes = [(320, 256), (448, 256), (512, 256)]
    machine("RTX 4090")
    monkeypatch.setattr(
        choice, "find_plans", lambda m, spec, f, a: Path("there") if spec.width > 400 else None
    )
    assert Recipe(SPEC).ready_sizes(sizes) == sizes[1:]
    machine("H100")
    assert Recipe(SPEC).ready_sizes(sizes) == []
    machine(None)
    assert Recipe(SPEC).ready_sizes(sizes) == []


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_a_graph_that_cannot_be_captured_is_no_reason_to_give_up(
    machine, monkeypatch, caplog, backend
):
    machine("H100")
    asked = []

    def build_as_said(spec, model, watch):
        asked.append((spec.backend, spec.execution))
        if spec.execution != "eager":
            raise BackendUnavailable("no CUDA graph could be captured.", cause="capture")
        return "an engine"

    monkeypatch.setattr(recipe, "_build_as_said", build_as_said)
    assert build(replace(SPEC, backend=backend)) == "an engine"
    assert asked == [("torch", "auto"), ("torch", "eager")]
    assert "execution: eager, since no CUDA graph could be captured" in caplog.text
    with pytest.raises(BackendUnavailable, match="could be captured"):
        build(replace(SPEC, execution="graph"))


def test_a_device_that_is_gone_at_the_start_leaves_the_processor(machine, monkeypatch, caplog):
    machine("H100")
    asked = []

    def build_as_said(spec, model, watch):
        asked.append((spec.backend, spec.device))
        if spec.backend == "torch":
            raise BackendUnavailable("torch on cuda:0: the device failed.", cause="device")
        return "an engine"

    def gone(device):
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(recipe, "_build_as_said", build_as_said)
    monkeypatch.setattr(outages, "_opened", lambda device: "cuda:0")
    monkeypatch.setattr(outages, "_synchronise", gone)
    assert build(SPEC) == "an engine"
    assert asked == [("torch", "auto"), ("openvino", "CPU")]
    assert "backend: openvino, since torch failed: torch on cuda:0" in caplog.text
    assert build(replace(SPEC, backend="torch")) == "an engine"
    assert asked[2:] == [("openvino", "CPU")], "without another try"
    assert order(SPEC)[0].backend == "openvino"


@pytest.mark.parametrize("text", ["sm89", "8.9", "SM_89", "89"])
def test_an_architecture_has_many_spellings(machine, text):
    machine(None)
    assert tensorrt_for(text)[1] == "sm89"


def test_no_architecture_is_this_machines_card_or_every_card(machine):
    machine("RTX 3090")
    assert tensorrt_for(None)[1] == "sm86"
    machine(None)
    assert tensorrt_for(None)[1] == tensorrt_for("portable")[1] == PORTABLE
    with pytest.raises(BackendUnavailable, match=r"'7\.0': .* builds for portable, sm75"):
        tensorrt_for("7.0")


def test_a_driver_too_old_for_tensorrt_is_said_before_anything_is_built(machine, caplog):
    machine("RTX 4090", cuda=12_080)
    caplog.set_level("INFO")
    assert backends() == ("torch",)
    (line,) = caplog.messages
    assert "TensorRT-RTX 1.7 needs a driver for CUDA 13, and this NVIDIA RTX 4090 has one" in line
    assert "for CUDA 12.8. Update NVIDIA's driver." in line


# -- cards that torch cannot use -----------------------------------------------------------------

CUDA_BUILD = "__version__ = '2.9.1+cu130'\ncuda = '13.0'\nhip = None\n"


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """Call with the text of torch's version.py (None: not installed), what its start raises, the
    architectures that it is built for and the card's capability: a machine with NVIDIA's driver."""
    asked = []

    def has(build, raised=None, built_for=("sm_89",), capability=(8, 9)):
        folder = tmp_path / "torch"
        folder.mkdir()
        if build is not None:
            (folder / "version.py").write_text(build)
        found = SimpleNamespace(submodule_search_locations=[str(folder)])
        there = found if build is not None else None
        monkeypatch.setattr(nvidia, "find_spec", lambda name: there)
        monkeypatch.setattr(choice, "find_spec", lambda name: there)
        monkeypatch.setattr(choice, "has_driver", lambda: True)

        def init():
            asked.append("init")
            if raised is not None:
                raise raised

        monkeypatch.setattr("torch.cuda.init", init)
        monkeypatch.setattr("torch.cuda.get_arch_list", lambda: list(built_for))
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda index: capability)
        choice._say_once.cache_clear()
        return asked

    return has


@pytest.mark.parametrize(
    ("build", "raised", "built_for", "capability", "said"),
    [
        (None, None, (), (8, 9), "torch is not installed. Install it: pip install"),
        (
            "__version__ = '2.13.0+cpu'\ncuda = None\nhip = None\n", None, (), (8, 9),
            r"torch 2.13.0\+cpu is built for CPUs alone. Install the build for your card",
        ),
        (
            CUDA_BUILD, RuntimeError("The NVIDIA driver on your system is too old"), (), (8, 9),
            r"torch 2.9.1\+cu130 \(CUDA 13.0\) cannot use it: The NVIDIA driver on your system is "
            "too old. Update NVIDIA's driver, or take a torch for an older CUDA.",
        ),
        (CUDA_BUILD, AttributeError(), (), (8, 9), "cannot use it: AttributeError. Update"),
        (
            CUDA_BUILD, None, ("sm_80", "sm_86", "sm_90", "compute_130"), (12, 0),
            "has no kernels for cards of compute capability 12.0",
        ),
    ],
)  # fmt: skip
def test_a_card_that_torch_cannot_use_is_named_once_with_the_command(
    driver, caplog, build, raised, built_for, capability, said
):
    asked = driver(build, raised, built_for, capability)
    caplog.set_level("INFO")
    for _ in range(2):
        assert backends() == ("openvino",)
    (line,) = caplog.messages
    assert re.search(rf"backend: the NVIDIA card here is not used: .*{said}", line)
    assert bool(asked) == (build == CUDA_BUILD), "torch is loaded only if it may have a device"


@pytest.mark.parametrize(
    ("built_for", "capability", "runs"),
    [
        (["sm_80", "sm_90"], (8, 9), True),
        (["sm_86"], (8, 0), False),
        (["sm_89"], (9, 0), False),
        (["sm_90", "compute_90"], (12, 0), True),
        (["sm_90a"], (9, 0), True),
        (["sm_120"], (12, 0), True),
        (["sm_100", "sm_120"], (7, 5), False),
        (["gfx1100"], (8, 9), False),
    ],
)
def test_which_kernels_run_on_a_card(built_for, capability, runs):
    """As CUDA says: binary code within a generation, upwards; portable code on all later cards."""
    assert nvidia._runs_on(built_for, *capability) is runs


@pytest.mark.parametrize(
    ("system", "paths", "libraries", "there", "asked"),
    [
        ("linux", ["/dev/nvidiactl"], [], True, []),
        ("win32", [], ["nvcuda"], True, ["nvcuda"]),
        ("win32", [], [], False, ["nvcuda"]),
        ("linux", ["/dev/dxg"], ["cuda"], True, ["cuda"]),
        ("linux", ["/dev/dxg"], [], False, ["cuda"]),
        ("linux", [], ["cuda", "nvcuda"], False, []),
    ],
)
def test_the_driver_on_linux_windows_and_wsl(monkeypatch, system, paths, libraries, there, asked):
    found = []

    def find_library(name):
        found.append(name)
        return name if name in libraries else None

    monkeypatch.setattr(nvidia.sys, "platform", system)
    monkeypatch.setattr(nvidia.Path, "exists", lambda path: path.as_posix() in paths)
    monkeypatch.setattr(nvidia, "find_library", find_library)
    assert nvidia.has_driver() is there
    assert found == asked, "to ask Linux for a library takes a tenth of a second"


def test_the_cuda_that_the_installed_tensorrt_is_built_for():
    assert nvidia._rtx_cuda() == 13, "of tensorrt-rtx 1.7.1, which the tests install"
