"""Sinks: where pictures go. A file or a folder each; its name is the choice.

`open_sink("virtualcam:/dev/video10", format)` imports `virtualcam` and calls its
`open_sink("/dev/video10", format)`. A name with a video suffix is a recording.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from streamcam import plugins
from streamcam.errors import StreamcamError, UnknownChoice, UsageError, quoted, told
from streamcam.frames import Frame
from streamcam.frames.sound import Track

Quality = Literal["small", "good", "best", "lossless"]

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".mov"})
RECORDED = VIDEO_SUFFIXES | {".webm"}  # which is VP9, slower to make and without sound here


_FILES = ("record", "sequence")  # which the name of a file chooses


def _unheard(_text: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Format:
    """What every picture that reaches a sink looks like: RGB uint8 of this size.

    fps       ticks per second of a paced sink
    realtime  False: a file rendered frame by frame, timed by `Frame.media_time`
    rate      exact frames per second of such a file, if all its pictures last equally long
    tick      unit of the times of such a file, seconds, where it has one
    quality   of a recording's pictures
    tracks    the sound that comes with such a file's frames
    microphone  what a live recording is to record as well: "microphone", or a part of a name; ""
              for none
    alpha     pictures may come with `Frame.cut_out`
    tell      told, from any thread, what users should know of that meanwhile
    """

    width: int
    height: int
    fps: float
    realtime: bool = True
    rate: Fraction | None = None
    tick: Fraction | None = None
    quality: Quality = "good"
    tracks: tuple[Track, ...] = ()
    microphone: str = ""
    alpha: bool = False
    tell: Callable[[str], None] = field(default=_unheard, compare=False)


class Sink(Protocol):
    """Takes pictures. Opened by the main thread, then written and closed by its own thread.

    label        what was opened, for people: 'virtual camera /dev/video10 (I420)'
    paced        True: `write` at every tick of the clock, with the last good frame if there is
                 no newer one. False: `write` once for each new frame, and while there is none
                 now and then the last one again, marked as a repeat
    main_thread  True: `write` and `close` must run on the main thread (windows on macOS)
    reopen_as    what opens it again after `SinkFailed`, for `open_sink`; None: it is lost for good
    watched      False: no program shows the picture now. From any thread, once a frame. True where
                 that cannot be told
    finishes     what `close` completes and would be lost without it, for people: 'out.mp4'. It is
                 waited for however long it takes; None: there is nothing
    """

    label: str
    paced: bool
    main_thread: bool
    reopen_as: str | None
    finishes: str | None

    @property
    def watched(self) -> bool: ...

    def write(self, frame: Frame) -> None:
        """Deliver one frame of the agreed format. Raises `SinkFailed`. Never keeps the frame."""
        ...

    def close(self) -> None:
        """Release the device, finish the file. May be called twice. Raises `SinkFailed`."""
        ...


@runtime_checkable
class Cutting(Protocol):
    """A sink that shows `Frame.cut_out`, where there is one, if `alpha`; others show the pixels."""

    alpha: bool


def shows_alpha(sink: Sink) -> bool:
    """Whether nothing behind a person is shown as nothing."""
    return isinstance(sink, Cutting) and sink.alpha


def open_sink(choice: str, form: Format) -> Sink:
    """Open `virtualcam`, `virtualcam:DEVICE`, `pipewire`, `window`, `web`, `ndi`, `null`, a
    video file or a sequence of pictures (`NAME%06d.png`).

    Raises `UsageError` naming what is wrong and what can be given instead, whatever the libraries
    under it raise.
    """
    kind, argument = parse(choice)
    try:
        sink: Sink = import_module(f"{__name__}.{kind}").open_sink(argument, form)
    except StreamcamError:
        raise
    except Exception as error:
        raise UsageError(
            f"the output {quoted(choice)} cannot be opened: {told(error)}; give another --output"
        ) from error
    return sink


def parse(choice: str) -> tuple[str, str]:
    """Split an `--output` into its kind (a module of this package) and the argument for it.

    Raises `UsageError` for what is neither a kind nor the name of a video file.
    """
    kind, _, argument = choice.partition(":")
    known = plugins.names(__name__)
    if kind in known:
        return kind, argument
    path = Path(choice)
    if path.suffix.lower() in RECORDED:
        return "record", choice
    if path.suffix.lower() == ".png":
        return "sequence", choice
    if os.path.isdir(path.expanduser()):  # noqa: PTH112  # Path.is_dir raises for a long name
        example = str(path / "streamcam.mp4")
        raise UsageError(
            f"the output {quoted(choice)} is a folder: name a file in it, like {quoted(example)}."
        )
    if path.suffix or len(path.parts) > 1:
        endings = ", ".join(sorted(RECORDED))
        example = str(path.with_suffix(".mp4"))
        raise UsageError(
            f"cannot record to {quoted(choice)}: the name must end in one of {endings}, like "
            f"{quoted(example)}."
        )
    choices = [*(name for name in known if name not in _FILES), "FILE.mp4", "FOLDER/%06d.png"]
    raise UnknownChoice("output", choice, choices)
