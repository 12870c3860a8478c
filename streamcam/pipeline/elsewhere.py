"""Elsewhere: the thread that reaches an engine on another machine, if the run has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engines.api import Engine
from streamcam.flow.stages import Loss, Stages
from streamcam.options import Options
from streamcam.stats import Stats

if TYPE_CHECKING:
    from streamcam.remote.link import Link


def link_for(
    options: Options, stats: Stats, stages: Stages, say: Callable[[str], None]
) -> Link | None:
    """Begins to connect. Its thread's failure is no end of the run: this machine has an engine."""
    if options.engine is None:
        return None
    from streamcam.remote.link import Link

    link = Link(options.engine, options.format.fps, stats.notices, say)
    stages.add_queues(link)
    stages.start("link", link.work, [link], place=None, loss=Loss.NONE)
    return link


def reaching(engine: Engine, link: Link | None) -> Engine:
    """An engine of this machine, with the one elsewhere before it if there is one."""
    if link is None:
        return engine
    from streamcam.remote.engine import RemoteEngine

    return RemoteEngine(engine, link)
