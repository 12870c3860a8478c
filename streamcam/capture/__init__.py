"""Sources: where frames come from. A file or a folder each; its name is the choice.

`open_source("camera:0", wanted)` imports `camera` and calls its `open_source("0", wanted)`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Protocol

from streamcam import plugins
from streamcam.clock import NEVER
from streamcam.errors import UnknownChoice, UsageError, quoted
from streamcam.files.excerpt import WHOLE, cut
from streamcam.files.kind import kind_of
from streamcam.files.pipes import is_pipe
from streamcam.frames import Frame
from streamcam.frames.sound import Track

_FILES = ("image", "video")  # choices that users need not name: they give the file itself


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the pipeline would like from a source. Sources report what they got instead.

    width, height  pixels asked of a camera; other sources deliver their own size
    fps            frames per second asked of cameras and screens
    realtime       True: deliver at the pace of the clock. False (files): as fast as read
    loop           files start again at their end; False: they end with `EOFError`
    sound          films: hand on their sound with the frames
    most           films that are not shown in real time: at most so many frames per second of them
    stop           set when the run ends: opening the source need not go on
    """

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    realtime: bool = True
    loop: bool = True
    sound: bool = False
    most: float | None = None
    stop: Event = NEVER


@dataclass(frozen=True, slots=True)
class FilmInfo:
    """What is known of a film before it is shown.

    rate     exact frames per second if all pictures last equally long; None where they do not, and
             where that is not known
    tick     unit of its times, seconds; None: they have none
    seconds  from its first picture to the end of its last one, about; None: not known
    sound    how many sound tracks are in it
    tracks   those whose packets come with the frames
    subtitles  how many tracks of subtitles are in it, which no source takes along
    """

    rate: Fraction | None = None
    tick: Fraction | None = None
    seconds: float | None = None
    sound: int = 0
    tracks: tuple[Track, ...] = ()
    subtitles: int = 0


class Source(Protocol):
    """Delivers frames. Created, read and closed by the thread "capture" alone.

    label        what was opened and how, for people: 'camera 0 "HD Webcam", 1280x720 at 30 fps'
    width, height  of its frames, pixels; they change when its frames do
    fps          nominal frames per second
    film         of a file or a stream; None of everything else
    notice       what people should know now about what it delivers; "" if all is well
    """

    label: str
    width: int
    height: int
    fps: float
    film: FilmInfo | None
    notice: str

    def read(self) -> Frame | None:
        """The next frame, waiting for it at most half a second; None: nothing new yet.

        A camera is waited for up to a second, and a display or a disk until it answers. What is on
        a network or comes from another program is waited for on another thread.

        Raises `EOFError` when a finite source is over and `SourceLost` when a device or a
        connection broke (the caller closes it and opens it again).
        """
        ...

    def close(self) -> None:
        """Release the device or file. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """What a source turned out to be when it was opened first. See `Source`."""

    label: str
    width: int
    height: int
    fps: float
    film: FilmInfo | None = None


def open_source(choice: str, wanted: Wanted) -> Source:
    """Open `camera:0`, `camera:"Name"`, `screen`, `screen:2`, `screen:x,y,w,h`, `demo`,
    a file or a URL. Raises `UsageError` naming what is wrong and what can be given instead.
    """
    kind, argument = parse(choice)
    module = import_module(f"{__name__}.{kind}")
    source: Source = module.open_source(argument, wanted)
    return source


def parse(choice: str) -> tuple[str, str]:
    """Split a `--source` into its kind (a module of this package) and the argument for it.

    A video device of Linux is a camera, however it is named: FFmpeg would open it as a video, and
    nothing would keep a run from filming its own output.

    Raises `UsageError` for what is neither a kind nor a file nor a URL.
    """
    kind, _, argument = choice.partition(":")
    known = plugins.names(__name__)
    if kind in known:
        argument = argument.strip('"')
        if kind == "video" and os.path.isfile(path := _path_in(argument)):  # noqa: PTH113  # as below
            return _of_file(path, argument)  # a photograph in tiles is no film
        return ("camera" if kind == "video" and _is_device(argument) else kind), argument
    if "://" in choice or is_pipe(cut(choice)[0]):
        return "video", choice
    if _is_device(choice):
        return "camera", choice
    path = _path_in(choice)
    if os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises for a name that is too long
        return _of_file(path, choice)
    if os.path.isdir(path):  # noqa: PTH112
        raise UsageError(f"the source {quoted(choice)} is a folder: give a video or picture in it.")
    if path.suffix or len(path.parts) > 1:
        raise UsageError(
            f"there is no file {quoted(cut(choice)[0])} (looked for {path.absolute()}). Drag the "
            "file into the terminal to have its path typed, or use --source demo."
        )
    choices = [*(name for name in known if name not in _FILES), "FILE", "URL"]
    raise UnknownChoice("source (and no such file)", choice, choices)


def file_of(choice: str) -> Path | None:
    """The file that a `--source` names; None if it is something else. Raises as `parse`."""
    kind, argument = parse(choice)
    return _path_in(argument) if kind in _FILES and "://" not in argument else None


def _path_in(choice: str) -> Path:
    return Path(cut(choice)[0]).expanduser()


def _of_file(path: Path, choice: str) -> tuple[str, str]:
    kind, (name, excerpt) = kind_of(path), cut(choice)
    if excerpt == WHOLE:
        return kind, str(path)
    if kind != "video":
        raise UsageError(f"{quoted(choice)} is a picture and has no times: give {quoted(name)}.")
    return kind, f"{path}{choice[len(name) :]}"


def _is_device(path: str) -> bool:
    """Whether it is a video device or a link to one, as in /dev/v4l/by-id."""
    return os.path.realpath(path).startswith("/dev/video")
