"""AlternatingBuffers: how TensorRT hands the state of one frame to the next, without a copy.

Names as in engines/step/frame_step.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.backends.torch.frame_buffers import FrameBuffers
from engines.backends.torch.stream import DeviceStream
from engines.model.shapes import Shapes
from engines.step.signature import Signature


class AlternatingBuffers(FrameBuffers):
    """Every phase has its own addresses, which never change.

    The state is written into one set of tensors while it is read from the other. The ring has an
    even number of slots, S or S + 1, so that one count of phases serves both.
    """

    def __init__(self, step: Signature, shapes: Shapes, stream: DeviceStream) -> None:
        super().__init__(step, shapes, stream)
        slots = self.flying + 1 + (self.flying + 1) % 2 if step.delayed else 0
        self.phases = slots or (2 if step.state else 1)
        self._states = [_zeros(step.state, shapes, stream.device) for _ in range(2)]
        self._ring = [_zeros(step.delayed, shapes, stream.device) for _ in range(slots)]

    def bindings(self, phase: int) -> dict[str, Tensor]:
        """Every input and output of a step of this phase, by the graph's names."""
        bound = {"frame_HWC": self.frame.tensor, "image_HWC": self.image, **self.conditioning}
        bound.update(self.held(phase))
        for name, tensor in self.held(phase + 1).items():
            bound[f"next_{name}"] = tensor
        if self.detailed:
            bound.update(self.slot(phase - self.flying))
            for name, tensor in self.slot(phase).items():
                bound[name.removeprefix("delayed_")] = tensor
        return bound

    def fill_ring(self, phase: int) -> None:
        newest = self.slot(phase)
        for slot in self._ring:
            if slot is not newest:
                for name, tensor in slot.items():
                    self._stream.copy(tensor, newest[name])

    def held(self, frame: int) -> dict[str, Tensor]:
        return self._states[frame % 2]

    def slot(self, frame: int) -> dict[str, Tensor]:
        return self._ring[frame % len(self._ring)]


def _zeros(names: tuple[str, ...], shapes: Shapes, device: torch.device) -> dict[str, Tensor]:
    return {name: torch.zeros(shapes[name], device=device) for name in names}
