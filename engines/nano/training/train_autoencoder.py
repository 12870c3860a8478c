"""The first phase: encoder and decoder learn to draw a photo as its latent's code says.

A photo's latent plus the code of a look is decoded, with the photo's features, to the drawing; with
no more than the code of "photo" it is an autoencoder. No prompt and no UNet take part, so what
takes the longest is learnt with the shortest way to the loss.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.nn import functional as F

from engines.nano.autoencoder import Autoencoder
from engines.nano.training.architecture import new_autoencoder, place
from engines.nano.training.batches import batch
from engines.nano.training.dataset import DataSet
from engines.nano.training.looks.codes import Codes, share
from engines.nano.training.losses import difference
from engines.nano.training.training_run import Plan, TrainingRun

_NOISE = 0.2  # the strongest of the family's timesteps, over a latent of deviation one
_LOUDNESS = 0.1


def train(data: DataSet, folder: Path, plan: Plan) -> tuple[Autoencoder, Codes]:
    """Train, keep everything in `folder`, return what was learnt. Raises as `TrainingRun`."""
    torch.manual_seed(plan.seed)
    network, codes = new_autoencoder(), Codes()
    for module in (network, codes):
        place(module)
    run = TrainingRun(folder, plan, [network, codes])
    run.train(lambda step: loss(network, codes, data, plan, step))
    trained, vectors = run.averaged
    assert isinstance(trained, Autoencoder)
    assert isinstance(vectors, Codes)
    trained.save(folder / "vae")
    vectors.save(folder)
    return trained, vectors


def loss(network: Autoencoder, codes: Codes, data: DataSet, plan: Plan, step: int) -> Tensor:
    """Of one step."""
    random = Random(f"{plan.seed} {step}")
    pieces = batch(data, plan.size, plan.crop, random)
    shares = [share(1.0 if random.random() < 0.5 else random.random()) for _ in range(plan.size)]
    shown_B111 = torch.tensor(shares, device=data.device)[:, None, None, None]
    wanted_BCHW = torch.lerp(pieces.clean_BCHW, pieces.wanted_BCHW, shown_B111)
    photo_BChw, features = network.encode(pieces.seen_BCHW)
    latent_BChw = photo_BChw + shown_B111 * codes(pieces.named_BN)
    noise_BChw = torch.rand_like(shown_B111) * torch.randn_like(latent_BChw)
    drawn_BCHW = network.decode(latent_BChw + _NOISE * noise_BChw, features)
    # Latents want a deviation of about the scaling factor, for the denoiser and for float16.
    power = (latent_BChw / network.scaling_factor).pow(2).mean()
    return difference(drawn_BCHW, wanted_BCHW) + _LOUDNESS * F.relu(power - 1.0)
