"""How an engine runs its S steps, chosen by measurement: as a stream batch or one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from engines.api import Batching, Engine
from engines.errors import EngineError
from engines.recipe import Recipe
from streamcam.provision.size import holds, taken_from
from streamcam.provision.size.fitting import frame_seconds


@dataclass(frozen=True, slots=True)
class BatchingChoice:
    """What was chosen and, for people, why: 'sequential: 31 ms to the picture, stream 58 ms'."""

    batching: Batching
    reason: str


def choose_batching(
    seconds: dict[Batching, float], steps: int, wanted_fps: float, beside: float = 0.0
) -> Batching:
    """The way with the lower latency among those that hold the rate; if none does, the faster.

    seconds  of one `Engine.run` in each way
    beside   seconds of a tick that the engine will not have

    The stream batch shows a frame S − 1 frames later, each of which takes the longer of a tick
    and a run; steps one by one show it after one run (engines/README.md).
    """
    holding = [way for way in seconds if holds(seconds[way], wanted_fps, beside)]
    if not holding:
        return min(seconds, key=lambda way: seconds[way])
    return min(holding, key=lambda way: latency(way, seconds[way], steps, wanted_fps))


def latency(batching: Batching, seconds: float, steps: int, wanted_fps: float) -> float:
    """Seconds from a frame to the picture that shows it."""
    waiting = steps - 1 if batching == "stream" else 0
    return seconds + waiting * max(seconds, 1.0 / wanted_fps)


def build_batched(
    build: Callable[[Recipe], Engine],
    engine: Engine,
    recipe: Recipe,
    wanted_fps: float,
    beside: float = 0.0,
) -> tuple[Engine, BatchingChoice | None]:
    """`engine`, or one that runs its steps one by one if that is better; the other is closed.

    engine  built of `recipe` as a stream batch; closed as well if anything is raised
    Returns no choice where there is none: one step, or a backend without the other way.
    """
    spec = recipe.spec
    if spec.steps == 1:
        return engine, None
    try:
        other = build(recipe.with_spec(replace(spec, batching="sequential")))
    except EngineError:
        # The stream batch works, and the user did not ask for the other way.
        return engine, None
    except BaseException:
        engine.close()
        raise
    seconds: dict[Batching, float] = {
        "stream": frame_seconds(engine),
        "sequential": frame_seconds(other),
    }
    taken = taken_from(engine.spec.device, beside)
    chosen = choose_batching(seconds, spec.steps, wanted_fps, taken)
    kept, spent = (other, engine) if chosen == "sequential" else (engine, other)
    spent.close()
    return kept, BatchingChoice(chosen, _reason(chosen, seconds, spec.steps, wanted_fps))


def _reason(chosen: Batching, seconds: dict[Batching, float], steps: int, wanted_fps: float) -> str:
    said = [
        f"{way} {latency(way, taken, steps, wanted_fps) * 1e3:.0f} ms to the picture "
        f"at {1.0 / max(taken, 1e-6):.0f} fps"
        for way, taken in seconds.items()
    ]
    return f"{steps} steps, {chosen}: {', '.join(said)}"
