"""Which device a user means: nvidia-smi's number, a name, a UUID, or a backend's own word."""

import pytest

from engines import devices
from engines.api import EngineSpec
from engines.choice import backends_for
from engines.devices import TorchCard, card_of, device_of
from engines.errors import BackendUnavailable
from engines.families import open_model
from engines.survey import NvidiaCard

# torch counts from the fastest on, nvidia-smi by slot.
TORCH = [
    TorchCard(0, "NVIDIA GeForce RTX 4090", "GPU-aaaa1111-0000"),
    TorchCard(1, "NVIDIA GeForce RTX 3060", "GPU-bbbb2222-0000"),
    TorchCard(2, "NVIDIA GeForce RTX 3060", "GPU-bbbb3333-0000"),
]
DRIVER = [
    NvidiaCard("NVIDIA GeForce RTX 3060", "580.1", 12288, 100, "8.6", 0, "GPU-bbbb2222-0000"),
    NvidiaCard("NVIDIA GeForce RTX 4090", "580.1", 24564, 200, "8.9", 1, "GPU-aaaa1111-0000"),
    NvidiaCard("NVIDIA GeForce RTX 3060", "580.1", 12288, 300, "8.6", 2, "GPU-bbbb3333-0000"),
]


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.setattr(devices, "torch_cards", lambda: TORCH)
    monkeypatch.setattr(devices, "nvidia_cards", lambda: DRIVER)
    monkeypatch.setattr(devices, "nvidia_obstacle", lambda: None)


@pytest.mark.parametrize(
    ("wanted", "device"),
    [
        ("0", "cuda:1"),
        ("1", "cuda:0"),
        ("2", "cuda:2"),
        ("4090", "cuda:0"),
        ("rtx 4090", "cuda:0"),
        ("GPU-bbbb2222-0000", "cuda:1"),
        ("GPU-bbbb3", "cuda:2"),
        ("aaaa1111", "cuda:0"),
        ("cuda:2", "cuda:2"),
        ("CUDA:1", "cuda:1"),
        ("auto", "auto"),
        ("CPU", "CPU"),
        ("cpu", "cpu"),
        ("GPU.1", "GPU.1"),
        ("NPU", "NPU"),
    ],
)
def test_what_a_user_writes(wanted, device):
    assert device_of(wanted) == device


@pytest.mark.parametrize(
    ("wanted", "which"),
    [("3", "none"), ("3060", "more than one"), ("RTX", "more than one"),
     ("GPU-bbbb", "more than one"), ("2080", "none"), ("GPU-9", "none")],
)  # fmt: skip
def test_what_names_no_single_card_lists_them(wanted, which):
    with pytest.raises(BackendUnavailable) as caught:
        device_of(wanted)
    told = str(caught.value)
    assert told.startswith(f"device '{wanted}' is {which} of the NVIDIA cards here. There are ")
    assert "1: NVIDIA GeForce RTX 4090, GPU-aaaa1111-0000; 0: NVIDIA GeForce RTX 3060" in told


def test_without_a_card_it_says_what_torch_lacks(monkeypatch):
    monkeypatch.setattr(devices, "nvidia_obstacle", lambda: "torch 2.13 is built for CPUs alone")
    with pytest.raises(BackendUnavailable, match=r"device '0': there is no .* for CPUs alone.*CPU"):
        device_of("0")


def test_without_the_drivers_program_torch_counts(monkeypatch):
    def fails():
        raise OSError("nvidia-smi does not answer")

    monkeypatch.setattr(devices, "nvidia_cards", fails)
    assert device_of("0") == "cuda:0"


def test_the_drivers_word_on_the_card_that_torch_means():
    assert card_of("cuda:0") == DRIVER[1]
    assert card_of("cuda:1") == DRIVER[0]
    with pytest.raises(BackendUnavailable, match="knows no such card"):
        card_of("cuda:7")


@pytest.mark.parametrize("device", ["CPU", "cpu", "GPU.1"])
def test_a_device_in_openvinos_words_is_openvinos(monkeypatch, device):
    monkeypatch.setattr("engines.choice._torch_has_gpu", lambda model: True)
    spec = EngineSpec(device=device)
    assert backends_for(spec, open_model(spec)) == ("openvino",)
