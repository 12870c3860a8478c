"""Turns: several programs' frame times, measured by turns, and their ratios.

Whatever else the machine does hits all of them alike, so the ratios hold where the times do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from streamcam.stats import percentile

_ROUNDS = 5
_TRIAL = 2  # frames, to see how many fit a block

Run = Callable[[int], list[float]]  # restyles that many frames; milliseconds of each
Rounds = list[list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One program's frame times, milliseconds.

    ratio         of the medians, this program's over ours
    ratio_lowest, ratio_highest  of the rounds: how sure it is
    ratio_fastest  of each side's fastest frame, which other programs on the machine disturb least
    notes         how it was run, for people
    versions      of its packages
    """

    ms_p50: float
    ms_p95: float
    ms_fastest: float
    frames: int
    ratio: float
    ratio_lowest: float
    ratio_highest: float
    ratio_fastest: float
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] | None = None


def take_turns(sides: Mapping[str, Run], seconds: float) -> dict[str, Rounds]:
    """Blocks of frames, ours, theirs, ours, …: for each side one list of milliseconds a round.

    Every side gets the same share of `seconds`, but at least one frame a block; the first frame
    of a block, when caches still hold another program's data, does not count.
    """
    share_ms = 1e3 * seconds / _ROUNDS / len(sides)
    paces = {name: median(run(_TRIAL)) for name, run in sides.items()}
    rounds: dict[str, Rounds] = {name: [] for name in sides}
    for _ in range(_ROUNDS):
        for name, run in sides.items():
            times = run(1 + max(1, round(share_ms / paces[name])))[1:]
            rounds[name].append(times)
            paces[name] = median(times)
    return rounds


def side(ours: Rounds, theirs: Rounds) -> Side:
    """A side's figures, against ours. Both have as many rounds."""
    times = sorted(time for block in theirs for time in block)
    our_times = [time for block in ours for time in block]
    by_round = [median(b) / median(a) for a, b in zip(ours, theirs, strict=True)]
    return Side(
        ms_p50=median(times),
        ms_p95=percentile(times, 95),
        ms_fastest=times[0],
        frames=len(times),
        ratio=median(times) / median(our_times),
        ratio_lowest=min(by_round),
        ratio_highest=max(by_round),
        ratio_fastest=times[0] / min(our_times),
    )
