"""How good refined masks are, beside what the network says and beside a threshold. Ratios only; the
figures stand in tests/benchmarks/README.md."""

import pytest
from mask_measures import judged


@pytest.mark.parametrize(("sway", "step"), [(0.0, 0.0), (0.5, 1.0), (1.5, 2.0)])
def test_masks_are_better_and_at_least_twice_as_steady(sway, step):
    found = judged(sway, step)
    raw, threshold, refined = (found[name] for name in ("raw", "threshold", "refined"))
    assert refined.error < 0.5 * min(raw.error, threshold.error)
    assert refined.gradient < 0.5 * min(raw.gradient, threshold.gradient)
    assert refined.flicker < 0.5 * min(raw.flicker, threshold.flicker)


def test_hair_stays():
    """Strands are thinner than a pixel of the network's mask."""
    found = judged(0.0, 0.0)
    assert found["refined"].hair > 0.7
    assert found["refined"].hair > 1.5 * found["raw"].hair
