"""Cameras that share UNet calls: each one's pictures are those of an engine of its own."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.api import GUIDANCE_MODES, Embedding, EngineSpec, Params
from engines.batch import build_batch
from engines.batch.devices import device_names
from engines.errors import BackendUnavailable, EngineFailed, InvalidSpec
from engines.memory import is_held
from tests.engines.batch.toy_batch import toy_batch
from tests.engines.toy import TOKENS, WIDTH, ToyNetworks
from tests.engines.toy_runner import toy_engine

SPEC = EngineSpec(width=128, height=128, backend="torch", device="cpu", precision="float32")
PHOTOS = np.random.default_rng(1).integers(0, 256, (6, 128, 128, 3), np.uint8)
WORDS = np.random.default_rng(2).normal(size=(4, TOKENS, WIDTH)).astype(np.float32)
LOOKS = [
    Params(
        prompt=Embedding(WORDS[number % 4]),
        negative=Embedding(WORDS[(number + 1) % 4]),
        strength=0.3 + 0.15 * number,
        guidance_scale=(0.5, 1.4, 2.0)[number % 3],
        delta=1.0 - 0.2 * (number % 2),
        seed=number,
        seed_mix=((1, 0.6), (number, 0.8)) if number == 3 else None,
    )
    for number in range(4)
]
# Who takes part in each call, with which look: cameras come, go, pause and change.
SHOTS = st.lists(
    st.dictionaries(st.integers(0, 4), st.integers(0, 3), min_size=1, max_size=3),
    min_size=2,
    max_size=7,
)


@settings(max_examples=60)
@given(
    steps=st.integers(1, 4),
    batching=st.sampled_from(["stream", "sequential"]),
    mode=st.sampled_from(GUIDANCE_MODES),
    library=st.sampled_from(["torch", "numpy"]),
    kind=st.tuples(st.sampled_from(["epsilon", "v_prediction"]), st.booleans()),
    shots=SHOTS,
    leaving=st.tuples(st.integers(0, 6), st.integers(0, 4)),
)
def test_a_seats_pictures_are_those_it_would_get_alone(
    steps, batching, mode, library, kind, shots, leaving
):
    spec = replace(SPEC, steps=steps, batching=batching, guidance_mode=mode)
    networks = ToyNetworks(kind[0], detail=kind[1])
    batch, device = toy_batch(networks, spec, 3, library=library, prediction_type=kind[0])
    seats, alone = {}, {}
    for number, call in enumerate(shots):
        if number == leaving[0] and leaving[1] in seats:
            seats.pop(leaving[1]).close()  # and another camera comes in its place
            alone.pop(leaving[1])
        frames = []
        for camera, look in call.items():
            if camera not in seats:
                seats[camera], alone[camera] = batch.open(), toy_engine(networks, spec)
                alone[camera]._model.schedule = batch._rows._model.schedule
            frames.append((seats[camera], PHOTOS[(number + camera) % 6], LOOKS[look]))
        pictures = batch.run(frames)
        for camera, (_, frame, look), picture in zip(call, frames, pictures, strict=True):
            own = alone[camera].run(frame, look)
            assert np.abs(picture.astype(int) - own).max() <= 2
    per_camera = {"full": 2 * steps, "onetime": steps + 1}.get(mode, steps)
    rows = sum(len(call) for call in shots) * per_camera
    assert sum(device.calls) == rows, "no row is computed twice"
    calls = steps if batching == "sequential" else 1
    assert len(device.calls) == len(shots) * calls, "one UNet call for all"
    batch.close()


def test_every_picture_is_the_callers_and_no_frame_is_touched():
    batch, _ = toy_batch(ToyNetworks(), SPEC, 2)
    seats, frames = [batch.open(), batch.open()], PHOTOS[:2].copy()
    frames.flags.writeable = False
    calls = [
        batch.run([(seat, frame, LOOKS[0]) for seat, frame in zip(seats, frames, strict=True)])
        for _ in range(2)
    ]
    first, second = (picture for call in calls for picture in call[:1])
    assert np.array_equal(first, second)
    first[...] = 0
    assert second.any(), "each in memory of its own"
    assert np.array_equal(batch.run([(seats[0], frames[0], LOOKS[0])])[0], second)


def test_a_call_that_is_wrong_in_any_part_does_nothing():
    spec = replace(SPEC, steps=3)
    networks = ToyNetworks()
    batch, device = toy_batch(networks, spec, 2)
    other, _ = toy_batch(networks, spec, 2)
    one, two, three, closed = (batch.open() for _ in range(4))
    closed.close()
    closed.close()
    alone = toy_engine(networks, spec)
    good = (one, PHOTOS[0], LOOKS[1])
    wrong = [
        ([], "0 frames"),
        ([good, (two, PHOTOS[0], LOOKS[0]), (three, PHOTOS[0], LOOKS[0])], "3 frames .* 1 to 2"),
        ([good, good], "twice"),
        ([good, (other.open(), PHOTOS[0], LOOKS[0])], "frame 1 .* another batch"),
        ([good, (closed, PHOTOS[0], LOOKS[0])], "frame 1 .* is closed"),
        ([good, (two, PHOTOS[0][:64], LOOKS[0])], r"frame 1 .*\(64, 128, 3\).*128x128"),
        ([good, (two, PHOTOS[0].astype(np.float32), LOOKS[0])], "float32"),
        ([good, (two, PHOTOS[0], replace(LOOKS[0], t_index=(3, 9)))], "t_index"),
        ([good, (two, PHOTOS[0], replace(LOOKS[0], prompt=Embedding(WORDS[0][:1])))], "prompt of"),
        ([good, (two, PHOTOS[0], replace(LOOKS[0], negative=Embedding(WORDS[0].T)))], "negative"),
    ]
    for number, frame in enumerate(PHOTOS[:4]):
        for call, message in wrong:
            with pytest.raises(InvalidSpec, match=message):
                batch.run(call)
        look = LOOKS[number % 2]
        picture = batch.run([(one, frame, look)])[0]
        assert np.abs(picture.astype(int) - alone.run(frame, look)).max() <= 2
    assert device.calls == [3] * 4


def test_after_a_failure_its_seats_begin_anew_and_others_go_on():
    spec = replace(SPEC, steps=3)
    networks = ToyNetworks()
    batch, device = toy_batch(networks, spec, 2)
    hurt, spared = batch.open(), batch.open()
    alone = toy_engine(networks, spec)
    for frame in PHOTOS[:2]:
        batch.run([(hurt, frame, LOOKS[0]), (spared, frame, LOOKS[0])])
        alone.run(frame, LOOKS[0])
    works = device.denoise
    device.denoise = lambda *_: torch.ones(2) + torch.ones(3)
    with pytest.raises(EngineFailed, match=r"torch on cpu.*must match"):
        batch.run([(hurt, PHOTOS[2], LOOKS[1])])
    device.denoise = works
    anew, goes_on = batch.run([(hurt, PHOTOS[3], LOOKS[2]), (spared, PHOTOS[3], LOOKS[2])])
    assert np.abs(goes_on.astype(int) - alone.run(PHOTOS[3], LOOKS[2])).max() <= 2
    fresh = toy_engine(networks, spec).run(PHOTOS[3], LOOKS[2])
    assert np.abs(anew.astype(int) - fresh).max() <= 2
    spared.restart()
    again = batch.run([(spared, PHOTOS[3], LOOKS[2])])[0]
    assert np.abs(again.astype(int) - fresh).max() <= 2, "restart forgets the frames in flight"


def test_a_closed_batch_says_so_and_lets_its_device_go():
    assert not is_held("cpu")
    batch, _ = toy_batch(ToyNetworks(), SPEC, 2)
    assert is_held("cpu"), "without a seat too"
    seat = batch.open()
    assert np.array_equal(batch.encode("anime").tokens_TD, batch.encode("anime").tokens_TD)
    batch.close()
    batch.close()
    assert seat.closed
    assert not is_held("cpu")
    for call in (batch.open, lambda: batch.encode("x"), lambda: batch.run([])):
        with pytest.raises(EngineFailed, match="closed"):
            call()


@pytest.mark.parametrize("steps", [1, 3])
def test_the_null_device_shows_each_camera_its_own_frames(steps):
    batch = build_batch(replace(SPEC, backend="null", steps=steps), 3)
    assert (batch.spec.backend, batch.capacity, batch.delay) == ("null", 3, steps - 1)
    seats = [batch.open() for _ in range(3)]
    look = Params(prompt=batch.encode("anime"), negative=batch.encode(""))
    sent = [[PHOTOS[(turn + camera) % 6] for camera in range(3)] for turn in range(5)]
    for turn, frames in enumerate(sent):
        due = sent[max(turn - batch.delay, 0)]
        pictures = batch.run([(s, f, look) for s, f in zip(seats, frames, strict=True)])
        assert all(np.array_equal(*pair) for pair in zip(pictures, due, strict=True))
    with pytest.raises(InvalidSpec, match="twice"):
        batch.run([(seats[0], PHOTOS[0], look)] * 2)
    batch.close()


def test_what_cannot_be_shared_is_refused_by_name():
    assert device_names() == ["openvino", "torch"]
    with pytest.raises(BackendUnavailable, match=r"'tensorrt'.*'openvino' or 'torch'"):
        build_batch(EngineSpec(backend="tensorrt"), 2)
    with pytest.raises(BackendUnavailable, match=r"'graph'.*changes from call to call"):
        build_batch(replace(SPEC, execution="graph"), 2)
    with pytest.raises(BackendUnavailable, match=r"'eager'.*backend 'torch'"):
        build_batch(EngineSpec(backend="openvino", execution="eager"), 2)
    for backend in ("openvino", "torch"):
        with pytest.raises(BackendUnavailable, match="fp8"):
            build_batch(EngineSpec(backend=backend, precision="fp8"), 2)
    for capacity in (0, 65):
        with pytest.raises(InvalidSpec, match=rf"capacity {capacity} must be from 1 to 64"):
            build_batch(SPEC, capacity)


def test_to_ask_about_batches_loads_no_framework():
    code = (
        "import sys, engines.batch, engines.batch.batcher\n"
        "engines.batch.build_batch(engines.batch.EngineSpec(backend='null'), 2).open()\n"
        "print({'torch', 'openvino', 'diffusers'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
