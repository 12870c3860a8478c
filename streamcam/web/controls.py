"""Controls: what the page and `streamcam switch` may ask of the running program."""

from __future__ import annotations

from typing import Protocol

from streamcam.sink import Format
from streamcam.stats import Stats


class Controls(Protocol):
    """The running program. Every method may be called from any thread and returns at once."""

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
        """What is shown instead of the picture: one of `streamcam.flow.curtain.CURTAINS`."""
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
