"""FrameBuffers: everything a frame step reads and writes, on the device, allocated once.

Names as in engines/frame_step.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.api import EngineSpec
from engines.backends import Conditioning
from engines.backends._torch_placement import Placement
from engines.backends._torch_stream import DeviceStream
from engines.errors import InvalidSpec
from engines.frame_step_signature import Signature
from engines.model import Model

Shapes = Mapping[str, tuple[int, ...]]


def input_shapes(step: Signature, model: Model, spec: EngineSpec) -> dict[str, tuple[int, ...]]:
    """The shape of every input of a frame step, from the suffix of its name."""
    small = (spec.height // model.downscale, spec.width // model.downscale)
    rows = {"S": spec.steps, "K": spec.steps - 1}
    known: dict[str, tuple[int, ...]] = {
        "HWC": (spec.height, spec.width, 3),
        "TD": (model.tokens * spec.prompt_chunks, model.width),
        "P": (model.pooled,),
        "6": (6,),
        **{axis: (count,) for axis, count in rows.items()},
        **{f"{axis}Chw": (n, model.latent_channels, *small) for axis, n in rows.items()},
    }
    shapes = {name: known.get(name.rsplit("_", 1)[-1], (1,)) for name in step.inputs}
    for name, (channels, scale) in zip(step.delayed, model.features, strict=False):
        shapes[name] = (1, channels, spec.height // scale, spec.width // scale)
    return shapes


class StagedInput:
    """A tensor on the device, and the host memory that it is filled through."""

    def __init__(
        self, name: str, shape: tuple[int, ...], dtype: torch.dtype, stream: DeviceStream
    ) -> None:
        self.tensor = torch.ones(shape, dtype=dtype, device=stream.device)
        self._name = name
        self._stream = stream
        self._host = stream.host_memory(shape, dtype)
        self._view = self._host.numpy()
        self._array: NDArray[np.float32] | None = None

    def fill(self, array: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Queue the upload; `array` is the caller's again on return. At most once a frame."""
        np.copyto(self._view, array)
        self.tensor.copy_(self._host, non_blocking=self._stream.asynchronous)

    def fill_if_other(self, array: NDArray[np.float32]) -> None:
        """`fill`, if this is another object than the last time.

        Raises `InvalidSpec` for an array of another shape, such as another model's prompt.
        """
        if array is not self._array:
            if array.shape != self._view.shape:
                raise InvalidSpec(
                    f"{self._name} of shape {array.shape} given to an engine that takes "
                    f"{self._view.shape}. A prompt must come from `encode` of the same engine."
                )
            self.fill(array)
            self._array = array


class FrameBuffers:
    """The inputs and outputs of a frame step between frames. Belongs to the frame thread.

    The detail path's feature maps wait in a ring of S slots: the step of phase p writes slot p and
    reads the oldest, which is the next one. Without a detail path there is one phase.

    Executed eagerly, an output becomes the next input by being taken for it. For a graph or a
    compiled step, outputs are copied into tensors that stay: no address ever changes.
    """

    def __init__(
        self, step: Signature, shapes: Shapes, placement: Placement, stream: DeviceStream
    ) -> None:
        self._stays = placement.execution != "eager"
        self._stream = stream
        picture = shapes["frame_HWC"]
        self.frame = StagedInput("frame_HWC", picture, torch.uint8, stream)
        self._image = torch.zeros(picture, dtype=torch.uint8, device=stream.device)
        self._download = stream.host_memory(picture, torch.uint8)
        self._picture = self._download.numpy()
        self._state = {name: torch.zeros(shapes[name], device=stream.device) for name in step.state}
        self.phases = shapes["noise_SChw"][0] if step.delayed else 1
        # In the networks' own type: what float32 could add is not in them.
        self._ring = [
            {
                name: torch.zeros(
                    shapes[name], dtype=placement.dtype, device=stream.device
                ).contiguous(memory_format=placement.layout)
                for name in step.delayed
            }
            for _ in range(self.phases)
        ]
        self._staged = {
            name: StagedInput(name, shapes[name], torch.float32, stream)
            for name in step.conditioning
            if name != "cold"
        }
        self._cold = torch.ones(1, device=stream.device)
        self._is_cold = True
        self._conditioning = [
            self._cold if name == "cold" else self._staged[name].tensor
            for name in step.conditioning
        ]

    def condition(self, conditioning: Conditioning, *, cold: bool) -> None:
        """Queue the upload of every array that is another object than on the frame before."""
        for name, staged in self._staged.items():
            staged.fill_if_other(conditioning[name])
        if cold != self._is_cold:
            self._cold.fill_(float(cold))
            self._is_cold = cold

    def inputs(self, phase: int) -> list[Tensor]:
        """What a step of this phase reads, in the order of `Signature.inputs`."""
        oldest = self._ring[(phase + 1) % self.phases]
        return [self.frame.tensor, *self._state.values(), *oldest.values(), *self._conditioning]

    def keep(self, phase: int, outputs: Sequence[Tensor]) -> None:
        """Take what a step of this phase wrote, in the order of `Signature.outputs`."""
        image_HWC, *rest = outputs
        if self._stays:
            self._image.copy_(image_HWC)
        else:
            self._image = image_HWC
        self._take(self._state, rest[: len(self._state)])
        self._take(self._ring[phase], rest[len(self._state) :])

    def fill_ring(self, phase: int) -> None:
        """A cold start: the maps that phase wrote stand in for those of the frames before."""
        newest = list(self._ring[phase].values())
        for slot in self._ring[:phase] + self._ring[phase + 1 :]:
            self._take(slot, newest)

    def start_download(self) -> None:
        """Queue the copy of the picture to the host."""
        self._download.copy_(self._image, non_blocking=self._stream.asynchronous)

    def picture_into(self, out_HWC: NDArray[np.uint8]) -> None:
        """Hand the picture out, once the download is done."""
        np.copyto(out_HWC, self._picture)

    def _take(self, held: dict[str, Tensor], values: Sequence[Tensor]) -> None:
        for name, value in zip(held, values, strict=True):
            if self._stays:
                held[name].copy_(value)
            else:
                held[name] = value
