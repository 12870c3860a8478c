"""`streamcam devices`: what can be a source and where pictures can go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from streamcam.cli.terminal import Terminal
from streamcam.errors import UsageError

_T = TypeVar("_T")

_VIRTUALCAM = ("virtualcam", "a camera for OBS, Zoom, Discord and browsers")
_PIPEWIRE = ("pipewire", "a camera for programs that read PipeWire's, such as Chromium")
_SHARED = ("screen", "a monitor", "the desktop asks which one")
_OUTPUTS = (
    ("window", "a preview on this screen"),
    ("web", "a page on this machine"),
    ("ndi", "the local network, for OBS and vMix; ndi:NAME too"),
    ("FILE.mp4", "a recording; .mkv and .mov too"),
    ("null", "nowhere, to measure"),
)


def devices() -> None:
    """List cameras, screens, virtual cameras, outputs and microphones."""
    from streamcam.capture.screen import is_shared, visible_screens
    from streamcam.pipeline.auto import real_cameras
    from streamcam.sink.pipewire.presence import pipewire_obstacle
    from streamcam.sink.record.microphone import NoMicrophone, microphone_names
    from streamcam.sink.virtualcam.devices import how_to_get_one, list_devices

    virtual = list_devices()
    cameras, no_cameras = _listed(real_cameras)
    sources = [(f"camera:{one.index}", one.name, one.path) for one in cameras]
    shared = is_shared()
    screens, no_screens = ([], "") if shared else _listed(visible_screens)
    sources += [_SHARED] if shared else []
    sources += [
        (f"screen:{one.number}", f"{one.width}x{one.height}", f"at {one.x},{one.y}")
        for one in screens
    ]
    sources += [("demo", "the bundled clip", ""), ("FILE or URL", "a video or a picture", "")]
    terminal = Terminal()
    terminal.table("Sources (streamcam --source SOURCE)", ("source", "what", "where"), sources)
    for kind, missing in (("camera", no_cameras), ("screen", no_screens)):
        if missing:
            terminal.say(f"{kind}: none; {missing}")
    outputs = [(f"virtualcam:{one.path}", f'the virtual camera "{one.label}"') for one in virtual]
    outputs += [_VIRTUALCAM] if virtual else []
    outputs += [_PIPEWIRE] if pipewire_obstacle() is None else []
    outputs += _OUTPUTS
    terminal.table("Outputs (streamcam --output OUTPUT)", ("output", "what"), outputs)
    try:
        names = microphone_names()
    except NoMicrophone as missing:
        terminal.say(f"microphone: none; {missing}")
    else:
        rows = [(name, "the system's choice" if name == names[0] else "") for name in names]
        terminal.table("Microphones ([output] audio in a preset)", ("microphone", "what"), rows)
    if not virtual:
        terminal.say(f"virtual camera: none; to get one: {how_to_get_one()}")


def _listed(look: Callable[[], list[_T]]) -> tuple[list[_T], str]:
    """What there is, or why nothing can be had."""
    try:
        return look(), ""
    except UsageError as error:
        return [], str(error)
