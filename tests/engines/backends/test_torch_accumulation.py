"""Sums in float16: on where they are faster and the picture stays, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engines.backends.torch import accumulation
from engines.backends.torch.accumulation import half_accumulation, is_faster
from tests.engines.backends import fake_cuda
from tests.engines.backends.fake_cuda import CAPTURED, Captured
from tests.engines.backends.test_torch_graph import SPEC, edits
from tests.engines.toy import ToyNetworks
from tests.engines.toy_runner import toy_engine

HALVES = Captured(torch.device("cpu"), "float16", "graph")


def flag():
    return torch.backends.cuda.matmul.allow_fp16_accumulation


class Rounding(ToyNetworks):
    """Its pictures are `off` levels brighter with sums in float16."""

    def __init__(self, off):
        super().__init__()
        self.off, self.seen = off, []

    def decode(self, latent_BChw, features):
        self.seen.append(flag())
        shift = self.off / 127.5 if flag() else 0.0
        return super().decode(latent_BChw, features) * 0.2 + shift


@pytest.fixture(autouse=True)
def card(monkeypatch):
    """An Ada card, played. Toys have no float16 weights: the dtype is the CPU's own."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 9))
    yield fake_cuda.install(monkeypatch)
    assert flag() is False, "it holds for one capture alone"


def built(networks, placement=HALVES, **changes):
    return toy_engine(networks, replace(SPEC, steps=2), placement=replace(placement, **changes))


@pytest.mark.parametrize(("off", "kept"), [(0.0, True), (2.0, True), (3.0, False), (40.0, False)])
def test_the_picture_decides(caplog, off, kept):
    """2 levels are 42 dB, 3 are 38.6."""
    caplog.set_level("INFO")
    networks = Rounding(off)
    engine = built(networks)
    assert networks.seen[:2] == [False, True]
    assert set(networks.seen[2:]) == {kept}, "every warm-up and the capture"
    (line,) = (line for line in caplog.messages if line.startswith("half accumulation"))
    assert ("so it is on" in line) == kept
    frame, params, _ = next(edits(1))
    assert engine.run(frame, params).shape == frame.shape


def test_pictures_that_are_no_numbers_never_pass():
    networks = Rounding(0.0)
    built(networks)
    assert accumulation._psnr(torch.ones(2), torch.tensor([1.0, float("nan")])) < 0


def test_what_was_filled_to_look_is_gone_from_the_first_frame():
    engines = [built(Rounding(0.0)), built(Rounding(0.0), half_accumulation=False)]
    for frame, params, restart in edits(8):
        if restart:
            for engine in engines:
                engine.restart()
        one, other = (engine.run(frame, params) for engine in engines)
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("capability", "faster"),
    [((7, 5), True), ((8, 0), False), ((8, 6), True), ((9, 0), False), ((12, 0), True)],
)
def test_cards_that_are_as_fast_without_are_left_alone(monkeypatch, capability, faster):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert is_faster(HALVES) == faster
    networks = Rounding(0.0)
    built(networks)
    assert any(networks.seen) == faster


@pytest.mark.parametrize("changes", [{"precision": "float32"}, {"half_accumulation": False}])
def test_it_can_be_switched_off_and_is_nothing_for_other_arithmetic(changes):
    networks = Rounding(0.0)
    built(networks, **changes)
    assert not any(networks.seen)
    assert CAPTURED.precision == "float32"


def test_the_flag_is_put_back_whatever_happens():
    def fail():
        assert flag()
        raise MemoryError

    with pytest.raises(MemoryError), half_accumulation(on=True):
        fail()
    assert not flag()
