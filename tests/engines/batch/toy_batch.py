"""A Batch over toy networks, in torch or in numpy: the real bookkeeping without a model on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engines.api import Embedding
from engines.backends.torch.placement import place
from engines.backends.torch.weights import Weights
from engines.batch import Batch
from engines.batch.devices.torch import TorchNetworks
from engines.batch.rows import SharedRows
from engines.step.schedule import NoiseSchedule
from tests.engines.toy import TOKENS, WIDTH
from tests.engines.toy_runner import toy_model

TOKENIZER = Path(__file__).parents[3] / "engines" / "nano" / "tokenizer" / "tokenizer.json"


@dataclass
class ToyModel:
    """`toy_model`, as something that can be replaced in part."""

    name: str
    tokenizer_files: tuple[Path, ...]
    tokens: int
    width: int
    pooled: int
    latent_channels: int
    downscale: int
    features: tuple
    patches: None
    live_loras: tuple[str, ...]
    text_is_live: bool
    schedule: NoiseSchedule
    timesteps: object


class ToyDevice(TorchNetworks):
    """torch's, without a text encoder."""

    def __init__(self, networks, spec):
        super().__init__(Weights(networks, None), place(spec))
        self.calls = []  # rows of each UNet call

    def encode_tokens(self, tokens_NT):
        return Embedding(np.full((TOKENS, WIDTH), float(tokens_NT[0, 1] % 7) / 7, np.float32))

    def denoise(self, latent_BChw, timestep_B, prompt_BTD, *added):
        self.calls.append(len(latent_BChw))
        return super().denoise(latent_BChw, timestep_B, prompt_BTD, *added)


class NumpyToyDevice(ToyDevice):
    """The same networks for arrays of numpy, as OpenVINO's are."""

    library = np

    def place(self, array):
        return array

    def encode(self, frames):
        latent_NChw, features = super().encode(frames)
        return latent_NChw.numpy(), [[one.numpy() for one in each] for each in features]

    def denoise(self, *rows):
        return super().denoise(*(torch.from_numpy(np.ascontiguousarray(r)) for r in rows)).numpy()

    def decode(self, latent_NChw, features, pictures):
        maps = [[torch.from_numpy(one) for one in each] for each in features]
        super().decode(torch.from_numpy(latent_NChw), maps, pictures)


def toy_batch(networks, spec, capacity, *, library="torch", prediction_type="epsilon"):
    """A batch whose networks are toys."""
    given = vars(toy_model(networks)) | {"tokenizer_files": (TOKENIZER,)}
    if prediction_type != "epsilon":
        given["schedule"] = NoiseSchedule({"prediction_type": prediction_type})
    device = {"torch": ToyDevice, "numpy": NumpyToyDevice}[library](networks, spec)
    return Batch(spec, capacity, SharedRows(spec, ToyModel(**given), device)), device
