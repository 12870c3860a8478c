"""Controls: what the page, `streamcam switch`, `set` and `save` may ask of the running program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from streamcam.clock.tempo import Tempo
from streamcam.sink import Format
from streamcam.stats import Stats


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

    def look_names(self) -> list[str]:
        """The looks of the preset that runs, in the order of their number keys."""
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

    def take_plate(self) -> str:
        """Keep the camera's newest frame as the picture of the empty room, for masks of the source
        plate; its path. Raises `UsageError`."""
        ...

    def save(self, name: str) -> str:
        """Write a preset with what plays now; its path. Raises `UsageError`."""
        ...
