"""Which backend a machine gets: every kind of card, what is installed, what was asked for."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from engines import build as building
from engines import choice
from engines.api import EngineSpec
from engines.backends import _nvidia
from engines.backends._nvidia import Card
from engines.backends._tensorrt_flavour import CLASSIC, RTX, Flavour
from engines.backends._tensorrt_plan import PORTABLE
from engines.build import engine_steps
from engines.choice import backends_for, tensorrt_for
from engines.errors import BackendUnavailable
from engines.families import open_model

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


def flavour(name):
    known = ["SM75", "SM80", "SM86", "SM89", "SM120", "SM121"]
    capability = SimpleNamespace(__members__=dict.fromkeys(known))
    return Flavour(name, SimpleNamespace(__version__="1.7", ComputeCapability=capability), None)


@pytest.fixture
def machine(monkeypatch):
    """Call with a card's name, the flavours that are installed and those plans that are ready."""

    def has(card, installed=(RTX,), ready=()):
        found = Card(f"NVIDIA {card}", CARDS[card]) if card else None
        for module in (choice, _nvidia):
            monkeypatch.setattr(module, "find_card", lambda device: found)
        monkeypatch.setattr(choice, "_torch_has_gpu", lambda model: card is not None)
        monkeypatch.setattr(_nvidia, "installed_flavours", lambda: list(installed))
        monkeypatch.setattr(_nvidia, "open_flavour", flavour)
        monkeypatch.setattr(choice, "open_flavour", flavour)
        monkeypatch.setattr(
            choice, "find_plans", lambda m, s, f, a: Path("there") if a in ready else None
        )
        choice._say_once.cache_clear()

    return has


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
    found, _ = choice.tensorrt_here(SPEC)
    assert found.name == CLASSIC


def test_rtx_is_preferred_where_both_are_installed(machine):
    machine("RTX 4090", installed=[RTX, CLASSIC])
    assert choice.tensorrt_here(SPEC)[0].name == RTX


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
    assert engine_steps(SPEC) == [replace(SPEC, backend=name) for name in ("torch", "tensorrt")]
    assert engine_steps(replace(SPEC, backend="null")) == [replace(SPEC, backend="null")]
    with pytest.raises(BackendUnavailable, match="'cuda' is unknown"):
        engine_steps(replace(SPEC, backend="cuda"))


def test_auto_goes_on_with_torch_when_a_ready_engine_does_not_load(machine, monkeypatch, caplog):
    machine("RTX 4090", ready=["sm89"])
    asked = []

    def build_on(name, spec, model, watch):
        asked.append(name)
        if name == "tensorrt":
            raise BackendUnavailable("could not load frame_step.plan: old cuda driver.")
        return "an engine"

    monkeypatch.setattr(building, "_build_on", build_on)
    assert building.build(SPEC) == "an engine"
    assert asked == ["tensorrt", "torch"]
    assert "since TensorRT failed: could not load" in caplog.text
    with pytest.raises(BackendUnavailable, match="old cuda driver"):
        building.build(replace(SPEC, backend="tensorrt"))


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
