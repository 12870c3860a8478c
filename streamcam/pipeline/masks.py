"""Masks: a preset's [mask], opened before it is used, so that what cannot be leaves what runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from threading import Lock

from streamcam import capture
from streamcam.capture import Wanted
from streamcam.errors import UnknownChoice, UsageError, quoted
from streamcam.looks.look import Look
from streamcam.mask import LOOK
from streamcam.mask.background.picture import PictureBackground
from streamcam.mask.masking import Masking, open_masking
from streamcam.mask.source import existing
from streamcam.presets import MaskChoice, Preset


class Masks:
    """Owns what it opens. Every method may be called from any thread."""

    def __init__(self, *, realtime: bool) -> None:
        self._realtime = realtime
        self._lock = Lock()
        # Protected by _lock:
        self._opened: dict[MaskChoice, Masking | None] = {}

    def open(self, choice: MaskChoice) -> Masking | None:
        """What `choice` says; None: no mask. Takes a moment the first time. Raises `UsageError`."""
        with self._lock:
            if choice not in self._opened:
                self._opened[choice] = open_masking(choice, self._open_picture)
            return self._opened[choice]

    def check(self, preset: Preset) -> Masking | None:
        """`open` for a preset, whose other look must be there as well. Raises `UsageError`."""
        look_behind(preset)
        return self.open(preset.mask)

    def use(self, choice: MaskChoice) -> Masking | None:
        """Likewise; what was opened for other choices is closed."""
        masking = self.open(choice)
        with self._lock:
            for other in [one for one in self._opened if one != choice]:
                _close(self._opened.pop(other))
        return masking

    def renew(self, choice: MaskChoice) -> Masking | None:
        """Open it again: a file that it reads is another one. Raises `UsageError`."""
        with self._lock:
            before = self._opened.pop(choice, None)
        _close(before)
        return self.use(choice)

    def close(self) -> None:
        """May be called twice."""
        with self._lock:
            while self._opened:
                _close(self._opened.popitem()[1])

    def _open_picture(self, name: str) -> PictureBackground:
        path = existing(Path(name).expanduser(), "mask.picture", "a picture or a video")
        kind, argument = capture.parse(str(path))
        if kind == "video" and not self._realtime:
            raise UsageError(
                f"mask.picture {quoted(name)}: a video behind the person needs a live run; give a "
                "picture, or leave out --realtime off."
            )
        try:
            opens = partial(capture.open_source, f"{kind}:{argument}", Wanted())
            return PictureBackground(opens, moves=kind == "video")
        except UsageError as error:
            raise UsageError(f"mask.picture: {error}") from error


def look_behind(preset: Preset) -> Look | None:
    """The look of the room, where that is another than the person's. Raises `UsageError`."""
    mask = preset.mask
    if mask.source == "off" or mask.background != LOOK:
        return None
    if not mask.look:
        names = ", ".join((preset.name, *preset.look_names))
        raise UsageError(f'mask.background = "look" needs mask.look, one of: {names}.')
    if preset.steps > 1 and preset.batching != "sequential":
        raise UsageError(
            f'mask.background = "look" with steps = {preset.steps} needs batching = "sequential", '
            "or steps = 1: a frame in flight has one look."
        )
    try:
        return preset.look(mask.look)
    except UnknownChoice as error:
        raise UsageError(f"mask.look: {error}") from error


def _close(masking: Masking | None) -> None:
    if masking is not None:
        masking.close()
