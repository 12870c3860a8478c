"""What torch runs on, in what arithmetic and how: "auto" is resolved, nothing is replaced."""

import pytest
import torch

from engines.api import EngineSpec
from engines.backends.torch import compiler
from engines.backends.torch import placement as placement_module
from engines.backends.torch.placement import Placement, place
from engines.errors import BackendUnavailable

DEVICES = {name: torch.device(name) for name in ("cpu", "cuda:0", "mps")}


def placed(monkeypatch, device, **fields):
    """`place` on a machine whose torch takes `device`."""
    monkeypatch.setattr(placement_module, "_device", lambda name: DEVICES[device])
    return place(EngineSpec(backend="torch", **fields))


@pytest.mark.parametrize(
    ("device", "precision", "execution", "captured"),
    [
        ("cpu", "float32", "eager", False),
        ("mps", "float16", "eager", False),
        ("cuda:0", "float16", "graph", True),
    ],
)
def test_auto_is_what_the_device_does_best(monkeypatch, device, precision, execution, captured):
    found = placed(monkeypatch, device)
    assert (found.precision, found.execution, found.captured) == (precision, execution, captured)
    assert found.dtype == getattr(torch, precision)


def test_an_amd_gpu_runs_eagerly(monkeypatch):
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert placed(monkeypatch, "cuda:0").execution == "eager"
    with pytest.raises(BackendUnavailable, match=r"'graph'.*AMD GPU.*'eager'"):
        placed(monkeypatch, "cuda:0", execution="graph")


def test_compile_ends_in_a_graph_only_where_there_are_graphs(monkeypatch):
    monkeypatch.setattr(compiler, "find_spec", lambda name: object())
    assert placed(monkeypatch, "cuda:0", execution="compile").captured
    assert not placed(monkeypatch, "cpu", execution="compile").captured
    assert not placed(monkeypatch, "cuda:0", execution="eager").captured


@pytest.mark.parametrize(
    ("triton", "system", "chosen", "there", "said"),
    [
        (False, "linux", "", ["gcc"], "the package triton.*pip install triton"),
        (True, "linux", "", [], "needs a C compiler: sudo apt install gcc"),
        (True, "linux", "/opt/none", ["gcc"], "none by the name in \\$CC, /opt/none"),
        (True, "linux", "", ["clang"], None),
        (True, "linux", "icx", ["icx"], None),
        (True, "win32", "", [], None),
    ],
)
def test_what_compile_needs_on_cuda_is_named(monkeypatch, triton, system, chosen, there, said):
    monkeypatch.setattr(compiler, "find_spec", lambda name: object() if triton else None)
    monkeypatch.setattr(compiler.sys, "platform", system)
    monkeypatch.setattr(compiler.shutil, "which", lambda name: name if name in there else None)
    monkeypatch.setenv("CC", chosen)
    if said is None:
        assert placed(monkeypatch, "cuda:0", execution="compile").execution == "compile"
        return
    with pytest.raises(BackendUnavailable, match=rf"'compile' on cuda:0: .*{said}.*'graph'"):
        placed(monkeypatch, "cuda:0", execution="compile")


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_a_graph_is_refused_where_there_are_none(monkeypatch, device):
    with pytest.raises(BackendUnavailable, match=rf"'graph'.*{device}.*'auto'"):
        placed(monkeypatch, device, execution="graph")


def test_what_was_asked_for_is_kept(monkeypatch):
    found = placed(monkeypatch, "cpu", precision="bfloat16", execution="compile")
    assert found == Placement(DEVICES["cpu"], "bfloat16", "compile")


def test_weights_lie_channels_last_but_on_mps():
    layouts = {name: Placement(device, "float32", "eager").layout
               for name, device in DEVICES.items()}  # fmt: skip
    assert layouts == {
        "cpu": torch.channels_last,
        "cuda:0": torch.channels_last,
        "mps": torch.contiguous_format,
    }


def test_a_device_that_is_not_there_is_refused():
    for name in ("teapot", "cuda:99"):
        with pytest.raises(BackendUnavailable, match=name):
            place(EngineSpec(device=name))
