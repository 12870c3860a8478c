"""Outages: a device is asked whether it answers, with patience that ends; what failed is known."""

import sys
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import pytest
import torch

from engines import outages
from engines.api import EngineSpec

SPEC = EngineSpec()
ILLEGAL = RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors")


@pytest.fixture(autouse=True)
def clean():
    yield
    outages.forget()


@pytest.fixture
def device(monkeypatch):
    """Call with what each question brings, in turn: an error, an event that is waited for, None."""
    asked = []

    def answers(*answers):
        left = list(answers)

        def synchronise(name):
            asked.append(name)
            answer = left.pop(0) if left else None
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                answer.wait(20)

        monkeypatch.setattr(outages, "_synchronise", synchronise)
        return asked

    return answers


def test_a_device_that_answers_is_not_lost(device):
    asked = device()
    assert outages.outage_of("cuda:0") == ""
    assert outages.lost("cuda:0") == ""
    assert asked == ["cuda:0"]


@pytest.mark.parametrize("name", ["cuda:0", "cuda", "CUDA:0", "mps"])
def test_an_error_that_stays_is_the_end_and_nobody_asks_again(device, name):
    asked = device(ILLEGAL, ILLEGAL)
    why = outages.outage_of(name)
    assert why.startswith("CUDA error: an illegal memory access was encountered")
    assert outages.outage_of(name) == outages.lost(name) == outages.lost("auto") == why
    assert len(asked) == 2
    assert outages.lost("cuda:1") == ""


def test_an_error_that_is_gone_the_second_time_is_not_the_end(device):
    asked = device(RuntimeError("CUDA error: invalid argument"))
    assert outages.outage_of("cuda:1") == ""
    assert asked == ["cuda:1"] * 2


def test_a_device_that_hangs_is_given_up(device, monkeypatch):
    monkeypatch.setattr(outages, "_TIMEOUT_SECONDS", 0.05)
    hanging = Event()
    device(hanging)
    assert outages.outage_of("cuda:0") == "it has not answered for 0.05 seconds"
    hanging.set()
    assert outages.lost("cuda:0"), "it stays given up"


def test_a_capture_is_waited_for_before_a_device_is_asked(device, monkeypatch):
    """To ask it earlier would spoil the capture; one that does not end is the device's hanging."""
    monkeypatch.setattr(outages, "_CAPTURE_TIMEOUT_SECONDS", 0.05)
    asked = device()
    with outages.captures:
        why = outages.outage_of("cuda:0")
    assert why == "a CUDA graph has not been captured for 0.05 seconds"
    assert not asked
    outages.forget()
    assert outages.outage_of("cuda:0") == ""


@pytest.mark.parametrize("name", ["CPU", "cpu", "GPU", "GPU.1", "NPU", ""])
def test_others_than_torchs_devices_are_not_asked(device, name):
    asked = device(ILLEGAL, ILLEGAL)
    assert outages.outage_of(name) == ""
    assert not asked


def test_auto_is_what_torch_has_opened(device, monkeypatch):
    asked = device()
    assert outages.outage_of("auto") == "", "torch has opened nothing here"
    assert not asked
    cuda = SimpleNamespace(is_initialized=lambda: True)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    outages.outage_of("auto")
    assert asked == ["cuda:0"]
    monkeypatch.delitem(sys.modules, "torch")
    assert outages.outage_of("auto") == "", "and it is not loaded for the question"


def test_a_device_is_asked_by_a_wait_for_all_it_was_given(monkeypatch):
    """Allocating alone may be served from memory that torch has at hand."""
    waited = []
    monkeypatch.setattr(torch, "zeros", lambda *shape, device: waited.append("zeros"))
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    assert outages.outage_of("cuda:1") == ""
    assert waited == ["zeros", "cuda:1"]


def test_a_device_that_is_full_is_not_gone(monkeypatch):
    def full(*shape, device):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "zeros", full)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    assert outages.outage_of("cuda:0") == ""


def test_a_tensorrt_engine_that_broke_is_known_by_what_shapes_it():
    chosen = replace(
        SPEC, backend="tensorrt", device="cuda:0", precision="float16", execution="graph"
    )
    outages.plan_broke(chosen, "no tactic")
    assert outages.broken_plan(SPEC) == "no tactic"
    assert outages.broken_plan(replace(SPEC, width=512)) == ""
    assert outages.broken_plan(replace(SPEC, steps=2)) == ""
