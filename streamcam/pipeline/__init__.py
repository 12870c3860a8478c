"""The wiring: opens what was asked for, starts the threads, swaps while they run, ends them."""

from streamcam.options import Options
from streamcam.pipeline.pipeline import Pipeline

__all__ = ["Options", "Pipeline"]
