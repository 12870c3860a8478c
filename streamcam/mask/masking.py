"""Masking: what a preset's [mask] says, opened: where the mask comes from and what is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamcam.errors import UsageError, quoted
from streamcam.mask import AS_IT_IS, LOOK, STYLED, TRANSPARENT, MaskSettings, MaskSource
from streamcam.mask.background import Background
from streamcam.mask.background.blur import BlurredBackground
from streamcam.mask.background.camera import CameraBackground
from streamcam.mask.background.colour import ColourBackground
from streamcam.mask.source import open_source

OFF = "off"


@dataclass(frozen=True, slots=True, eq=False)
class Masking:
    """Used by the thread "post", but for `close`.

    raw_person  the person is shown as the camera has it
    background  None: the styled picture
    label       for people: 'person as it is, background styled'
    cuts_out    where it can be shown, nothing is behind the person
    two_looks   the engine is to show the room in another look; the rest of this is for its pictures
    """

    source: MaskSource
    raw_person: bool
    background: Background | None
    label: str
    cuts_out: bool = False
    two_looks: bool = False

    @property
    def raw_background(self) -> bool:
        """The room is shown as the camera has it."""
        return isinstance(self.background, CameraBackground)

    @property
    def moves(self) -> bool:
        """What is shown changes where the camera's picture does not."""
        return self.background is not None and self.background.moves

    def close(self) -> None:
        """Free what the background holds. From any thread; may be called twice."""
        if self.background is not None:
            self.background.close()


def open_masking(
    settings: MaskSettings, open_picture: Callable[[str], Background]
) -> Masking | None:
    """None where the whole picture is styled.

    `open_picture` makes a background of a file. Raises `UsageError`, with nothing left open.
    """
    same = settings.person == STYLED and settings.background == STYLED
    if settings.source == OFF or same:
        return None
    if settings.person == settings.background == AS_IT_IS:
        raise UsageError(
            f"mask: person and background are both {quoted(AS_IT_IS)}, so nothing would be styled. "
            "Change one of them."
        )
    if settings.background == LOOK and settings.person != STYLED:
        raise UsageError(
            f"mask: the background in a look of its own is for a person who is {quoted(STYLED)}. "
            f"Choose that look for all, with mask.background = {quoted(STYLED)}."
        )
    source = open_source(settings)
    background = _background(settings, open_picture)
    shown = {AS_IT_IS: AS_IT_IS.upper(), LOOK: f"in {settings.look}"}
    label = ", ".join(
        f"{part} {shown.get(how, how)}"
        for part, how in (("person", settings.person), ("background", settings.background))
    )
    return Masking(
        source,
        settings.person == AS_IT_IS,
        background,
        label,
        cuts_out=settings.background == TRANSPARENT,
        two_looks=settings.background == LOOK,
    )


def _background(
    settings: MaskSettings, open_picture: Callable[[str], Background]
) -> Background | None:
    kind = settings.background
    if kind == "picture":
        if not settings.picture:
            raise UsageError(
                'mask.background = "picture" needs mask.picture, a picture or video to show there.'
            )
        return open_picture(settings.picture)
    if kind in ("colour", TRANSPARENT):
        return ColourBackground(settings.colour)
    if kind == "blur":
        return BlurredBackground()
    return CameraBackground() if kind == AS_IT_IS else None
