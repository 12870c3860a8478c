"""Doctor: looks a machine over for what a run needs, and says what to do about what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from streamcam.errors import reason

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    topic  "machine", "engine", "source", "virtual camera", "program"
    name   what it is: "Python", "camera:0", "/dev/video10"
    state  problem: without it no picture gets from a source into a virtual camera
    text   what was found
    fix    what to do, as a command to paste where there is one; "" if there is nothing to do
    """

    topic: str
    name: str
    state: State
    text: str
    fix: str = ""


Check = Callable[[], Iterator[Finding]]


def examine() -> list[Finding]:
    """Look at everything. Opens no camera and no device, changes nothing, sends nothing."""
    from streamcam.doctor import (
        cameras,
        engine,
        machine,
        pipewire,
        programs,
        screens,
        virtual_cameras,
    )

    checks: list[Check] = [
        machine.check,
        engine.check,
        cameras.check,
        screens.check,
        virtual_cameras.check,
        pipewire.check,
        programs.check,
    ]
    return [finding for check in checks for finding in _run(check)]


def healthy(findings: list[Finding]) -> bool:
    """Whether a run has what it needs."""
    return all(finding.state != "problem" for finding in findings)


def _run(check: Check) -> list[Finding]:
    """The findings of a check. A check that raises becomes a finding, and the other checks still
    run."""
    found: list[Finding] = []
    try:
        found.extend(check())
    except Exception as error:  # noqa: BLE001  # whatever a driver raises, the report says so
        topic = check.__module__.rpartition(".")[2].replace("_", " ")
        found.append(
            Finding(topic, "this check", "note", f"failed: {type(error).__name__}: {reason(error)}")
        )
    return found
