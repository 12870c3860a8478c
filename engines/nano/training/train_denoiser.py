"""The second phase: the UNet and the text encoder learn to draw, and the decoder goes along.

The formulation. A frame enters as x_t = a·z + b·ε with z the latent of the photo, and is to leave
as x₀ = z plus the code of the look (codes.py): the UNet predicts ε − a/b·code. The strength moves
the first timestep from 19 to 59, and with it what is wanted from the photo to the drawing: at
t = 19 there is nothing left to draw, so later steps refine and do not draw twice. To make that
true, one step in three begins with a part of the code in its latent, and towards the end several
are trained as they run: unrolled, each on what the one before gave, with the loss at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from engines.families.nano import timesteps
from engines.nano.autoencoder import Autoencoder, Widths
from engines.nano.training.architecture import (
    TEXT_WIDTH,
    Denoiser,
    new_denoiser,
    place,
    schedule,
)
from engines.nano.training.batches import batch
from engines.nano.training.dataset import DataSet
from engines.nano.training.looks.codes import Codes, share
from engines.nano.training.losses import difference
from engines.nano.training.tokenizer import ids
from engines.nano.training.training_run import Plan, TrainingRun

# Weights of the loss on latents, on what grain changes, and on the code read off the prompt.
_LATENT, _STEADY, _HINT = 1.0, 0.5, 1.0
# Shares of the training from which more is asked for. In the beginning only the latent is looked
# at: with pixels from the first step UNet and text encoder stay at the mean of all looks, whose
# edges are the least wrong, for thousands of steps. A decoder that is trained as early suppresses
# what the UNet cannot produce yet, and the UNet then gets no gradient.
_PIXELS_FROM, _DECODER_FROM, _SEVERAL_FROM, _STEADY_FROM = 0.4, 0.55, 0.75, 0.8
# What is to be predicted is a/b times a change of latents, far from one; folded into the last
# convolution at the end.
_GAIN = 8.0
_STEPS, _STEPS_WEIGHTS = (1, 2, 4), (2, 1, 1)
_BEGUN = 0.35


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
    lesson = Lesson(learnt, denoiser, tokenizer, data, plan)
    run = TrainingRun(folder, plan, [autoencoder.decoder, lesson.hint, *denoiser.modules()])
    run.train(lambda step: lesson.loss(step, run.progress(step)))
    decoder, _, unet, text_encoder = run.averaged
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
        # Reads the code off the text encoder's mean. Nothing but a short way from the loss to the
        # text encoder: without it UNet and text encoder wait for each other.
        self.hint = nn.Linear(TEXT_WIDTH, Widths().latent)
        place(self.hint)

    def loss(self, step: int, progress: float) -> Tensor:
        """Of one training step; `progress` is the share of the training that lies behind.

        Later on some batches are drawn in several denoising steps, and then every piece is shown
        twice, with different grain.
        """
        self.autoencoder.decoder.requires_grad_(requires_grad=progress >= _DECODER_FROM)
        takes = 2 if progress >= _STEADY_FROM else 1
        random = Random(f"{self.plan.seed} {step} denoiser")
        pieces = batch(self.data, self.plan.size, self.plan.crop, random, takes)
        steps = random.choices(_STEPS, _STEPS_WEIGHTS)[0] if progress >= _SEVERAL_FROM else 1
        start = [_start(random, steps) for _ in range(self.plan.size // takes)] * takes
        drawn_B111, shown_B111 = self._column(
            [found.drawn for found in start], [found.shown for found in start]
        )
        code_BC11 = self.codes(pieces.named_BN)
        with torch.no_grad():
            seen_BChw, features = self.autoencoder.encode(pieces.seen_BCHW)
            photo_BChw, _ = self.autoencoder.encode(pieces.clean_BCHW)
        times = [found.times for found in start]
        prompt_BTD = self.read(pieces.prompts)
        latent_BChw = self.denoise(seen_BChw + drawn_B111 * code_BC11, prompt_BTD, times, takes)
        found = _LATENT * F.smooth_l1_loss(latent_BChw, photo_BChw + shown_B111 * code_BC11)
        said_BC = self.hint(prompt_BTD.mean(1))
        found = found + _HINT * F.smooth_l1_loss(said_BC, code_BC11.flatten(1))
        if progress < _PIXELS_FROM:
            return found
        wanted_BCHW = torch.lerp(pieces.clean_BCHW, pieces.wanted_BCHW, shown_B111)
        drawn_BCHW = self.autoencoder.decode(latent_BChw, features)
        found = found + difference(drawn_BCHW, wanted_BCHW)
        if takes == 2:
            first, second = drawn_BCHW.float().chunk(2)
            found = found + _STEADY * (first - second).abs().mean()
        return found

    def read(self, prompts: list[str]) -> Tensor:
        """prompt_BTD, as the engine encodes prompts."""
        tokens_BT = torch.tensor([ids(self.tokenizer, text) for text in prompts])
        prompt_BTD: Tensor = self.denoiser.text_encoder(tokens_BT.to(self.data.device))[0]
        return prompt_BTD

    def denoise(
        self,
        latent_BChw: Tensor,
        prompt_BTD: Tensor,
        times: list[tuple[int, ...]],
        takes: int = 1,
    ) -> Tensor:
        """The latent after all steps of `times`, one row a picture, as `engines.step.frame_step`
        takes them. Two takes of a piece get the same noise."""
        rows = [self.schedule.coefficients(row) for row in times]
        for step in range(len(times[0])):
            a_B111, b_B111, time_B111 = self._column(
                [row.a_S[step] for row in rows],
                [row.b_S[step] for row in rows],
                [row.timestep_S[step] for row in rows],
            )
            half = latent_BChw[: len(latent_BChw) // takes]
            noise_BChw = torch.randn_like(half).repeat(takes, 1, 1, 1)
            noisy_BChw = a_B111 * latent_BChw + b_B111 * noise_BChw
            predicted_BChw = self.denoiser.unet(
                noisy_BChw, time_B111.flatten(), prompt_BTD, return_dict=False
            )[0]
            latent_BChw = (noisy_BChw - b_B111 * _GAIN * predicted_BChw.float()) / a_B111
        return latent_BChw

    def _column(self, *values: list[float]) -> Tensor:
        """Each list as (B, 1, 1, 1), in one upload."""
        columns = torch.tensor(np.asarray(values, np.float32)).to(self.data.device)
        return columns[..., None, None, None]


@dataclass(frozen=True, slots=True)
class _Start:
    """From where one picture is drawn: the share of the look that is there already, the share that
    is to be there in the end, and the timesteps."""

    drawn: float
    shown: float
    times: tuple[int, ...]


def _start(random: Random, steps: int) -> _Start:
    strength = 1.0 if random.random() < 0.5 else random.random() ** 0.7
    drawn = 0.0
    if steps == 1 and random.random() < _BEGUN:
        # As a later step of several meets it: begun at any timestep, to be kept as it is.
        drawn = share(random.random())
    return _Start(drawn, max(drawn, share(strength)), timesteps(strength, steps))
