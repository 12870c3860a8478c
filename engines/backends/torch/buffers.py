"""CopiedBuffers: how torch hands the state of one frame to the next.

Names as in engines/step/frame_step.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engines.backends.torch.frame_buffers import FrameBuffers
from engines.backends.torch.placement import Placement
from engines.backends.torch.stream import DeviceStream
from engines.model.shapes import Shapes
from engines.step.signature import Signature


class CopiedBuffers(FrameBuffers):
    """The ring has S slots; without a detail path there is one phase.

    In eager execution outputs are used as the next inputs, without a copy. For a graph or a
    compiled step, outputs are copied into tensors whose addresses never change.
    """

    def __init__(
        self, step: Signature, shapes: Shapes, placement: Placement, stream: DeviceStream
    ) -> None:
        super().__init__(step, shapes, stream)
        self._stays = placement.execution != "eager"
        self._state = {name: torch.zeros(shapes[name], device=stream.device) for name in step.state}
        self.phases = self.flying + 1 if step.delayed else 1
        # Kept in the networks' dtype, which is all that they were computed in.
        self._ring = [
            {
                name: torch.zeros(
                    shapes[name], dtype=placement.dtype, device=stream.device
                ).contiguous(memory_format=placement.layout)
                for name in step.delayed
            }
            for _ in range(self.phases)
        ]

    def inputs(self, phase: int) -> list[Tensor]:
        """What a step of this phase reads, in the order of `Signature.inputs`."""
        oldest = self.slot(phase - self.flying)
        state, given = self._state.values(), self.conditioning.values()
        return [self.frame.tensor, *state, *oldest.values(), *given]

    def keep(self, phase: int, outputs: Sequence[Tensor]) -> None:
        """Take what a step of this phase wrote, in the order of `Signature.outputs`."""
        image_HWC, *rest = outputs
        if self._stays:
            self.image.copy_(image_HWC)
        else:
            self.image = image_HWC
        self._take(self._state, rest[: len(self._state)])
        self._take(self._ring[phase], rest[len(self._state) :])

    def fill_ring(self, phase: int) -> None:
        newest = list(self._ring[phase].values())
        for slot in self._ring[:phase] + self._ring[phase + 1 :]:
            self._take(slot, newest)

    def held(self, frame: int) -> dict[str, Tensor]:
        return self._state

    def slot(self, frame: int) -> dict[str, Tensor]:
        return self._ring[frame % self.phases]

    def _take(self, held: dict[str, Tensor], values: Sequence[Tensor]) -> None:
        for name, value in zip(held, values, strict=True):
            if self._stays:
                held[name].copy_(value)
            else:
                held[name] = value
