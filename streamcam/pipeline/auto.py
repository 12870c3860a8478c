"""Source and output when the user named none: the best there is, and one line that says why."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streamcam import capture, sink
from streamcam.errors import UsageError, quoted
from streamcam.sink.pipewire.presence import pipewire_obstacle
from streamcam.sink.virtualcam.devices import VirtualDevice, how_to_get_one, list_devices
from streamcam.sink.virtualcam.taken import how_to_free, is_taken
from streamcam.sink.window.display import require_display

if TYPE_CHECKING:
    from streamcam.capture.camera import Camera

Say = Callable[[str], None]


def choose_source(choice: str | None, say: Say) -> str:
    """The `--source` to open: `choice` itself if there is one, else camera, screen or demo. Of
    "camera" alone, the first camera.

    An automatic choice is said with its reason. Raises `UsageError` for a choice that cannot be.
    """
    if choice is not None and capture.parse(choice) != ("camera", ""):
        return choice
    cameras = real_cameras()
    if cameras:
        say(f"source chosen: {cameras[0]}, the first camera (--source takes another)")
        return f"camera:{cameras[0].index}"
    if choice is not None:
        return choice
    from streamcam.capture.camera.permission import withheld
    from streamcam.capture.screen import is_shared, list_screens

    missing = withheld() or "there is no camera"
    if is_shared() or list_screens():
        say(f"source chosen: the screen, as {missing} (--source takes another)")
        return "screen"
    say(f"source chosen: the demo clip, as {missing} and no screen (see --source)")
    return "demo"


def real_cameras() -> list[Camera]:
    """The cameras of this machine without its virtual ones. Raises `UsageError`.

    A virtual camera is where our own picture goes, or shows nothing until OBS sends to it.
    """
    from streamcam.capture.camera import list_cameras

    virtual = {name for device in list_devices() for name in (device.path, device.label)}
    return [camera for camera in list_cameras() if not virtual & {camera.path, camera.name}]


def choose_outputs(choices: Sequence[str], say: Say, *, web: bool = True) -> tuple[str, ...]:
    """The `--output`s to open: `choices` if there are any, else the virtual camera, the web page
    or a window.

    web  False: there shall be no web page (`--no-web`)
    An automatic choice is said with its reason. Raises `UsageError` for a choice that cannot be,
    and if nothing is left to choose.
    """
    for choice in choices:
        if sink.parse(choice)[0] == "web" and not web:
            raise UsageError("--output web and --no-web contradict each other: leave one out.")
    if choices:
        return tuple(dict.fromkeys(choices))
    devices = list_devices()
    free = [device for device in devices if not is_taken(device.path)]
    if free:
        say(_virtual_camera(free[0], len(devices)))
        return ("virtualcam",)
    names = " and ".join(device.label for device in devices)
    missing = (
        f"{names} {'is' if len(devices) == 1 else 'are'} taken: {how_to_free()}"
        if devices
        else f"there is no virtual camera; to get one: {how_to_get_one()}"
    )
    if pipewire_obstacle() is None:  # never chosen by itself: Zoom and Discord cannot read it
        missing += " (or take --output pipewire, a camera for browsers)"
    if web:
        say(f"output chosen: the web page, as {missing}")
        return ("web",)
    try:
        require_display()
    except UsageError as error:
        raise UsageError(
            f"nowhere to show the picture: {missing}. Or leave out --no-web, or add --output "
            "FILE.mp4."
        ) from error
    say(f"output chosen: a window, as {missing}")
    return ("window",)


def _virtual_camera(chosen: VirtualDevice, among: int) -> str:
    which = "the virtual camera" if among == 1 else f"the first free one of {among} virtual cameras"
    other = "" if among == 1 else " virtualcam:NAME"
    return (
        f"output chosen: {which}; take {quoted(chosen.label)} as your camera in OBS, Zoom, Discord "
        f"(--output{other} takes another)"
    )


def check_files(source: str, outputs: Sequence[str]) -> None:
    """Raise `UsageError` if a recording would replace the source or another recording, under
    whatever name: another spelling, a link."""
    file = capture.file_of(source)
    taken = [] if file is None else [(file, "source")]
    for output in outputs:
        kind, argument = sink.parse(output)
        if kind != "record":
            continue
        path = Path(argument).expanduser()
        for other, what in taken:
            if _same_file(path, other):
                raise UsageError(
                    f"--output {output} would replace the {what} of that name: give another."
                )
        taken.append((path, "other --output"))


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one at least is not there yet
        return os.path.realpath(one) == os.path.realpath(other)


def refuse_own_camera(source: str, sent_to: Sequence[str]) -> None:
    """Raise `UsageError` if the source is a virtual camera in `sent_to`, which this run opened.

    That would show the program its own picture, over and over. Devices are compared by path
    and name, however the source was named; a second virtual camera is a fine source.
    """
    if not sent_to:
        return
    kind, wanted = capture.parse(source)
    if kind != "camera":
        return
    from streamcam.capture.camera import find, list_cameras

    camera = find(wanted, list_cameras())
    ours = set(sent_to) | {device.label for device in list_devices() if device.path in sent_to}
    if ours & {camera.path, camera.name}:
        raise UsageError(
            f"{camera} is the virtual camera that this run sends to, so it cannot be the "
            "source. Take another --source; `streamcam devices` lists them."
        )
