"""TextNetwork: a model's text encoders on the device, for any thread."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from engines.api import Embedding
from engines.backends.torch.stream import DeviceStream
from engines.backends.torch.weights import Weights


class TextNetwork:
    """Encodes prompts on a stream of its own, so that no frame waits for it."""

    def __init__(self, weights: Weights, stream: DeviceStream) -> None:
        """`weights`, on the stream's device, are held until this is let go. Their text encoder:
        tokens_NT → (tokens_TD,), or (tokens_TD, pooled_P)."""
        self._stream = stream
        self._weights = weights

    @torch.inference_mode()
    def encode(self, tokens_NT: NDArray[np.int64]) -> Embedding:
        """The caller waits, for this stream alone."""
        with self._stream.current():
            found = self._weights.text_encoder(torch.tensor(tokens_NT, device=self._stream.device))
            arrays = [part.float().cpu().numpy() for part in found]
        return Embedding(*(np.ascontiguousarray(array) for array in arrays))

    def close(self) -> None:
        """Its stream is free for others. `encode` must not be called again."""
        self._stream.close()
