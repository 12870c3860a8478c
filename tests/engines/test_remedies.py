"""Remedies: what to build in place of an engine that failed, and when it is the processor."""

from dataclasses import replace

import pytest

from engines import outages, remedies
from engines.api import EngineSpec
from engines.backends.tensorrt.card import Card
from engines.remedies import alternatives, has_gpu, on_cpu, on_what_is_left

AUTO = EngineSpec(width=640, height=368, steps=2)
TORCH = replace(AUTO, backend="torch", device="cuda:0", precision="float16", execution="graph")
PLAN = replace(TORCH, backend="tensorrt")
COMPILED = replace(TORCH, execution="compile")
EAGER = replace(TORCH, execution="eager")
MPS = replace(EAGER, device="mps:0")
OPENVINO = replace(
    AUTO, backend="openvino", device="CPU", precision="bfloat16", execution="compile"
)


@pytest.fixture(autouse=True)
def clean():
    yield
    outages.forget()


@pytest.fixture
def card(monkeypatch):
    def has(capability):
        found = Card("a card", capability) if capability else None
        monkeypatch.setattr(remedies, "find_card", lambda device: found)

    has((8, 9))
    return has


def ways(wanted, ran, cause=""):
    found = alternatives(wanted, ran, cause)
    size = {(spec.width, spec.height, spec.steps) for spec in found}
    assert size <= {(640, 368, 2)}, "the picture stays as it is"
    return [(spec.backend, spec.execution, spec.precision) for spec in found]


@pytest.mark.parametrize(
    ("wanted", "ran", "expected"),
    [
        (AUTO, TORCH, [("torch", "eager", "auto")]),
        (replace(AUTO, precision="float16"), TORCH, [("torch", "eager", "float16")]),
        (AUTO, COMPILED, [("torch", "graph", "auto"), ("torch", "eager", "auto")]),
        (AUTO, EAGER, []),
        (AUTO, MPS, []),
        (AUTO, PLAN, [("torch", "eager", "auto")]),
        (
            replace(AUTO, precision="fp8"),
            replace(PLAN, precision="fp8"),
            [("torch", "eager", "float16")],
        ),
        (replace(AUTO, backend="tensorrt"), PLAN,
         [("torch", "auto", "auto"), ("torch", "eager", "auto")]),
        (AUTO, OPENVINO, []),
        (AUTO, replace(AUTO, backend="null", device="CPU"), []),
    ],
)  # fmt: skip
def test_the_same_device_in_a_simpler_way(card, wanted, ran, expected):
    assert ways(wanted, ran) == expected


@pytest.mark.parametrize(
    ("ran", "capability", "expected"),
    [
        (TORCH, (8, 0), [("torch", "auto", "bfloat16"), ("torch", "auto", "float32")]),
        (PLAN, (8, 9), [("torch", "auto", "bfloat16"), ("torch", "auto", "float32")]),
        (TORCH, (7, 5), [("torch", "auto", "float32")]),
        (MPS, None, [("torch", "auto", "float32")]),
        (replace(TORCH, precision="bfloat16"), (8, 9), [("torch", "auto", "float32")]),
        (replace(TORCH, precision="float32"), (8, 9), []),
        (OPENVINO, None, [("openvino", "auto", "float32")]),
        (replace(AUTO, backend="null", device="CPU"), None, []),
    ],
)
def test_blank_pictures_lead_to_other_arithmetic(card, ran, capability, expected):
    card(capability)
    assert ways(AUTO, ran, "blank") == expected


def test_the_processor_takes_what_was_asked_of_another_device():
    spec = on_cpu(replace(TORCH, threads=2))
    assert (spec.backend, spec.device, spec.threads) == ("openvino", "CPU", 2)
    assert (spec.precision, spec.execution) == ("auto", "auto")
    assert (spec.width, spec.height, spec.steps) == (640, 368, 2)


def test_a_device_that_is_gone_is_left_whatever_was_asked_for(monkeypatch):
    monkeypatch.setattr(outages, "_synchronise", _gone)
    assert on_what_is_left(AUTO) == AUTO
    outages.outage_of("cuda:0")
    for spec in (AUTO, TORCH, PLAN, replace(AUTO, backend="torch")):
        assert on_what_is_left(spec) == on_cpu(spec)
    for spec in (
        OPENVINO,
        replace(AUTO, backend="null"),
        replace(TORCH, device="cpu"),
        replace(TORCH, device="cuda:1"),
    ):
        assert on_what_is_left(spec) == spec


def test_what_runs_beside_the_processor():
    assert [has_gpu(spec) for spec in (TORCH, MPS, replace(OPENVINO, device="GPU"))] == [True] * 3
    assert not has_gpu(OPENVINO)
    assert not has_gpu(replace(TORCH, device="cpu"))
    assert not has_gpu(replace(AUTO, backend="null"))


def _gone(device):
    raise RuntimeError("CUDA error: unspecified launch failure")


def test_blank_pictures_in_float8_lead_to_float16_on_torch(card):
    wanted, ran = replace(AUTO, precision="fp8"), replace(PLAN, precision="fp8")
    expected = [("torch", "auto", "float16"), ("torch", "auto", "float32")]
    assert ways(wanted, ran, "blank") == expected
