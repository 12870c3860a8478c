"""The cameras that can be a source: their modes, and the programs that hold them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from streamcam.capture.camera import permission
from streamcam.capture.camera.holders import holders
from streamcam.doctor import Finding, v4l2
from streamcam.errors import UsageError
from streamcam.pipeline.auto import real_cameras

_TOPIC = "source"
_SHOWN = 4  # sizes in the list; a camera may have fifty


def check() -> Iterator[Finding]:
    try:
        cameras = real_cameras()
    except UsageError as error:
        yield Finding(_TOPIC, "camera", "note", str(error))
        return
    for camera in cameras:
        name = f"camera:{camera.index}"
        if sys.platform == "linux":
            yield _looked_at(name, camera.name, camera.path)
        else:
            yield _told(name, camera.name, camera.path)
    if not cameras:
        kept = permission.withheld()
        if kept is not None:
            yield Finding(_TOPIC, "camera", "note", kept.text, kept.fix)
            return
        yield Finding(
            _TOPIC, "camera", "note", "none", "plug one in; a screen, a video or the demo will do"
        )


def _fastest_of_each_size(modes: list[v4l2.Mode]) -> list[v4l2.Mode]:
    """The largest size first; a camera may list each one in ten formats."""
    best: dict[tuple[int, int], v4l2.Mode] = {}
    for mode in modes:
        size = (mode.width, mode.height)
        if size not in best or mode.fps > best[size].fps:
            best[size] = mode
    return [best[size] for size in sorted(best, reverse=True)]


def _looked_at(name: str, label: str, path: str) -> Finding:
    try:
        modes = _fastest_of_each_size(v4l2.modes(path))
    except PermissionError:
        text = f"{label}: no permission for {path}"
        return Finding(_TOPIC, name, "note", text, permission.ALLOW_ON_LINUX)
    except OSError as error:
        return Finding(
            _TOPIC, name, "note", f"{label}, {path}: {error.strerror}", "plug it in again"
        )
    listed = ", ".join(f"{m.width}x{m.height} {m.format} {m.fps:g} fps" for m in modes[:_SHOWN])
    more = f" and {len(modes) - _SHOWN} more" if len(modes) > _SHOWN else ""
    text = f"{label}, {path}: {listed or 'any size'}{more}"
    return _held(name, text, path)


def _told(name: str, label: str, path: str) -> Finding:
    """Of macOS and Windows, which say nothing of modes to a program that opens no camera."""
    kept = permission.withheld()
    if kept is not None:
        when = " at the first start" if permission.is_asked() else ""
        return Finding(_TOPIC, name, "note", f"{label}: {kept.text}{when}", kept.fix)
    return _held(name, label, path)


def _held(name: str, text: str, path: str) -> Finding:
    held = " and ".join(holders(path))
    if held:
        fix = f"close {held}, or use --source screen"
        return Finding(_TOPIC, name, "note", f"{text}: {held} uses it", fix)
    return Finding(_TOPIC, name, "ok", text)
