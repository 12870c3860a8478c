"""Backends: what executes a frame step. One folder each; its name is the choice.

A backend's `runner.py` has what `Backend` says, and its `cost.py` says what a frame costs there
(`engines/bench/measure.py`). (`null` has no model and is an Engine.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from engines.api import Embedding, EngineSpec, Watch
from engines.errors import BackendUnavailable, quoted
from engines.memory import Need
from engines.model import Model
from engines.patches import Size

Conditioning = Mapping[str, NDArray[np.float32]]
# What the next frame will find of those before it: the inputs `Signature.state` by name, and each
# of `Signature.delayed` with one more axis in front, the frames in flight from the newest on.
State = Mapping[str, NDArray[np.float32]]


def patchable(model: Model, spec: EngineSpec) -> bool:
    """Whether parts of a frame may be restyled alone: the family says how, and with one step there
    are no frames in flight, whose parts would have to fit each other."""
    return model.patches is not None and spec.steps == 1


class Runner(Protocol):
    """A frame step made ready for one size, S and guidance mode; keeps the state on its device.

    `start`, `finish` and `close` belong to one thread, `encode_tokens` to any.

    precision, device, execution  what "auto" became
    patches  sizes (width, height) that `start` takes beside the spec's
    """

    precision: str
    device: str
    execution: str
    patches: Sequence[Size]

    def encode_tokens(
        self, tokens_NT: NDArray[np.int64], lora_N: NDArray[np.float32] | None = None
    ) -> Embedding:
        """The text encoders: one chunk of a prompt, with a row of tokens for each of the N.

        lora_N  weights of the live LoRAs, for a model of whom one changes a text encoder
        """
        ...

    def start(
        self,
        frame_HWC: NDArray[np.uint8],
        conditioning: Conditioning,
        out_HWC: NDArray[np.uint8],
        *,
        cold: bool,
    ) -> None:
        """Begin one frame, with the inputs that `frame_step.Signature` names.

        A frame of a size in `patches` is a part of one: its noise is that part's, and its networks
        normalise by the statistics of the last whole frame.

        An array of `conditioning` is uploaded again only when it is another object than on the
        call before. `cold` starts the stream batch from this frame. `frame_HWC` is read before
        this returns, `out_HWC` written by `finish` at the latest. At most IN_FLIGHT frames are
        started and not finished. Raises `EngineFailed`.
        """
        ...

    def finish(self) -> None:
        """Wait until the picture of the oldest started frame is in its `out_HWC`.

        Raises `EngineFailed`.
        """
        ...

    def add_patch(self, size: Size) -> None:
        """Make ready another of `patches`. From any thread, beside frames; nothing happens where
        `patchable` says no, or once it is closed. Raises `BackendUnavailable`."""
        ...

    def state(self) -> State:
        """The frames in flight, copied to the host. Not before the first frame."""
        ...

    def restore(self, state: State) -> None:
        """Go on from the state of a runner of the same model and shape, whatever its backend."""
        ...

    def stage_ms(self) -> Mapping[str, float]:
        """Milliseconds of each stage of the last finished frame, by name, in order.

        Measured without making anything wait. Empty before the first and for backends that do
        not measure. A mapping that is handed out never changes; from any thread.
        """
        ...

    def close(self) -> None:
        """Free the device. May be called twice."""
        ...


class Backend(Protocol):
    """What a `runner.py` has. `spec` names this backend.

    prepared      the model with what is read here instead of its folder, which may take minutes to
                  make, once; refuses a spec that cannot be run before that
    needs         the memory that an engine takes beside what runs; None: not known
    build_runner  of a model that was prepared

    Each raises `BackendUnavailable`, or `ModelUnavailable`; `prepared` also `BuildAbandoned`.
    """

    prepared: Callable[[Model, EngineSpec, Watch], Model]
    needs: Callable[[Model, EngineSpec], Need | None]
    build_runner: Callable[[Model, EngineSpec], Runner]


def backend_names() -> list[str]:
    """What lies in engines/backends: a file, or a folder with a `runner.py`."""
    return sorted(found.name for found in iter_modules(__path__))


def open_backend(name: str) -> Backend:
    """The backend of that name. Raises `BackendUnavailable` if what it runs on is not installed."""
    try:
        return cast(Backend, import_module(f"engines.backends.{name}.runner"))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "engines":
            raise
        extra = "nvidia" if name == "tensorrt" else name
        raise BackendUnavailable(
            f"backend {quoted(name)} needs the package {error.name}, which is not installed. "
            f"Install it: pip install 'streamcam[{extra}]'. Or leave the choice to the program: "
            "--backend auto."
        ) from error
