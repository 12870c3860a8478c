"""Sinks: where pictures go. One file each; the file name is the choice.

`open_sink("virtualcam:/dev/video10", format)` imports `virtualcam.py` and calls its
`open_sink("/dev/video10", format)`. A name with a video suffix is a recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from streamcam import plugins
from streamcam.errors import UnknownChoice
from streamcam.frames import Frame

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".mov"})


@dataclass(frozen=True, slots=True)
class Format:
    """What every picture that reaches a sink looks like: RGB uint8 of this size.

    fps       ticks per second of a paced sink
    realtime  False: a file rendered frame by frame, timed by `Frame.media_time`
    """

    width: int
    height: int
    fps: float
    realtime: bool = True


class Sink(Protocol):
    """Takes pictures. Opened by the main thread, then written and closed by its own thread.

    label        what was opened, for people: 'virtual camera /dev/video10 (I420)'
    paced        True: `write` at every tick of the clock, with the last good frame if there is
                 no newer one. False: `write` once for each new frame
    main_thread  True: `write` and `close` must run on the main thread (windows on macOS)
    """

    label: str
    paced: bool
    main_thread: bool

    def write(self, frame: Frame) -> None:
        """Deliver one frame of the agreed format. Raises `SinkFailed`. Never keeps the frame."""
        ...

    def close(self) -> None:
        """Release the device, finalise the file. May be called twice."""
        ...


def open_sink(choice: str, form: Format) -> Sink:
    """Open `virtualcam`, `virtualcam:DEVICE`, `window`, `web`, `null` or a video file.

    Raises `UsageError` naming what is wrong and what can be given instead.
    """
    kind, argument = parse(choice)
    sink: Sink = import_module(f"{__name__}.{kind}").open_sink(argument, form)
    return sink


def parse(choice: str) -> tuple[str, str]:
    """Split an `--output` into its kind (a module of this package) and the argument for it."""
    kind, _, argument = choice.partition(":")
    if kind in plugins.names(__name__):
        return kind, argument
    if Path(choice).suffix.lower() in VIDEO_SUFFIXES:
        return "record", choice
    raise UnknownChoice("output", choice, [*plugins.names(__name__), "FILE.mp4"])
