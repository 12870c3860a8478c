"""Figures: what a replica counts. Ray exports them to Prometheus; see application.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

# name → what it counts, for Prometheus
COUNTED = {
    "streamcam_pictures": "Frames that were restyled",
    "streamcam_missed": "Frames without a picture: a newer one came, or they came too fast",
    "streamcam_refused": "Sessions that were refused for want of capacity",
    "streamcam_misspoken": "Sessions that were ended for what they sent",
}
SESSIONS = "streamcam_sessions"
WAITED, TOOK = "streamcam_waited_seconds", "streamcam_took_seconds"


@dataclass(slots=True)
class Figures:
    """Used by the event loop. `export` and `measure` hand on what changed: a name and how much more
    of it there is, and a name and its value now."""

    export: Callable[[str, int], None] = lambda _name, _more: None
    measure: Callable[[str, float], None] = lambda _name, _value: None
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, name: str) -> None:
        """One more of a name in COUNTED."""
        self.counts[name] += 1
        self.export(name, 1)
