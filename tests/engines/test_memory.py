"""Memory: what engines need and hold, what is free, and that a second one is not built blindly."""

import gc
from types import SimpleNamespace

import psutil
import pytest
import torch

from engines import memory
from engines.api import EngineSpec, Watch
from engines.backends.openvino import runner as openvino
from engines.backends.tensorrt import runner as tensorrt
from engines.backends.torch import memory as torch_memory
from engines.backends.torch import runner as torch_backend
from engines.build import build
from engines.errors import BackendUnavailable
from engines.families import open_model
from engines.memory import GIB, Memory, Need
from engines.model import Plans
from engines.model.footprint import parameters, working_bytes
from engines.outages import captures
from tests.engines.tiny_models import write_tiny_model

SPEC = EngineSpec(width=128, height=128, backend="torch", device="cpu")
CARD = torch.device("cuda", 0)


@pytest.fixture
def card(monkeypatch):
    """torch.cuda with 8 GiB, 3 of them free, and 2 that torch keeps, half of them unused."""
    played = SimpleNamespace(free=3 * GIB, reserved=2 * GIB, allocated=GIB, fractions=[])
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda name: (played.free, 8 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: played.reserved)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: played.allocated)
    monkeypatch.setattr(
        torch.cuda,
        "set_per_process_memory_fraction",
        lambda fraction, device: played.fractions.append(fraction),
    )
    return played


def test_the_processors_memory_is_the_machines():
    found, machine = memory.memory_of("CPU"), psutil.virtual_memory()
    assert found.total == machine.total
    assert 0 < found.free <= found.total


def test_a_card_is_asked_once_torch_has_opened_it(card, monkeypatch):
    assert memory.memory_of("cuda:0") == Memory(3 * GIB, 8 * GIB)
    assert memory.memory_of("GPU.1") is None
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    assert memory.memory_of("cuda:0") is None


def test_what_torch_keeps_and_does_not_use_is_free_for_an_engine(card):
    assert torch_memory.free_bytes(CARD) == 4 * GIB
    assert torch_memory.free_bytes(torch.device("mps")) is None


def test_engines_hold_their_device_until_they_are_closed():
    assert not memory.is_held("cpu")
    first, second = build(SPEC), build(SPEC)
    assert memory.is_held("CPU"), "however it is spelt"
    first.close()
    first.close()
    assert memory.is_held("cpu")
    second.close()
    assert not memory.is_held("cpu")


def test_an_engine_that_nobody_closed_holds_nothing_once_it_is_gone():
    engine = build(SPEC)
    assert memory.is_held("cpu")
    del engine
    gc.collect()
    assert not memory.is_held("cpu")


def lacking(monkeypatch):
    need = Need("cpu", 6 * GIB, 5 * GIB)
    monkeypatch.setattr(torch_backend, "needs", lambda model, spec: need)


def test_an_engine_that_is_alone_may_try(monkeypatch):
    lacking(monkeypatch)
    build(SPEC).close()


def test_a_second_one_that_does_not_fit_is_refused_before_anything_is_loaded(monkeypatch):
    lacking(monkeypatch)
    running = build(SPEC)
    monkeypatch.setattr(torch_backend, "build_runner", lambda *about: pytest.fail("it was built"))
    told = r"nano needs about 6\.0 GiB on cpu beside the engine that runs, and 5\.0 GiB are free.*"
    with pytest.raises(BackendUnavailable, match=told + "smaller --size") as caught:
        build(SPEC)
    assert caught.value.cause == "memory"
    running.close()


def test_the_running_one_is_closed_first_if_it_may_be(monkeypatch):
    lacking(monkeypatch)
    running = build(SPEC)
    build_runner, held = torch_backend.build_runner, []

    def watched(*about):
        held.append(memory.is_held("cpu"))
        return build_runner(*about)

    def make_room():
        running.close()
        return True

    monkeypatch.setattr(torch_backend, "build_runner", watched)
    build(SPEC, Watch(make_room=make_room)).close()
    assert held == [False]


def test_what_fits_asks_nobody(monkeypatch):
    monkeypatch.setattr(torch_backend, "needs", lambda *about: Need("cpu", GIB, GIB))
    running = build(SPEC)
    build(SPEC, Watch(make_room=lambda: pytest.fail("there is room"))).close()
    running.close()


@pytest.mark.parametrize("backend", [torch_backend, openvino])
def test_weights_that_are_there_are_not_needed_again(backend, tmp_path):
    folder = write_tiny_model("sd_turbo", tmp_path / "model")
    name = backend.__name__.split(".")[-2]
    spec = EngineSpec(model=str(folder), width=128, height=128, backend=name, device="cpu")
    model = open_model(spec)
    networks, text = parameters(model)
    alone = backend.needs(model, spec)
    working = working_bytes(model, spec, 4)
    assert alone.device.lower() == "cpu"
    assert alone.needed == (networks + text) * 4 + working
    if name == "torch":
        engine = build(spec)
        assert backend.needs(model, spec).needed == working
        engine.close()


@pytest.mark.parametrize("family", ["sd15", "sd_turbo", "sdxl_turbo"])
def test_parameters_are_those_of_the_networks(family, tmp_path):
    model = open_model(EngineSpec(model=str(write_tiny_model(family, tmp_path)), autoencoder="own"))
    from engines.families import family as family_of

    networks, text = family_of(family).load(model)
    counts = [sum(one.numel() for one in module.parameters()) for module in (networks, text)]
    assert parameters(model) == pytest.approx(counts, rel=0.01), "buffers are in the files as well"


def test_weights_that_are_there_twice_count_once(tmp_path):
    folder = write_tiny_model("sd_turbo", tmp_path)
    model = open_model(EngineSpec(model=str(folder)))
    once = parameters(model)
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.with_name("diffusion_pytorch_model.fp16.safetensors").write_bytes(file.read_bytes())
    assert parameters(model) == once


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0[]", b"\4\0\0\0\0\0\0\0nope"]
)
def test_a_file_that_is_no_checkpoint_counts_as_nothing(tmp_path, content):
    folder = write_tiny_model("sd_turbo", tmp_path)
    model = open_model(EngineSpec(model=str(folder)))
    (folder / "text_encoder" / "model.safetensors").write_bytes(content)
    assert parameters(model)[1] == 0


def test_more_rows_pixels_and_a_larger_autoencoder_need_more(tmp_path):
    tiny = open_model(EngineSpec(model=str(write_tiny_model("sd_turbo", tmp_path / "a"))))
    own = open_model(
        EngineSpec(model=str(write_tiny_model("sd15", tmp_path / "b")), autoencoder="own")
    )
    spec = EngineSpec(width=512, height=512)
    figures = [
        working_bytes(tiny, spec, 2),
        working_bytes(tiny, EngineSpec(width=512, height=512, steps=4), 2),
        working_bytes(tiny, EngineSpec(width=768, height=768, steps=4), 2),
        working_bytes(own, EngineSpec(width=768, height=768, steps=4), 2),
    ]
    assert figures == sorted(figures)
    assert 0.3 * GIB < figures[0] < GIB


def test_a_plan_needs_what_its_files_are(card, tmp_path):
    from dataclasses import replace

    (tmp_path / "frame_step.plan").write_bytes(b"p" * 1000)
    (tmp_path / "text_encoder.plan").write_bytes(b"p" * 500)
    spec = EngineSpec(width=128, height=128)
    model = replace(
        open_model(EngineSpec()),
        plans=Plans(tmp_path / "frame_step.plan", tmp_path / "text_encoder.plan"),
    )
    need = tensorrt.needs(model, spec)
    assert need == Need("cuda:0", 1500 + working_bytes(model, spec, 2), 4 * GIB)


def test_memory_is_given_back_between_captures(monkeypatch):
    locked = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: locked.append(captures.locked()))
    torch_memory.give_back(torch.device("cpu"))
    torch_memory.give_back(CARD)
    assert locked == [True]


def test_a_failed_device_gives_nothing_back_and_says_nothing(monkeypatch, caplog):
    def fail():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "empty_cache", fail)
    torch_memory._give_back(CARD)
    assert not captures.locked()
    assert not caplog.records


def test_windows_lets_torch_fail_rather_than_swap(card, monkeypatch):
    torch_memory.limit_to_free(CARD)
    assert card.fractions == [], "elsewhere the driver says that it is full"
    monkeypatch.setattr(torch_memory, "_MOVES_MEMORY", True)
    torch_memory.limit_to_free(torch.device("cpu"))
    assert card.fractions == []
    torch_memory.limit_to_free(CARD)
    spare = torch_memory._SPARE
    assert card.fractions == [pytest.approx((5 * GIB - spare) / (8 * GIB))]
    card.free = 8 * GIB
    torch_memory.limit_to_free(CARD)
    assert card.fractions[-1] == 1.0
