"""Source: how OBS gets the picture. One file a way, its name the choice of `--as`.

Each has `KINDS`, OBS's kinds of input that it can be; `wanted(shown, kinds)`, the input that it
should be here, which raises `UsageError` where this way is closed; and `shows(settings, shown,
taken)`, whether an input of its kinds shows this very program; `taken` are ports of others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from streamcam import plugins
from streamcam.errors import UsageError
from streamcam.obs.program import Shown

Settings = Mapping[str, Any]

# In the order of preference: no JPEG on the way, no delay; then what each OBS has.
ORDER = ("virtualcam", "media", "browser")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An input of OBS as it should be.

    kind      OBS's
    settings  that matter, beside the defaults
    what      for people: "Media Source of http://…"
    device    its name, of those that OBS lists under the property `device_key`; "": it is known
    words     what to say of a setting that is not as it should be
    """

    kind: str
    settings: Settings
    what: str
    device: str = ""
    device_key: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


class Way(Protocol):
    """A module of this package."""

    KINDS: tuple[str, ...]
    wanted: Callable[[Shown, Collection[str]], Wanted]
    shows: Callable[[Settings, Shown, Collection[int]], bool]


def ways(choice: str | None) -> list[Way]:
    """The ways to try, best first; with a choice that one alone. Raises `UnknownChoice`."""
    names = ORDER if choice is None else (choice,)
    return [plugins.load(__name__, name) for name in names]


def open_ways(choice: str | None, shown: Shown, kinds: Collection[str]) -> list[tuple[Way, Wanted]]:
    """Those that are open here. Raises `UsageError` if none is, with what to do."""
    found, closed = [], []
    for way in ways(choice):
        try:
            found.append((way, way.wanted(shown, kinds)))
        except UsageError as error:
            closed.append(str(error))
    if not found:
        raise UsageError(f"OBS cannot be given the picture: {'; '.join(closed)}")
    return found
