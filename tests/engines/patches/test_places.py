"""Where patches go: what changed and its halo are inside, on the grid, and none is too large."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.patches import Area, PatchRule
from engines.patches.places import patch_sizes, place_patch

RULE = PatchRule(grid=32, halo=16)
sides = st.integers(8, 80).map(lambda count: 16 * count)


@st.composite
def frames_with_changes(draw):
    frame = draw(sides), draw(sides)
    left, top = draw(st.integers(0, frame[0] - 1)), draw(st.integers(0, frame[1] - 1))
    width = draw(st.integers(1, frame[0] - left))
    height = draw(st.integers(1, frame[1] - top))
    return frame, Area(left, top, width, height)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ((448, 256), [(224, 256), (192, 192), (160, 160)]),
        ((320, 176), [(160, 176), (128, 144), (128, 112)]),
        ((256, 448), [(256, 224), (192, 192), (160, 160)]),
        ((512, 512), [(256, 512), (224, 384), (192, 320)]),
        ((128, 128), [(64, 128), (64, 96)]),
    ],
)
def test_the_sizes_for_a_frame(frame, expected):
    assert patch_sizes(frame, RULE) == expected


@given(sides, sides)
def test_a_patch_may_end_where_the_frame_ends(width, height):
    for across, down in patch_sizes((width, height), RULE):
        assert (width - across) % RULE.grid == (height - down) % RULE.grid == 0
        assert 64 <= across <= width
        assert 64 <= down <= height
        assert across * down < width * height


@given(frames_with_changes())
def test_what_changed_is_inside_with_its_halo(given_frame):
    frame, changed = given_frame
    place = place_patch(changed, frame, patch_sizes(frame, RULE), RULE)
    if place is None:
        return
    for start, length, begin, count, side in (
        (place.left, place.width, changed.left, changed.width, frame[0]),
        (place.top, place.height, changed.top, changed.height, frame[1]),
    ):
        assert start % RULE.grid == 0
        assert 0 <= start <= max(begin - RULE.halo, 0)
        assert min(begin + count + RULE.halo, side) <= start + length <= side


@given(sides, sides)
def test_none_holds_what_fills_the_frame(width, height):
    frame = (width, height)
    assert place_patch(Area(0, 0, *frame), frame, patch_sizes(frame, RULE), RULE) is None


@given(frames_with_changes())
def test_the_smallest_that_can_is_taken(given_frame):
    """Whatever is taken of all, alone it would be taken too, and no smaller one would."""
    frame, changed = given_frame
    sizes = patch_sizes(frame, RULE)
    alone = [place_patch(changed, frame, [size], RULE) for size in sizes]
    found = [place.width * place.height for place in alone if place is not None]
    place = place_patch(changed, frame, sizes, RULE)
    assert (place is None) == (not found)
    assert place is None or place.width * place.height == min(found)
