"""The second phase: the UNet and the text encoder learn to draw, and the decoder goes along.

The formulation. A frame enters as x_t = a·z + b·ε with z the latent of the photo, and is to leave
as x₀ = z plus the code of the look (codes.py): the UNet predicts ε − a/b·code. The strength moves
the first timestep from 19 to 59, and with it what is wanted from the photo to the drawing: at
t = 19 there is nothing left to draw, so later steps refine and do not draw twice. To make that
true, several steps are trained as they run: unrolled, each on what the one before gave, with the
loss at the end.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from engines.families.nano import timesteps
from engines.nano.autoencoder import Autoencoder
from engines.nano.training.architecture import (
    Denoiser,
    device,
    new_denoiser,
    place,
    schedule,
)
from engines.nano.training.batches import Batch, batch
from engines.nano.training.codes import Codes, share
from engines.nano.training.dataset import DataSet
from engines.nano.training.losses import difference
from engines.nano.training.tokenizer import ids
from engines.nano.training.training_run import Plan, TrainingRun

_LATENT, _STEADY = 1.0, 0.5  # weights of the loss on latents, and on what grain changes
# Shares of the training from which more is asked for. In the beginning only the latent is looked
# at: with pixels from the first step UNet and text encoder stay at the mean of all looks, whose
# edges are the least wrong, for thousands of steps. And with a decoder that learns as early, it
# fades what the UNet does not say yet, and then hears no more.
_PIXELS_FROM, _DECODER_FROM, _SEVERAL_FROM, _STEADY_FROM = 0.4, 0.55, 0.75, 0.8
# What is to be predicted is a/b times a change of latents, far from one; folded into the last
# convolution at the end.
_GAIN = 8.0
_STEPS, _STEPS_WEIGHTS = (1, 2, 4), (2, 1, 1)


def train(
    data: DataSet,
    learnt: tuple[Autoencoder, Codes],
    tokenizer: Tokenizer,
    folder: Path,
    plan: Plan,
) -> tuple[Autoencoder, Denoiser]:
    """Train, keep everything in `folder`, return what was learnt. Raises as `TrainingRun`.

    `learnt` is what the first phase left.
    """
    torch.manual_seed(plan.seed)
    autoencoder, codes = learnt
    codes.requires_grad_(requires_grad=False)
    autoencoder.requires_grad_(requires_grad=False)
    denoiser = new_denoiser(tokenizer)
    for module in (autoencoder, codes, *denoiser.modules()):
        place(module)
    run = TrainingRun(folder, plan, [autoencoder.decoder, *denoiser.modules()])
    lesson = Lesson(learnt, denoiser, tokenizer, data, plan)
    run.train(lambda step: lesson.loss(step, run.progress(step)))
    decoder, unet, text_encoder = run.averaged
    autoencoder.decoder.load_state_dict(decoder.state_dict())
    trained = Denoiser(unet, text_encoder)
    with torch.no_grad():
        for parameter in trained.unet.conv_out.parameters():
            parameter.mul_(_GAIN)
    return autoencoder, trained


class Lesson:
    """The loss of one step."""

    def __init__(
        self,
        learnt: tuple[Autoencoder, Codes],
        denoiser: Denoiser,
        tokenizer: Tokenizer,
        data: DataSet,
        plan: Plan,
    ) -> None:
        self.autoencoder, self.codes = learnt
        self.denoiser, self.tokenizer = denoiser, tokenizer
        self.data, self.plan = data, plan
        self.schedule = schedule()

    def loss(self, step: int, progress: float) -> Tensor:
        """Of one training step; `progress` is the share of the training that lies behind.

        Later on some pieces are drawn in several denoising steps, and then every piece is shown
        twice, with different grain.
        """
        self.autoencoder.decoder.requires_grad_(requires_grad=progress >= _DECODER_FROM)
        steady = progress >= _STEADY_FROM
        random = Random(f"{self.plan.seed} {step} denoiser")
        pieces = batch(
            self.data, self.plan.size, self.plan.crop, random, takes=2 if steady else 1
        ).to(device())
        strength = 1.0 if random.random() < 0.5 else random.random() ** 0.7
        shown = share(strength)
        wanted_BCHW = torch.lerp(pieces.clean_BCHW, pieces.wanted_BCHW, shown)
        steps = random.choices(_STEPS, _STEPS_WEIGHTS)[0] if progress >= _SEVERAL_FROM else 1
        takes = 1 + steady
        latent_BChw, features = self.denoise(pieces, timesteps(strength, steps), takes)
        with torch.no_grad():
            photo_BChw, _ = self.autoencoder.encode(pieces.clean_BCHW)
            latent_wanted_BChw = photo_BChw + shown * self.codes(pieces.named_BN)
        found = _LATENT * F.smooth_l1_loss(latent_BChw, latent_wanted_BChw)
        if progress < _PIXELS_FROM:
            return found
        drawn_BCHW = self.autoencoder.decode(latent_BChw, features)
        found = found + difference(drawn_BCHW, wanted_BCHW)
        if steady:
            first, second = drawn_BCHW.chunk(2)
            found = found + _STEADY * (first - second).abs().mean()
        return found

    def denoise(
        self, pieces: Batch, times: tuple[int, ...], takes: int = 1
    ) -> tuple[Tensor, list[Tensor]]:
        """latent_BChw after all steps, as `engines.frame_step` takes them, and the photo's
        features. Two takes of a piece get the same noise."""
        with torch.no_grad():
            latent_BChw, features = self.autoencoder.encode(pieces.seen_BCHW)
        tokens_BT = torch.tensor([ids(self.tokenizer, text) for text in pieces.prompts])
        prompt_BTD = self.denoiser.text_encoder(tokens_BT.to(device())).last_hidden_state
        row = self.schedule.coefficients(times)
        for a, b, time in zip(row.a_S.tolist(), row.b_S.tolist(), times, strict=True):
            half = latent_BChw[: len(latent_BChw) // takes]
            noise_BChw = torch.randn_like(half).repeat(takes, 1, 1, 1)
            noisy_BChw = a * latent_BChw + b * noise_BChw
            time_B = torch.full((len(noisy_BChw),), float(time), device=noisy_BChw.device)
            predicted = self.denoiser.unet(noisy_BChw, time_B, prompt_BTD, return_dict=False)[0]
            latent_BChw = (noisy_BChw - b * _GAIN * predicted) / a
        return latent_BChw, features
