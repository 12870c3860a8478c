"""FrameBuffers: everything a frame step reads and writes, on the device, allocated once.

Names as in engines/step/frame_step.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.api import IN_FLIGHT
from engines.backends import Conditioning, State
from engines.backends.torch.stream import DeviceStream
from engines.errors import InvalidSpec
from engines.model.shapes import Shapes
from engines.step.signature import Signature


class StagedInput:
    """A tensor on the device, and the host memory that it is filled through: two buffers by
    turns, since the copy out of one may not have begun when the next frame fills the other."""

    def __init__(
        self, name: str, shape: tuple[int, ...], dtype: torch.dtype, stream: DeviceStream
    ) -> None:
        self.tensor = torch.ones(shape, dtype=dtype, device=stream.device)
        self._name = name
        self._stream = stream
        self._hosts = [stream.host_memory(shape, dtype) for _ in range(IN_FLIGHT)]
        self._views = [host.numpy() for host in self._hosts]
        self._turn = 0
        self._filled = False
        self._array: NDArray[np.float32] | None = None

    def fill(self, array: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Copy to the host's buffer, for `send`; `array` is the caller's again on return. At most
        once a frame."""
        self._turn = 1 - self._turn
        np.copyto(self._views[self._turn], array)
        self._filled = True

    def send(self) -> None:
        """Queue the upload, if there was a `fill`."""
        if self._filled:
            self._stream.copy(self.tensor, self._hosts[self._turn])
            self._filled = False

    def fill_if_other(self, array: NDArray[np.float32]) -> None:
        """`fill`, if this is another object than the last time.

        Raises `InvalidSpec` for an array of another shape, such as another model's prompt.
        """
        if array is not self._array:
            if array.shape != self.tensor.shape:
                taken = tuple(self.tensor.shape)
                raise InvalidSpec(
                    f"{self._name} of shape {array.shape} given to an engine that takes {taken}. "
                    "A prompt must come from `encode` of the same engine."
                )
            self.fill(array)
            self._array = array


class FrameBuffers(ABC):
    """The inputs and outputs of a frame step between frames. Belongs to the frame thread.

    What is alike wherever the step runs: the frame and the conditioning on their way in, the
    picture on its way out. How the state of one frame becomes an input of the next is the
    subclass's. The detail path's feature maps wait in a ring of slots: the step of phase p writes
    slot p and reads the one that was written K frames ago. Frame n runs phase n modulo `phases`.

    detailed  whether there is a detail path
    """

    phases: int

    def __init__(self, step: Signature, shapes: Shapes, stream: DeviceStream) -> None:
        self.detailed = bool(step.delayed)
        picture = shapes["frame_HWC"]
        self.frame = StagedInput("frame_HWC", picture, torch.uint8, stream)
        self.image = torch.zeros(picture, dtype=torch.uint8, device=stream.device)
        self.flying = shapes["noise_SChw"][0] - 1  # K
        self._stream = stream
        self._downloads = [stream.host_memory(picture, torch.uint8) for _ in range(IN_FLIGHT)]
        self._pictures = [download.numpy() for download in self._downloads]
        self._staged = {
            name: StagedInput(name, shapes[name], torch.float32, stream)
            for name in step.conditioning
            if name != "cold"
        }
        self._cold = torch.ones(1, device=stream.device)
        self._is_cold = True
        self._flags = {
            is_cold: torch.full_like(self._cold, float(is_cold)) for is_cold in (False, True)
        }
        self.conditioning = {
            name: self._cold if name == "cold" else self._staged[name].tensor
            for name in step.conditioning
        }

    @abstractmethod
    def fill_ring(self, phase: int) -> None:
        """A cold start: the maps that phase wrote stand in for those of the frames before."""

    @abstractmethod
    def held(self, frame: int) -> dict[str, Tensor]:
        """The state that frame number `frame` will read, by name."""

    @abstractmethod
    def slot(self, frame: int) -> dict[str, Tensor]:
        """The feature maps that frame number `frame` writes, or wrote, by name."""

    def fill(self, frame_HWC: NDArray[np.uint8], conditioning: Conditioning) -> None:
        """Copy what a frame brings to the host's buffers: its picture, and every array that is
        another object than on the frame before."""
        self.frame.fill(frame_HWC)
        for name, staged in self._staged.items():
            staged.fill_if_other(conditioning[name])

    def start_upload(self, *, cold: bool) -> None:
        """Queue the copies of what was filled to the device."""
        self.frame.send()
        for staged in self._staged.values():
            staged.send()
        if cold != self._is_cold:
            self._stream.copy(self._cold, self._flags[cold])
            self._is_cold = cold

    def start_download(self) -> None:
        """Queue the copy of the picture to the host, into the slot of the frame."""
        self._stream.copy(self._downloads[self._stream.slot], self.image)

    def picture_into(self, out_HWC: NDArray[np.uint8], slot: int) -> None:
        """Hand the picture of a slot out, once its download is done."""
        np.copyto(out_HWC, self._pictures[slot])

    def state(self, frame: int) -> State:
        """What frame number `frame` will find, on the host. Waits for the device."""
        found = {name: _on_host(tensor) for name, tensor in self.held(frame).items()}
        if self.detailed:
            ages = [self.slot(frame - age) for age in range(1, self.flying + 1)]
            for name in ages[0]:
                found[name] = np.stack([_on_host(slot[name]) for slot in ages])
        return found

    def restore(self, state: State, frame: int) -> None:
        """Let frame number `frame` find this state."""
        for name, tensor in self.held(frame).items():
            tensor.copy_(torch.from_numpy(state[name]))
        for age in range(1, self.flying + 1) if self.detailed else ():
            for name, tensor in self.slot(frame - age).items():
                tensor.copy_(torch.from_numpy(state[name][age - 1]))


def _on_host(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array.copy()
