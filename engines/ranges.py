"""What a user may set an engine to: each range once, with the words that say it.

`EngineSpec`, `Params` and the app's presets check against these, so they refuse the same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engines.errors import InvalidSpec, quoted


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `least` to `most`; with `open_below`, `least` itself is none of them."""

    least: float
    most: float
    open_below: bool = False

    def __str__(self) -> str:
        """In words: "from 0 to 20", "above 0 and at most 1"."""
        least, most = (
            f"{end:g}" if abs(end) < 1e6 else f"{end}" for end in (self.least, self.most)
        )
        return f"above {least} and at most {most}" if self.open_below else f"from {least} to {most}"

    def check(self, name: str, value: float) -> None:
        """Raises `InvalidSpec` that names what is out of range. NaN always is."""
        if not self.least <= value <= self.most or (self.open_below and value == self.least):
            raise InvalidSpec(f"{name} {value} must be {self}.")


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raises `InvalidSpec` that names what is none of the `known`."""
    if value not in known:
        raise InvalidSpec(f"{name} {quoted(value)} is none of {', '.join(known)}.")


SIZE_STEP, SIZE_MIN, SIZE_MAX = 16, 128, 1280
STEPS_MAX = 8
CHUNKS_MAX = 4
LCM_TABLE = 50  # entries of the LCM table

STEPS = Range(1, STEPS_MAX)
CHUNKS = Range(1, CHUNKS_MAX)
STRENGTH = Range(0, 1, open_below=True)
GUIDANCE = Range(0, 20)
DELTA = Range(0, 2)
SEED = Range(0, 2**32 - 1)
LORA = Range(-4, 4)
LCM_INDEX = Range(0, LCM_TABLE - 1)


def nearest_side(length: float) -> int:
    """The side of a frame, in pixels, that an engine can have and that is nearest."""
    step = int(length / SIZE_STEP + 0.5) * SIZE_STEP
    return min(max(step, SIZE_MIN), SIZE_MAX)


def why_not_size(width: int, height: int) -> str | None:
    """Why no engine has frames of that size, as a sentence; None if one can."""
    for name, side in (("width", width), ("height", height)):
        if side % SIZE_STEP or not SIZE_MIN <= side <= SIZE_MAX:
            return (
                f"{name} {side} must be a multiple of {SIZE_STEP} from {SIZE_MIN} to {SIZE_MAX}, "
                f"for example {nearest_side(side)}."
            )
    return None


def why_not_t_index(t_index: Sequence[int], steps: int) -> str | None:
    """Why these entries of the LCM table cannot be `steps` steps, as a predicate ("must …");
    None if they can. Each one is in LCM_INDEX."""
    if len(t_index) != steps:
        return f"needs one entry for each of steps = {steps}."
    if any(later <= earlier for earlier, later in pairwise(t_index)):
        return "must rise: the strongest noise comes first."
    return None
