"""Where a batch's networks run: one file each; its name is that of the backend.

A file has `open_device(model, spec, capacity)`, which raises `BackendUnavailable` and
`ModelUnavailable`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from engines.api import Embedding, EngineSpec
from engines.batch.step import Networks
from engines.errors import BackendUnavailable, quoted
from engines.model import Model


class Device(Networks, Protocol):
    """Networks, with what they compute in. Used by one thread, but for `encode_tokens`.

    precision, device, execution  what "auto" became
    """

    precision: str
    device: str
    execution: str

    def encode_tokens(self, tokens_NT: NDArray[np.int64]) -> Embedding:
        """As `engines.backends.Runner.encode_tokens`."""
        ...

    def computing(self) -> AbstractContextManager[None]:
        """Entered around a call's networks and what is between them: what its library raises there
        becomes `EngineFailed`."""
        ...

    def close(self) -> None:
        """Free it. May be called twice."""
        ...


OpenDevice = Callable[[Model, EngineSpec, int], Device]


def device_names() -> list[str]:
    """The backends that cameras can share a UNet call on."""
    return sorted(found.name for found in iter_modules(__path__))


def open_device(name: str) -> OpenDevice:
    """The `open_device` of that file. Raises `BackendUnavailable`."""
    if name not in device_names():
        raise BackendUnavailable(
            f"backend {quoted(name)}: cameras cannot share its UNet calls. "
            f"Use {' or '.join(quoted(one) for one in device_names())}, or an engine a camera."
        )
    try:
        return cast(OpenDevice, import_module(f"engines.batch.devices.{name}").open_device)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "engines":
            raise
        raise BackendUnavailable(
            f"backend {quoted(name)} needs the package {error.name}, which is not installed. "
            f"Install it: pip install 'streamcam[{name}]'."
        ) from error
