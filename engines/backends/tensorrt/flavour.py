"""TensorRT in its two flavours, and its failures as errors with the words of its log.

TensorRT-RTX (`tensorrt_rtx`) is made for the cards that people have: it builds without a GPU and
compiles for the card when an engine is loaded. TensorRT (`tensorrt`, from version 11 on) has the
same interface and is needed on data-centre cards. Both answer None or False when something goes
wrong, and say why in their log alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from engines.backends.torch.failures import cause_of
from engines.errors import BackendUnavailable, EngineError

RTX, CLASSIC = "tensorrt_rtx", "tensorrt"
_LABELS = {RTX: "TensorRT-RTX", CLASSIC: "TensorRT"}
_KEPT = 12  # lines of a log that an error may repeat
_SHOWN = 600  # characters of them
# Without a driver the log repeats that after every line.
_NO_DRIVER = "cudaError 35"


@dataclass(frozen=True, slots=True)
class Flavour:
    """One of the two, loaded.

    name    of the module
    module  the module itself
    log     an ILogger that keeps what went wrong
    """

    name: str
    module: Any
    log: Any

    @property
    def label(self) -> str:
        """Name and version for people."""
        return f"{_LABELS[self.name]} {self.version}"

    @property
    def version(self) -> str:
        """Of the module. An engine runs on the version that built it alone."""
        return str(self.module.__version__)

    @property
    def architectures(self) -> list[str]:
        """GPU architectures that engines can be built for by name, such as "sm89"."""
        if self.name == CLASSIC:
            return []
        members = self.module.ComputeCapability.__members__
        return [name.lower() for name in members if name.startswith("SM")]

    def failure(self, kind: type[EngineError], doing: str, advice: str = "") -> EngineError:
        """An error of `kind`: what could not be done, in the words of the log."""
        said = " ".join(self.log.take()) or "it gave no reason"
        cause = cause_of(said)
        if len(said) > _SHOWN:
            said = f"{said[:_SHOWN]}…"
        return kind(
            f"{self.label} could not {doing}: {said}{'' if said[-1] in '.…' else '.'}{advice}",
            cause=cause,
        )


def open_flavour(name: str) -> Flavour:
    """Load a flavour. Raises `BackendUnavailable` naming what to install."""
    try:
        module = import_module(name)
    except ImportError as error:
        extra = "nvidia" if name == RTX else "tensorrt"
        raise BackendUnavailable(
            f"{_LABELS[name]} cannot be loaded ({error}). Install it: "
            f"pip install 'streamcam[{extra}]'."
        ) from error
    return Flavour(name, module, _open_log(module))


def installed_flavours() -> list[str]:
    """Names of those that are installed, without loading them."""
    return [name for name in (RTX, CLASSIC) if find_spec(name) is not None]


@cache
def _open_log(module: Any) -> Any:  # noqa: ANN401  # the module has no types
    """One log for each module: TensorRT keeps the first that it is given."""

    class Log(module.ILogger):  # type: ignore[misc]  # a class of a module that is chosen
        """Keeps errors until they are taken; called by TensorRT on any of its threads."""

        def __init__(self) -> None:
            super().__init__()
            self._lines: deque[str] = deque(maxlen=_KEPT)

        def log(self, severity: int, message: str) -> None:
            if severity in (module.ILogger.INTERNAL_ERROR, module.ILogger.ERROR):
                self._lines.append(" ".join(message.split()))

        def add(self, message: str) -> None:
            """An error that was told otherwise."""
            self._lines.append(" ".join(message.split()))

        def take(self) -> list[str]:
            """The errors since the last time, each once."""
            lines = list(dict.fromkeys(self._lines))
            self._lines.clear()
            telling = [line for line in lines if _NO_DRIVER not in line]
            return telling or lines

    return Log()
