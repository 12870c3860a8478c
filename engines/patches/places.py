"""Which sizes patches have, and where one goes."""

from __future__ import annotations

from collections.abc import Sequence

from engines.patches import Area, PatchRule, Size

# Of a frame's longer and shorter side. A head with shoulders, a head, a face; chosen by what moves
# on a talking head's clip and what each costs (tests/benchmarks/README.md).
_SHARES = ((0.5, 1.0), (0.43, 0.75), (0.36, 0.63))
_SMALLEST = 64  # pixels: less is halo for the most part


def patch_sizes(frame: Size, rule: PatchRule) -> list[Size]:
    """Sizes (width, height) of patches for frames of a size, large first.

    A patch may lie on every multiple of the grid and end where the frame ends, so its sides leave
    the same remainder as the frame's.
    """
    width, height = frame
    shares = _SHARES if width >= height else [(down, across) for across, down in _SHARES]
    sizes = [
        (_side(across * width, width, rule.grid), _side(down * height, height, rule.grid))
        for across, down in shares
    ]
    return [size for size in dict.fromkeys(sizes) if size != frame]


def place_patch(changed: Area, frame: Size, sizes: Sequence[Size], rule: PatchRule) -> Area | None:
    """Where the smallest patch goes that holds `changed` and its halo; None: none does."""
    for width, height in sorted(sizes, key=lambda size: size[0] * size[1]):
        left = _start(changed.left, changed.width, (width, frame[0]), rule)
        top = _start(changed.top, changed.height, (height, frame[1]), rule)
        if left is not None and top is not None:
            return Area(left, top, width, height)
    return None


def _side(wanted: float, side: int, grid: int) -> int:
    """The length next to `wanted` that leaves the frame's remainder."""
    rest = side % grid
    smallest = rest + -(-(_SMALLEST - rest) // grid) * grid
    return min(side, max(smallest, rest + round((wanted - rest) / grid) * grid))


def _start(changed: int, length: int, sides: Size, rule: PatchRule) -> int | None:
    """Where a patch begins along one side so that what changed, and its halo, is inside."""
    patch, frame = sides
    first = max(changed - rule.halo, 0)
    last = min(changed + length + rule.halo, frame)
    lowest, highest = max(last - patch, 0), min(first, frame - patch)
    middle = (first + last - patch) / 2
    start = round(min(max(middle, lowest), highest) / rule.grid) * rule.grid
    for found in (start, start - rule.grid, start + rule.grid):
        if lowest <= found <= highest:
            return found
    return None
