"""The first phase: the autoencoder learns to give back photos, and to draw over them.

Half of every batch is the photo itself; for the other half the decoder gets the latent of the
drawing, but the photo's features, as it will when it runs.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.nn import functional as F

from engines.nano.autoencoder import Autoencoder
from engines.nano.training.architecture import device, new_autoencoder, place
from engines.nano.training.batches import batch
from engines.nano.training.dataset import DataSet
from engines.nano.training.losses import difference
from engines.nano.training.training_run import Plan, TrainingRun

_NOISE = 0.2  # the strongest of the family's timesteps, over a latent of deviation one
_LOUDNESS = 0.1


def train(data: DataSet, folder: Path, plan: Plan) -> Autoencoder:
    """Train, keep everything in `folder`, return the autoencoder. Raises as `TrainingRun`."""
    torch.manual_seed(plan.seed)
    network = new_autoencoder()
    place(network)
    run = TrainingRun(folder, plan, [network])
    run.train(lambda step: loss(network, data, plan, step))
    trained = run.averaged[0]
    assert isinstance(trained, Autoencoder)
    trained.save(folder / "vae")
    return trained


def loss(network: Autoencoder, data: DataSet, plan: Plan, step: int) -> Tensor:
    """Of one step."""
    pieces = batch(data, plan.size, plan.crop, Random(f"{plan.seed} {step}")).to(device())
    both_BCHW = torch.cat([pieces.seen_BCHW, pieces.wanted_BCHW])
    latent_BChw, features = network.encode(both_BCHW.contiguous(memory_format=torch.channels_last))
    photo = [torch.cat([found[: plan.size]] * 2) for found in features]
    noisy_BChw = latent_BChw + _NOISE * torch.rand(()) * torch.randn_like(latent_BChw)
    drawn_BCHW = network.decode(noisy_BChw, photo)
    # Latents want a deviation of about the scaling factor, for the denoiser and for float16.
    power = (latent_BChw / network.scaling_factor).pow(2).mean()
    return difference(drawn_BCHW, both_BCHW) + _LOUDNESS * F.relu(power - 1.0)
