"""Rescue: leaves what hangs to its thread, and sees to another in its place."""

from __future__ import annotations

from engines.errors import EngineFailed
from streamcam.flow.stages import Stages
from streamcam.pipeline.live import Live
from streamcam.pipeline.workers import Workers
from streamcam.priority import giving_way, keeping_time


class Rescue:
    """Used by the thread "watchdog"."""

    def __init__(self, workers: Workers, live: Live, stages: Stages) -> None:
        self._infer, self._rebuild = workers.infer, workers.rebuild
        self._live = live
        self._stages = stages

    def leave_engine(self, reason: str) -> None:
        """The running engine does not return. What is being built may wait for it for ever, so that
        is left as well."""
        if self._infer.abandon():
            self._stages.replace("infer", keeping_time(self._infer.work))
            build_left = self._leave_build()
            self._live.mend(EngineFailed(reason, cause="hang"), build_left=build_left)

    def look_after_build(self) -> None:
        """The build has been silent for long. It is left if its device does not answer, which may
        take seconds to find out."""
        if self._live.device_is_gone() and self._leave_build():
            self._live.build_again()

    def _leave_build(self) -> bool:
        left = self._rebuild.abandon()
        if left:
            self._stages.replace("rebuild", giving_way(self._rebuild.work))
        return left
