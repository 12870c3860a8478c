"""Announcing: what a run says of its source once that is open."""

from __future__ import annotations

from collections.abc import Callable

from streamcam.capture import FilmInfo, Opened
from streamcam.options import Options, left_out
from streamcam.stats import Stats


def announce(
    opened: Opened, options: Options, stats: Stats, say: Callable[[str], None], *, recorded: bool
) -> None:
    """`recorded`: an output keeps it, so what of a film will not be in there is said. `stats` is
    told how long a rendered one is."""
    film = opened.film or FilmInfo()
    for line in left_out(film, options) if recorded else ():
        say(line)
    if film.seconds and not options.realtime:
        stats.expect(film.seconds, round(film.seconds * opened.fps))
