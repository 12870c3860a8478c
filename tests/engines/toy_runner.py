"""A TorchRunner over toy networks: the real bookkeeping without a model on disk."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from engines.api import Embedding
from engines.backends.torch.placement import place
from engines.backends.torch.runner import TorchRunner
from engines.model.shapes import input_shapes
from engines.step.frame_step import FrameStep
from engines.step.schedule import NoiseSchedule, spread_timesteps
from engines.stream import StreamEngine
from tests.engines.toy import CHANNELS, TOKENS, WIDTH

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
        patches=None,
        live_loras=(),
        text_is_live=False,
        schedule=SCHEDULE,
        timesteps=lambda strength, steps: spread_timesteps(900 * strength, 10, steps),
    )


def toy_engine(networks, spec, *, placement=None):
    """A StreamEngine over a ToyRunner."""
    return StreamEngine(spec, toy_model(networks), ToyRunner(networks, spec, placement=placement))
