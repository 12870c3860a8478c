"""What can be a source and an output on this machine now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import asdict, dataclass
from typing import TypeVar

from streamcam.capture import Opened
from streamcam.errors import UnknownChoice, UsageError
from streamcam.pipeline.auto import real_cameras
from streamcam.sink.pipewire.presence import pipewire_obstacle
from streamcam.sink.virtualcam.devices import list_devices
from streamcam.webrtc import installed

_OPEN_SECONDS = 20.0  # that another source may take to open, a question to the user included
_T = TypeVar("_T")
_OUTPUTS = (
    ("window", "a preview on this screen"),
    ("web", "a page on this machine"),
    ("whep", "viewers over WebRTC"),
    ("ndi", "the local network, for OBS and vMix; ndi:NAME too"),
    ("FILE.mp4", "a recording; .mkv, .mov and .webm too"),
    ("FOLDER/%06d.png", "a picture a file"),
    ("null", "nowhere, to measure"),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a list: what is given to `--source` or `--output`, what that is and where."""

    choice: str
    what: str
    where: str = ""


def sources() -> tuple[list[Listed], dict[str, str]]:
    """Cameras, screens and the demo clip; and by kind why none of it can be had."""
    from streamcam.capture.screen import is_shared, visible_screens

    missing: dict[str, str] = {}
    found = [
        Listed(f"camera:{one.index}", one.name, one.path)
        for one in _listed("camera", real_cameras, missing)
    ]
    if is_shared():
        found.append(Listed("screen", "a monitor", "the desktop asks which one"))
    else:
        found += [
            Listed(f"screen:{one.number}", f"{one.width}x{one.height}", f"at {one.x},{one.y}")
            for one in _listed("screen", visible_screens, missing)
        ]
    if installed():
        found.append(Listed("whip", "a browser, a phone or OBS", "that sends over WebRTC"))
    return [*found, Listed("demo", "the bundled clip")], missing


def outputs() -> Iterator[Listed]:
    """Where pictures can go."""
    virtual = list_devices()
    for one in virtual:
        yield Listed(f"virtualcam:{one.path}", f'the virtual camera "{one.label}"')
    if virtual:
        yield Listed("virtualcam", "a camera for OBS, Zoom, Discord and browsers")
    if pipewire_obstacle() is None:
        yield Listed("pipewire", "a camera for programs that read PipeWire's, such as Chromium")
    for choice, what in _OUTPUTS:
        yield Listed(choice, what)


def devices() -> dict[str, list[dict[str, str]]]:
    """Both lists, for JSON."""
    found = {"sources": sources()[0], "outputs": list(outputs())}
    return {kind: [asdict(one) for one in listed] for kind, listed in found.items()}


class ChosenSource:
    """Which source is open, and how another one takes its place. `select` from any thread.

    choice  as `--source` names it
    """

    def __init__(self, choice: str, follow: Callable[[str], Future[Opened]]) -> None:
        """`follow`: go on with that source, once it is open."""
        self.choice = self._first = choice
        self._follow = follow

    def select(self, choice: str) -> str:
        """Takes what is listed, and what the run began with: a web page may ask, and no path of its
        own is opened. What the source turned out to be. Raises `UsageError`, and what opening it
        raises; the one so far stays."""
        known = [self._first, *(one.choice for one in sources()[0])]
        if choice not in known:
            raise UnknownChoice("source", choice, known)
        opened = self._follow(choice)
        opened.add_done_callback(lambda done: self._take(choice, done))
        try:
            return opened.result(_OPEN_SECONDS).label
        except TimeoutError:
            raise UsageError(f"the source {choice} is not open yet: it is waited for.") from None
        except CancelledError:
            raise UsageError(f"the source {choice} gave way to another one.") from None

    def _take(self, choice: str, done: Future[Opened]) -> None:
        if not done.cancelled() and done.exception() is None:
            self.choice = choice


def _listed(kind: str, look: Callable[[], list[_T]], missing: dict[str, str]) -> list[_T]:
    """What there is; why nothing can be had goes to `missing`."""
    try:
        return look()
    except UsageError as error:
        missing[kind] = str(error)
        return []
