"""A TorchRunner over toy networks: the real bookkeeping without a model on disk."""

from __future__ import annotations

import numpy as np
import torch

from engines.api import Embedding
from engines.backends.torch import TorchRunner
from engines.frame_step import FrameStep
from tests.engines.toy import CHANNELS


class ToyRunner(TorchRunner):
    def __init__(self, networks, spec):
        self.precision, self.device = "float32", "cpu"
        self._device = torch.device("cpu")
        self._step = FrameStep(
            networks, steps=spec.steps, guidance_mode=spec.guidance_mode, batching=spec.batching
        )
        self._features = [
            (1, channels, spec.height // scale, spec.width // scale)
            for channels, scale in networks.features
        ]
        self._latent = (spec.steps - 1, CHANNELS, spec.height // 8, spec.width // 8)
        self._given, self._state, self._flight = {}, {}, []

    def encode_tokens(self, tokens_NT):
        return Embedding(np.zeros((5, 6), np.float32))
