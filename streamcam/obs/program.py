"""The running program, as `streamcam obs` sees it: over its API, like `streamcam switch`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamcam.errors import StreamcamError
from streamcam.web.client import Instance


@dataclass(frozen=True, slots=True)
class Shown:
    """What it shows, and where.

    port        of its page
    picture     whether the page has the picture
    outputs     "virtualcam:/dev/video10", "web"
    size        (width, height) of the outputs, at `fps`
    scenes      scenes of OBS, each with its look or curtain
    curtain     what covers the picture; "live": nothing
    latency_ms  median, of what moves; 0 before there is a picture
    """

    port: int
    picture: bool
    outputs: tuple[str, ...]
    size: tuple[int, int]
    fps: float
    scenes: Mapping[str, str]
    look: str
    curtain: str
    latency_ms: float


def read(instance: Instance) -> Shown:
    """Ask it. Blocks for some seconds at most. Raises `NotReached`, and `StreamcamError` if it is
    of another version."""
    state, figures = instance.state(), instance.figures()
    try:
        return _shown(instance.running.port, state, figures)
    except (KeyError, TypeError, ValueError) as error:
        raise StreamcamError(
            "the running streamcam is of another version: end it and start it again"
        ) from error


def _shown(port: int, state: Mapping[str, Any], figures: Mapping[str, Any]) -> Shown:
    width, height = state["size"]
    return Shown(
        port=port,
        picture=bool(state["picture"]),
        outputs=tuple(map(str, state["outputs"])),
        size=(int(width), int(height)),
        fps=float(state["fps"]),
        scenes=dict(state["scenes"]),
        look=str(state["look"]),
        curtain=str(state["curtain"]),
        latency_ms=float(figures["motion_latency_ms_p50"]),
    )
