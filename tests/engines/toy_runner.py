"""A TorchRunner over toy networks: the real bookkeeping without a model on disk."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from engines.api import Embedding
from engines.backends._frame_step_shapes import input_shapes
from engines.backends._torch_placement import place
from engines.backends.torch import TorchRunner
from engines.frame_step import FrameStep
from engines.schedule import NoiseSchedule, spread_timesteps
from engines.stream import StreamEngine
from tests.engines.toy import CHANNELS, TOKENS, WIDTH, ToyNetworks

SCHEDULE = NoiseSchedule({"beta_schedule": "scaled_linear"})


class ToyRunner(TorchRunner):
    def __init__(self, networks, spec, *, placement=None):
        placement = placement or place(spec)
        step = FrameStep(
            networks,
            steps=spec.steps,
            guidance_mode=spec.guidance_mode,
            batching=spec.batching,
            dtype=placement.dtype,
        )
        shapes = input_shapes(step.signature, toy_model(networks), spec)
        super().__init__(step, shapes, placement, None)

    def encode_tokens(self, tokens_NT):
        return Embedding(np.zeros((TOKENS, WIDTH), np.float32))


def toy_model(networks):
    """What the engine asks of a Model; strength s starts at timestep 900·s."""
    return SimpleNamespace(
        name="toy",
        tokenizer_files=(),
        tokens=TOKENS,
        width=WIDTH,
        pooled=0,
        latent_channels=CHANNELS,
        downscale=8,
        features=networks.features,
        schedule=SCHEDULE,
        timesteps=lambda strength, steps: spread_timesteps(900 * strength, 10, steps),
    )


def toy_engine(networks, spec, *, placement=None):
    """A StreamEngine over a ToyRunner."""
    return StreamEngine(spec, toy_model(networks), ToyRunner(networks, spec, placement=placement))


class BufferedToy(ToyNetworks):
    """The toy with its matrices in buffers, which torch.compile and `Module.to` know."""

    def __init__(self, prediction_type="epsilon", *, detail=False):
        super().__init__(prediction_type, detail=detail)
        self.register_buffer("mix_OC", torch.tensor(self.mix, dtype=torch.float32))
        self.register_buffer("unmix_OC", torch.tensor(self.unmix, dtype=torch.float32))

    def encode(self, image_BCHW):
        means = torch.nn.functional.avg_pool2d(image_BCHW, 8)
        features = [image_BCHW * 0.1] if self.features else []
        return torch.einsum("oc,bchw->bohw", self.mix_OC, means), features

    def decode(self, latent_BChw, features):
        image = torch.einsum("oc,bchw->bohw", self.unmix_OC, latent_BChw)
        image = image.repeat_interleave(8, 2).repeat_interleave(8, 3)
        return image + features[0] if features else image
