"""Controls: what the page, `streamcam switch`, `set` and `save` may ask of the running program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from streamcam.clock.tempo import Tempo
from streamcam.presets import Preset
from streamcam.presets.arrangement import Place
from streamcam.sink import Format
from streamcam.stats import Stats


class Previews(Protocol):
    """Small pictures of what is in front of the camera, in other looks. From any thread."""

    def numbers(self) -> dict[str, int]:
        """By the name of the look, a number that is another one for another picture. They are kept
        up to date for some seconds from now on."""
        ...

    def jpeg(self, name: str) -> bytes | None:
        """The picture in that look; None for none."""
        ...


class Controls(Protocol):
    """The running program. Every method may be called from any thread and returns at once, but for
    `change_values` and `prepare_values`, which take the time of encoding new words."""

    @property
    def stats(self) -> Stats:
        """Figures, the current look and the notice of the moment."""
        ...

    @property
    def preset_name(self) -> str:
        """The preset that runs."""
        ...

    def preset_names(self) -> list[str]:
        """The presets that can be switched to."""
        ...

    @property
    def look(self) -> str:
        """The look that is on, or that it is moving to."""
        ...

    def look_names(self) -> list[str]:
        """The looks of the preset that runs, in the order of their number keys."""
        ...

    @property
    def previews(self) -> Previews:
        """Of the looks of the preset that runs."""
        ...

    def select_look(self, name: str) -> None:
        """Switch the look. Raises `UsageError` for one that is not in `look_names()`."""
        ...

    @property
    def curtain(self) -> str:
        """What is shown instead of the picture: one of `streamcam.looks.curtains.CURTAINS`."""
        ...

    def draw_curtain(self, name: str) -> None:
        """Cover the picture at once, or show it again. Raises `UsageError`."""
        ...

    @property
    def source(self) -> str:
        """Where frames come from, as `--source` names it."""
        ...

    def devices(self) -> dict[str, list[dict[str, str]]]:
        """What can be "sources" and "outputs" on this machine now, each with "choice", "what" and
        "where". Takes a moment."""
        ...

    def select_source(self, choice: str) -> str:
        """Go on with another source of the list; what it turned out to be. Takes the time of
        opening it. Raises `UsageError`, and what that raises; the one so far stays."""
        ...

    @property
    def outputs(self) -> list[str]:
        """Where the picture goes, the device with it: "virtualcam:/dev/video10", "web"."""
        ...

    @property
    def form(self) -> Format:
        """What the outputs get."""
        ...

    @property
    def scenes(self) -> dict[str, str]:
        """Scenes of OBS, each with its look or curtain."""
        ...

    def select_preset(self, name: str) -> None:
        """Switch the preset. Raises `UsageError` for one that is not there or does not load."""
        ...

    def values(self) -> dict[str, Any]:
        """Every value that can be changed, by key, as it is set now."""
        ...

    def change_values(self, wanted: Mapping[str, object]) -> None:
        """Change values by key, all or none. Raises `UsageError`: key, value, what is allowed."""
        ...

    def prepare_values(self, wanted: Mapping[str, object]) -> None:
        """Check values, and encode their words, so that `change_values` takes no time. Raises what
        that does."""
        ...

    @property
    def quantise(self) -> str:
        """When what is seen at one moment is to be seen: "off", "beat", "bar" …"""
        ...

    @property
    def tempo(self) -> Tempo:
        """Of the beats that waves count and changes wait for."""
        ...

    def keep_time(self, tempo: Tempo) -> None:
        """Follow another tempo from now on."""
        ...

    @property
    def preset(self) -> Preset:
        """The preset that runs, with what was changed of it."""
        ...

    def arrange_looks(self, places: Sequence[Place]) -> None:
        """Give the running preset these looks; a new one is what plays, and is on then. The file
        stays as it is until `save`. Raises `UsageError`."""
        ...

    def put_looks_back(self, before: Preset, look: str) -> None:
        """Give the running preset the looks of `before`; `look` if the one that is on is gone.
        Raises `UsageError`."""
        ...

    def take_plate(self) -> str:
        """Keep the camera's newest frame as the picture of the empty room, for masks of the source
        plate; its path. Raises `UsageError`."""
        ...

    def save(self, name: str) -> str:
        """Write a preset with what plays now; its path. Raises `UsageError`."""
        ...
