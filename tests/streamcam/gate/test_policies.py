"""The gates: what must pass passes, what may rest rests, and the newest picture comes out."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam import plugins
from streamcam.errors import UnknownChoice
from streamcam.gate import open_gate

WIDTH, HEIGHT = 160, 90
SPARING = ("similarity", "hysteresis")


@dataclass
class Settings:
    threshold: float = 0.98
    max_skip: int = 10
    calm_frames: int = 5


def _scene(width=WIDTH, height=HEIGHT, seed=0):
    """A still picture with soft shapes."""
    noise = np.random.default_rng(seed).integers(60, 190, (height, width, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 5)


def _noisy(picture, sigma, seed):
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _settle(gate, picture, frames=30):
    """Show a still picture until the gate has seen it for long."""
    return [gate.passes(picture) for _ in range(frames)]


@pytest.mark.parametrize("policy", SPARING)
def test_a_still_scene_rests_and_is_refreshed_after_max_skip(policy):
    gate = open_gate(policy, Settings(), drain=0)
    _settle(gate, _scene())
    passed = [gate.passes(_scene()) for _ in range(110)]
    assert sum(passed) == 10, "one in eleven"


@pytest.mark.parametrize("policy", SPARING)
def test_any_motion_passes_at_once_however_long_it_was_still(policy):
    gate = open_gate(policy, Settings(max_skip=1000), drain=0)
    _settle(gate, _scene())
    for frame in range(20):
        moved = _scene()
        moved[20:40, 10 + 5 * frame : 30 + 5 * frame] = 230
        assert gate.passes(moved)


@pytest.mark.parametrize("policy", SPARING)
def test_a_small_mouth_in_a_noisy_webcam_picture_passes(policy):
    gate = open_gate(policy, Settings(max_skip=1000), drain=0)
    face = _scene(1280, 720)
    for seed in range(30):
        gate.passes(_noisy(face, 3, seed))
    for seed in range(6):
        talking = face.copy()
        if seed % 2 == 0:
            cv2.ellipse(talking, (640, 430), (35, 12), 0, 0, 360, (40, 20, 25), -1)
        assert gate.passes(_noisy(talking, 3, 100 + seed))


@pytest.mark.parametrize("policy", SPARING)
def test_sensor_noise_alone_is_no_motion(policy):
    gate = open_gate(policy, Settings(max_skip=1000), drain=0)
    picture = _scene(1280, 720)
    passed = [gate.passes(_noisy(picture, 5, seed)) for seed in range(40)]
    assert sum(passed[10:]) <= 6


@pytest.mark.parametrize("policy", SPARING)
def test_a_slow_fade_passes_and_never_runs_away_from_the_last_processed_frame(policy):
    gate = open_gate(policy, Settings(max_skip=10_000), drain=0)
    scene = _scene().astype(np.float32)
    processed = scene
    _settle(gate, scene.astype(np.uint8))
    passes = 0
    for frame in range(400):
        faded = scene * (1 - frame / 800)
        if gate.passes(faded.astype(np.uint8)):
            processed, passes = faded, passes + 1
        assert np.abs(faded - processed).max() < 12
    assert passes >= 10


@pytest.mark.parametrize("policy", SPARING)
@settings(deadline=None, max_examples=60)
@given(
    drain=st.integers(0, 7),
    max_skip=st.integers(0, 12),
    calm_frames=st.integers(1, 8),
    levels=st.lists(st.sampled_from([0, 1, 4, 5, 40, 90]), min_size=1, max_size=80),
)
def test_promises_hold_for_any_sequence(policy, drain, max_skip, calm_frames, levels):
    """Frames differ by their brightness alone; `levels` is that brightness."""
    gate = open_gate(policy, Settings(0.98, max_skip, calm_frames), drain)
    skipped, since_change, last = 0, 0, None
    for level in levels:
        passed = gate.passes(np.full((36, 64, 3), 100 + level, np.uint8))
        if last is None or abs(level - last) > 8:
            assert passed, "motion and the first frame always pass"
            since_change = 0
        else:
            since_change += 1
        assert passed or since_change > drain, "drain frames pass before the first rest"
        skipped = 0 if passed else skipped + 1
        assert skipped <= max_skip
        if passed:
            last = level


@pytest.mark.parametrize("policy", SPARING)
@settings(deadline=None)
@given(drain=st.integers(0, 7))
def test_wake_lets_one_frame_and_its_drain_frames_through(policy, drain):
    gate = open_gate(policy, Settings(max_skip=1000, calm_frames=1), drain)
    _settle(gate, _scene())
    assert not gate.passes(_scene())
    gate.wake()
    assert [gate.passes(_scene()) for _ in range(drain + 2)] == [True] * (drain + 1) + [False]


@pytest.mark.parametrize("policy", SPARING)
def test_a_forced_frame_drains_too(policy):
    gate = open_gate(policy, Settings(max_skip=4, calm_frames=1), drain=2)
    _settle(gate, _scene(), 8)
    rhythm = "".join("x" if gate.passes(_scene()) else "." for _ in range(30))
    assert "....xxx....xxx" in rhythm


def test_hysteresis_sleeps_after_calm_frames_exactly():
    gate = open_gate("hysteresis", Settings(max_skip=1000, calm_frames=5), drain=0)
    passed = [gate.passes(_scene()) for _ in range(10)]
    assert passed == [True] * 6 + [False] * 4


def test_similarity_skips_with_the_probability_of_the_formula():
    gate = open_gate("similarity", Settings(threshold=0.98, max_skip=10_000), drain=0)
    dark, bright = np.full((36, 64, 3), 100, np.uint8), np.full((36, 64, 3), 103, np.uint8)
    bright += 1  # 4 levels, 1 above the noise floor: s = 1 − 1/64
    probability = (1 - 1 / 64 - 0.98) / 0.02
    gate.passes(dark)
    passed, pictures = 0, [bright, dark]
    for _ in range(2000):
        if gate.passes(pictures[0]):
            passed += 1
            pictures.reverse()
    assert passed / 2000 == pytest.approx(1 - probability, abs=0.04)


def test_similarity_repeats_itself_run_by_run():
    def run():
        gate = open_gate("similarity", Settings(), drain=1)
        return [gate.passes(_noisy(_scene(), 9, seed)) for seed in range(60)]

    assert run() == run()


@pytest.mark.parametrize("policy", SPARING)
def test_threshold_one_spares_nothing(policy):
    gate = open_gate(policy, Settings(threshold=1.0), drain=0)
    assert all(gate.passes(_scene()) for _ in range(20))


def test_always_passes_everything():
    gate = open_gate("always", Settings(max_skip=1000), drain=3)
    gate.wake()
    assert all(gate.passes(_scene()) for _ in range(20))


@pytest.mark.parametrize("policy", plugins.names("streamcam.gate"))
def test_a_gate_takes_pictures_whose_size_changes_and_keeps_none(policy):
    gate = open_gate(policy, Settings(), drain=0)
    for size in ((64, 36), (1280, 720), (720, 1280), (17, 9)):
        picture = _scene(*size)
        before = picture.copy()
        gate.passes(picture)
        assert np.array_equal(picture, before)
        assert not any(value is picture for value in vars(gate).values())


def test_an_unknown_policy_is_refused_with_the_known_ones():
    with pytest.raises(UnknownChoice, match="'similarity'"):
        open_gate("similarty", Settings(), drain=0)


def _holds(box, left, top, width, height):
    return (
        box.left <= left
        and box.top <= top
        and left + width <= box.left + box.width
        and top + height <= box.top + box.height
    )


@pytest.mark.parametrize("policy", SPARING)
@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(64, 1300), st.integers(36, 800)),
    place=st.tuples(st.floats(0, 0.8), st.floats(0, 0.8)),
    share=st.tuples(st.floats(0.15, 0.2), st.floats(0.15, 0.2)),
)
def test_what_moved_is_in_what_changed_and_not_much_more(policy, size, place, share):
    gate = open_gate(policy, Settings(), drain=0)
    still = np.full((size[1], size[0], 3), 90, np.uint8)
    assert gate.passes(still)
    assert gate.changed is None, "the first frame is new everywhere"
    left, top = (int(at * side) for at, side in zip(place, size, strict=True))
    width, height = (int(of * side) for of, side in zip(share, size, strict=True))
    moved = still.copy()
    moved[top : top + height, left : left + width] = 190
    assert gate.passes(moved)
    box = gate.changed
    assert _holds(box, left, top, width, height)
    assert box.left + box.width <= size[0]
    assert box.top + box.height <= size[1]
    # A window of four of 64x36 on each side, and where a thumbnail's pixels begin.
    assert box.width <= width + 9 * size[0] / 64
    assert box.height <= height + 9 * size[1] / 36


@pytest.mark.parametrize("policy", SPARING)
def test_what_the_engine_did_not_see_still_counts_as_changed(policy):
    """A corner fades while a mouth moves elsewhere: the part that is processed leaves it behind,
    until it has changed enough itself."""
    gate = open_gate(policy, Settings(), drain=0)
    gate.passes(_scene())
    seen_at = []
    for number in range(60):
        picture = _scene().astype(np.float32)
        picture[:20, :40] -= number / 2
        picture[60:75, 110:140] = 30 if number % 2 else 220
        assert gate.passes(picture.astype(np.uint8))
        if gate.changed is not None and _holds(gate.changed, 10, 5, 10, 5):
            seen_at.append(number)
    assert 3 <= len(seen_at) <= 12
    gaps = np.diff([0, *seen_at])
    assert gaps.max() < 25, "ten levels of a fade at most go unseen"


@pytest.mark.parametrize("policy", SPARING)
def test_after_a_wake_all_of_the_frame_is_new(policy):
    gate = open_gate(policy, Settings(), drain=0)
    picture = _scene()
    mouth = picture.copy()
    mouth[40:60, 60:90] = 230
    gate.passes(picture)
    gate.passes(mouth)
    assert gate.changed is not None
    gate.wake()
    assert gate.passes(picture)
    assert gate.changed is None
    assert gate.passes(mouth)
    assert gate.changed is not None


@pytest.mark.parametrize("policy", SPARING)
def test_a_forced_frame_is_new_everywhere(policy):
    gate = open_gate(policy, Settings(max_skip=4, calm_frames=1), drain=0)
    _settle(gate, _scene())
    forced = [gate.changed for _ in range(30) if gate.passes(_scene())]
    assert forced
    assert set(forced) == {None}


def test_always_says_nothing_of_what_changed():
    gate = open_gate("always", Settings(), drain=0)
    gate.passes(_scene())
    gate.passes(255 - _scene())
    assert gate.changed is None
