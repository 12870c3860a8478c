"""The device that a user asked for, before anything is opened."""

from __future__ import annotations

from engines.devices import device_of
from engines.errors import EngineError
from streamcam.errors import UsageError


def chosen_device(wanted: str | None) -> str | None:
    """`--device` as the engine takes it; None stays. May load torch. Raises `UsageError`."""
    if wanted is None:
        return None
    try:
        return device_of(wanted)
    except EngineError as error:
        raise UsageError(f"--device: {error}") from error
