"""Outage: whether the engine's device still answers, and what is said when it does not."""

from __future__ import annotations

from collections.abc import Callable

from engines.outages import outage_of
from streamcam.notices import Notice, NoticeBoard


class Outage:
    """`told`: the user knows of a device that is gone. May be asked on any thread that can wait for
    seconds."""

    def __init__(self, notices: NoticeBoard, say: Callable[[str], None]) -> None:
        """`notices` get "device", which stays; `say` a line, once."""
        self.told = False
        self._notices = notices
        self._say = say

    def found(self, *devices: str) -> bool:
        """Ask these devices, as `EngineSpec.device`; whether one of them is gone."""
        for device in devices:
            why = outage_of(device)
            if why:
                self._tell(device, why)
                return True
        return False

    def _tell(self, device: str, why: str) -> None:
        if self.told:
            return
        self.told = True
        name = "the GPU" if device == "auto" else device
        gone = f"{name} is gone for this run"
        self._notices.put(Notice("device", f"{gone}: the engine runs on the processor"))
        self._say(
            f"engine: {gone} ({why}): engines run on the processor from now on. "
            "Start streamcam again to use it."
        )
