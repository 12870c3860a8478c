"""A part of the GPU suite: one model, size, steps and guidance, and what is found about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from engines.api import GuidanceMode
from engines.bench.measure import Limit
from streamcam.bench.paced_run import AppRun
from streamcam.bench.random_models import with_random_model
from streamcam.bench.turns import Side
from streamcam.options import Options
from streamcam.presets import load_preset

FIRST = "cuda:0"  # the card that torch takes
_GUIDANCE = 1.2  # a scale at which every mode of guidance acts


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePart:
    """What is run.

    app     the whole app is measured as well, with the fastest of our engines
    device  of our engines, in torch's words
    """

    model: str
    width: int
    height: int
    steps: int
    guidance_mode: GuidanceMode
    app: bool = False
    device: str = FIRST

    @property
    def name(self) -> str:
        """For people, and the key of its figures."""
        shape = f"{self.width}x{self.height}"
        return f"{self.model} {shape}, S = {self.steps}, guidance {self.guidance_mode}"


@dataclass(slots=True)
class AppFigures:
    """The whole app with our fastest engine. Watts are None where the driver does not say.

    moving          frames that all differ, every one through the engine
    still           the same frame over and over at the same rate, behind the preset's gate
    app_to_engine   ratio of the frame rates
    latency_frames  95 % of the latencies of style, from capture to sink, in times of a frame
    """

    engine: str
    moving: AppRun
    still: AppRun
    app_to_engine: float
    latency_frames: float
    moving_watts: float | None = None
    still_watts: float | None = None


@dataclass(slots=True)
class Figures:
    """What a part brought.

    sides      each program's frame times, ratios to the first of ours
    missing    why a program is not among them
    memory     MiB by which the card's used memory grew while a program loaded its model. Memory
               that an earlier engine of the process gave back is used again and does not count
    stages     of each engine of ours, median milliseconds by the card's own clock
    watts      of the card while our fastest engine runs without a pause
    limit      what the card allows, and `shares`, how near each program comes to it, 0 … 1
    """

    sides: dict[str, Side] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    watts: dict[str, float | None] = field(default_factory=dict)
    limit: Limit | None = None
    limit_ms: float = 0.0
    app: AppFigures | None = None

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def options_of(part: SuitePart, say: Callable[[str], None]) -> Options:
    """The preset anime with what the part says, to nowhere."""
    preset = load_preset("anime").model_copy(
        update={
            "steps": part.steps,
            "guidance_mode": part.guidance_mode,
            "guidance": _GUIDANCE,
            "batching": "stream",
            "precision": "auto",  # float16 on a card
        }
    )
    options = Options(
        preset=preset,
        source="demo",
        outputs=("null",),
        size=(part.width, part.height),
        model=part.model,
        web=False,
    )
    return with_random_model(options, say)
