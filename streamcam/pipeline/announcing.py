"""Announcing: what a run says of its source once that is open."""

from __future__ import annotations

from collections.abc import Callable

from streamcam.capture import FilmInfo, Opened
from streamcam.options import Options, cuts_out, left_out
from streamcam.sink import Sink, shows_alpha
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


def instead(sink: Sink, options: Options) -> str:
    """What an output shows that cannot show nothing behind a person; "" if it can or need not."""
    if shows_alpha(sink) or not cuts_out(options.preset):
        return ""
    return f"; it has no alpha, so behind the person it shows {options.preset.mask.colour}"
