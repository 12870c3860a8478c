"""Batches of real architectures: the embedded model on both devices, and a pooled UNet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import EngineSpec, Params
from engines.batch import build_batch
from engines.batch.devices import openvino
from engines.batch.devices.openvino import call_sizes, compiled_rows
from engines.build import build
from tests.engines.pictures import moving_picture
from tests.engines.tiny_models import write_tiny_model

SIDE = 128
TEXTS = ("anime", "neon, cyberpunk", "comic book")


def worst_beside_engines(spec, capacity=4, calls=5):
    """Three cameras, of which the second pauses and the third comes late: the largest difference to
    an engine each."""
    batch = build_batch(spec, capacity)
    words = [batch.encode(text) for text in (*TEXTS, "photo")]
    seats, alone = [batch.open() for _ in TEXTS], [build(spec) for _ in TEXTS]
    worst = 0
    for number, picture in zip(range(calls), moving_picture(SIDE, SIDE), strict=False):
        there = [
            c for c in range(3) if c == 0 or (c == 1 and number != 2) or (c == 2 and number > 1)
        ]
        frames = [np.ascontiguousarray(np.roll(picture, 30 * camera, 0)) for camera in there]
        looks = [
            Params(
                prompt=words[(camera + number // 3) % 3],
                negative=words[3],
                strength=0.3 + 0.2 * camera + 0.05 * number,
                guidance_scale=1.0 + 0.4 * camera,
                seed=camera,
            )
            for camera in there
        ]
        shown = batch.run([(seats[c], *one) for c, *one in zip(there, frames, looks, strict=True)])
        for camera, frame, look, shared in zip(there, frames, looks, shown, strict=True):
            own = alone[camera].run(frame, look)
            assert shared.std() > 0
            worst = max(worst, int(np.abs(shared.astype(int) - own).max()))
    label = batch.label
    for one in (batch, *alone):
        one.close()
    return worst, label


@pytest.mark.parametrize(
    ("steps", "batching", "mode", "any_rows"),
    [(2, "stream", "onetime", False), (2, "sequential", "full", True)],
)
def test_openvino_shows_each_camera_what_an_engine_would(
    steps, batching, mode, any_rows, monkeypatch
):
    if any_rows:
        monkeypatch.setattr(openvino, "_LARGE", 0)
    spec = EngineSpec(width=SIDE, height=SIDE, steps=steps, batching=batching, guidance_mode=mode,
                      backend="openvino", precision="float32")  # fmt: skip
    worst, label = worst_beside_engines(spec)
    assert worst <= 2
    assert label == "nano on openvino CPU, float32"


def test_torch_shows_each_camera_what_an_engine_would():
    spec = EngineSpec(width=SIDE, height=SIDE, steps=2, guidance_mode="self", backend="torch",
                      device="cpu", precision="float32")  # fmt: skip
    worst, label = worst_beside_engines(spec, calls=4)
    assert worst <= 2
    assert label == "nano on torch cpu, float32"


def test_pooled_prompts_and_sizes_are_a_rows_own(tmp_path):
    """On torch alone: to write such a model's graphs takes longer than all the rest here."""
    folder = write_tiny_model("sdxl_turbo", tmp_path / "model")
    spec = EngineSpec(model=str(folder), width=SIDE, height=SIDE, guidance_mode="full",
                      backend="torch", device="cpu", precision="float32")  # fmt: skip
    worst, _ = worst_beside_engines(spec, capacity=2, calls=2)
    assert worst <= 2


@given(
    rows=st.integers(1, 200), capacity=st.integers(1, 20), mode=st.sampled_from(["none", "full"])
)
def test_calls_hold_all_rows_and_little_else(rows, capacity, mode):
    compiled = compiled_rows(EngineSpec(steps=2, guidance_mode=mode), capacity)
    least = compiled[0]
    sizes = list(call_sizes(rows, compiled))
    assert set(sizes) <= set(compiled)
    assert rows <= sum(sizes)
    assert sum(sizes) - rows <= max(0.25 * max(sizes), least - 1)
    if rows in compiled:
        assert sizes == [rows]
