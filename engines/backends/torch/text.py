"""TextNetwork: a model's text encoders on the device, for any thread."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from engines.api import Embedding
from engines.backends.torch.stream import DeviceStream
from engines.backends.torch.weights import Weights
from engines.model.lora.live import own_copy


class TextNetwork:
    """Encodes prompts on a stream of its own, so that no frame waits for it."""

    def __init__(self, weights: Weights, stream: DeviceStream, *, live: bool = False) -> None:
        """`weights`, on the stream's device, are held until this is let go. Their text encoder:
        tokens_NT, lora_N if live LoRAs change it → (tokens_TD,), or (tokens_TD, pooled_P).

        live  live LoRAs change it, so that no other engine may use its modules
        """
        self._stream = stream
        self._weights = weights
        self._network = own_copy(weights.text_encoder) if live else weights.text_encoder

    @torch.inference_mode()
    def encode(
        self, tokens_NT: NDArray[np.int64], lora_N: NDArray[np.float32] | None = None
    ) -> Embedding:
        """The caller waits, for this stream alone. Not from two threads at a time."""
        given = (tokens_NT,) if lora_N is None else (tokens_NT, lora_N)
        with self._stream.current():
            found = self._network(*(torch.tensor(one, device=self._stream.device) for one in given))
            arrays = [part.float().cpu().numpy() for part in found]
        return Embedding(*(np.ascontiguousarray(array) for array in arrays))

    def close(self) -> None:
        """Its stream is free for others. `encode` must not be called again."""
        self._stream.close()
