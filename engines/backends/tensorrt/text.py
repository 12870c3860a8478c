"""PlannedText: a model's text encoders as a plan, for any thread."""

from __future__ import annotations

from functools import partial
from threading import Lock
from weakref import finalize

import numpy as np
import torch
from numpy.typing import NDArray

from engines.api import Embedding
from engines.backends.tensorrt.engine import PlanOnDevice
from engines.backends.torch.cuda import CudaStream, warm_up
from engines.model import Model


class PlannedText:
    """Encodes prompts on a stream of its own, so that no frame waits for it. The engines of a
    process share it: no size or step shapes its plan. Its stream is free once none holds it."""

    def __init__(self, plan: PlanOnDevice, model: Model, stream: CudaStream) -> None:
        self._stream = stream
        finalize(self, stream.close).atexit = False
        self._lock = Lock()  # of the tensors below: prompts come from several threads
        with stream.current():
            device = stream.device
            rows = len(model.tokenizer_files)
            self._tokens_NT = torch.zeros((rows, model.tokens), dtype=torch.int64, device=device)
            found = {"tokens_TD": torch.zeros((model.tokens, model.width), device=device)}
            if model.pooled:
                found["pooled_P"] = torch.zeros(model.pooled, device=device)
            self._found = found
            self._lora_N = torch.ones(len(model.live_loras), device=device)
            live = {"lora_N": self._lora_N} if model.text_is_live else {}
            self._run = plan.bind({"tokens_NT": self._tokens_NT, **live, **found})
            warm_up([partial(self._run, stream.handle)], stream)
        plan.keep_kernels()

    @torch.inference_mode()
    def encode(self, tokens_NT: NDArray[np.int64], lora_N: NDArray[np.float32] | None) -> Embedding:
        """The caller waits, for this stream alone."""
        with self._lock, self._stream.current():
            self._tokens_NT.copy_(torch.from_numpy(tokens_NT))
            if lora_N is not None:
                self._lora_N.copy_(torch.from_numpy(lora_N))
            self._run(self._stream.handle)
            arrays = [tensor.cpu().numpy().copy() for tensor in self._found.values()]
        return Embedding(*arrays)

    def close(self) -> None:
        """Another engine may go on with it."""
