"""What the engines of a process share: weights on a device, and OpenVINO's text encoder."""

import gc
import shutil
import weakref
from dataclasses import replace
from threading import Event, Thread

import numpy as np
import pytest
import torch

from engines.api import EngineSpec, Params
from engines.backends.openvino.text import is_loaded
from engines.backends.torch import weights
from engines.backends.torch.placement import place
from engines.build import build
from engines.families import open_model
from engines.model.shared import Shared, weights_key
from tests.engines.pictures import moving_picture
from tests.engines.tiny_models import write_tiny_model

SPEC = EngineSpec(width=144, height=128, backend="torch", device="cpu")
OTHERS = {"width": 208, "steps": 2, "guidance_mode": "self", "prompt_chunks": 2}


class Value:
    pass


def test_who_takes_a_value_holds_it():
    shared, loads = Shared(), []
    take = lambda key: shared.take(key, lambda: loads.append(key) or Value())  # noqa: E731
    one = take("a")
    assert take("a") is one
    assert take("b") is not one
    assert loads == ["a", "b"]
    assert shared.holds("a")
    assert not shared.holds("b")
    del one
    gc.collect()
    take("a")
    assert loads == ["a", "b", "a"]


def test_one_thread_loads_and_who_wants_something_else_does_not_wait():
    shared, go_on, began, found = Shared(), Event(), Event(), []

    def load():
        began.set()
        assert go_on.wait(10)
        return Value()

    def work():
        found.append(shared.take("slow", load))

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert began.wait(10)
    shared.take("fast", Value)
    assert not found
    go_on.set()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]


def test_what_could_not_be_loaded_is_loaded_again():
    shared = Shared()
    with pytest.raises(MemoryError):
        shared.take("a", lambda: (_ for _ in ()).throw(MemoryError))
    value = Value()
    assert shared.take("a", lambda: value) is value


@pytest.mark.parametrize("name", OTHERS)
def test_engines_of_a_model_read_one_set_of_weights(monkeypatch, name):
    loads = []
    load = weights._load
    monkeypatch.setattr(weights, "_load", lambda *about: loads.append(about) or load(*about))
    first, second = build(SPEC), build(replace(SPEC, **{name: OTHERS[name]}))
    assert len(loads) == 1
    shared = weakref.ref(second._runner._text._weights)
    assert first._runner._text._weights is shared()
    spec = second.spec
    frame = next(moving_picture(spec.width, spec.height))
    given = Params(prompt=second.encode("anime"), negative=second.encode(""))
    expected = second.run(frame, given)
    first.close()
    second.restart()
    assert np.array_equal(second.run(frame, given), expected), "the other one's end is not its own"
    second.close()
    gc.collect()
    assert shared() is None, "nothing but an engine keeps them"


def test_other_arithmetic_has_weights_of_its_own():
    first, second = build(SPEC), build(replace(SPEC, precision="bfloat16"))
    one, other = (engine._runner._text._weights for engine in (first, second))
    assert one is not other
    types = [next(each.networks.parameters()).dtype for each in (one, other)]
    assert types == [torch.float32, torch.bfloat16]
    first.close()
    second.close()


def test_whether_weights_are_there_is_known_before_they_are_read():
    model, placement = open_model(SPEC), place(SPEC)
    gc.collect()
    assert not weights.are_loaded(model, placement)
    engine = build(SPEC)
    assert weights.are_loaded(model, placement)
    engine.close()


def test_a_file_that_was_replaced_is_read_anew(tmp_path):
    folder = write_tiny_model("sd_turbo", tmp_path / "model")
    spec = replace(SPEC, model=str(folder))
    first = build(spec)
    before = weights_key(open_model(spec))
    other = write_tiny_model("sd_turbo", tmp_path / "other", seed=1)
    name = "unet/diffusion_pytorch_model.safetensors"
    shutil.copyfile(other / name, folder / name)
    assert weights_key(open_model(spec)) != before
    second = build(spec)
    assert first._runner._text._weights is not second._runner._text._weights
    first.close()
    second.close()


def test_a_lora_or_its_scale_makes_other_weights(tmp_path):
    model = open_model(EngineSpec(model=str(write_tiny_model("sd_turbo", tmp_path / "model"))))
    file = tmp_path / "lora.safetensors"
    file.write_bytes(b"a")
    keys = {
        weights_key(replace(model, loras=loras)) for loras in ((), ((file, 1.0),), ((file, 0.5),))
    }
    assert len(keys) == 3


def test_a_file_that_has_gone_is_told_by_who_reads_it(tmp_path):
    model = replace(open_model(EngineSpec()), loras=((tmp_path / "gone.safetensors", 1.0),))
    assert weights_key(model) == weights_key(model)


def test_openvino_compiles_the_text_encoder_once():
    first, second = (
        build(EngineSpec(width=width, height=128, backend="openvino")) for width in (128, 192)
    )
    text = weakref.ref(first._runner._text._graph)
    assert second._runner._text._graph is text()
    words = first.encode("anime").tokens_TD
    first.close()
    assert np.array_equal(second.encode("anime").tokens_TD, words)
    second.close()
    gc.collect()
    assert text() is None
    assert not is_loaded(open_model(EngineSpec()), EngineSpec(), "CPU")
