"""BoundStep: a compiled frame step with its inputs, of one size of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.backends import Conditioning
from engines.backends.openvino.graphs import ov
from engines.backends.openvino.statistics import STATISTICS
from engines.step.signature import Signature


class BoundStep:
    """Tensors are bound by address; those of the conditioning, when they are other ones.

    knows_statistics  it writes those of a whole frame, or reads them for a part
    """

    def __init__(
        self, compiled: ov.CompiledModel, step: Signature, statistics: ov.Tensor | None = None
    ) -> None:
        self.request: ov.InferRequest = compiled.create_infer_request()
        self.knows_statistics = statistics is not None
        if statistics is not None:
            self.request.set_tensor(STATISTICS, statistics)
        self._step = step
        self._given: dict[str, NDArray[np.float32]] = {}
        self._dtypes = {
            name: compiled.input(name).element_type.to_dtype() for name in step.conditioning
        }

    def bind(
        self,
        frame_HWC: NDArray[np.uint8],
        conditioning: Conditioning,
        out_HWC: NDArray[np.uint8],
        *,
        cold: bool,
    ) -> None:
        """What one frame reads and writes, but for the state; as `Runner.start` takes it.

        A frame that is no whole array, such as a part of one, is copied.
        """
        self._frame_HWC = np.ascontiguousarray(frame_HWC)  # held: the tensor has its address alone
        self.request.set_tensor("frame_HWC", ov.Tensor(self._frame_HWC, shared_memory=True))
        self.request.set_tensor("image_HWC", ov.Tensor(out_HWC, shared_memory=True))
        for name in self._step.conditioning:
            value = _COLD[cold] if name == "cold" else conditioning[name]
            if self._given.get(name) is not value:
                dtype = self._dtypes[name]  # int32 for timesteps, float32 for all others
                self.request.set_tensor(name, ov.Tensor(np.ascontiguousarray(value, dtype)))
                self._given[name] = value


_COLD = {True: np.ones(1, np.float32), False: np.zeros(1, np.float32)}
