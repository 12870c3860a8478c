"""A toy model whose networks are linear, and its stream batch written again in float64 numpy.

The reference follows shared names of the StreamDiffusion paper, not the code under test: one
Python loop over the rows, no batching, no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from engines.step.frame_step import Networks

CHANNELS, TOKENS, WIDTH = 4, 5, 6


class ToyNetworks(Networks):
    """Encoder: 8x8 means, mixed into 4 channels. UNet and decoder: linear in everything."""

    def __init__(self, prediction_type: str = "epsilon", *, detail: bool = False) -> None:
        super().__init__()
        self.prediction_type = prediction_type
        self.features = ((3, 1),) if detail else ()
        random = np.random.default_rng(7)
        self.mix = random.normal(size=(CHANNELS, 3)) * 0.5
        self.unmix = random.normal(size=(3, CHANNELS)) * 0.3
        # Weights live in the networks: a graph is captured over them, not over what a call makes.
        self.register_buffer("weight_OC", torch.tensor(self.mix, dtype=torch.float64))
        self.register_buffer("unweight_OC", torch.tensor(self.unmix, dtype=torch.float64))
        self.latent_gain, self.prompt_gain, self.time_gain = 0.8, 0.3, 0.001

    def encode(self, image_BCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        means = torch.nn.functional.avg_pool2d(image_BCHW, 8)
        mix = self.weight_OC.to(image_BCHW.dtype)
        features = [image_BCHW * 0.1] if self.features else []
        return torch.einsum("oc,bchw->bohw", mix, means), features

    def denoise(self, latent_RChw, timestep_R, prompt_RTD, *added):
        prompt = prompt_RTD.mean(dim=(1, 2)).view(-1, 1, 1, 1)
        time = timestep_R.view(-1, 1, 1, 1).to(latent_RChw.dtype)
        return self.latent_gain * latent_RChw + self.prompt_gain * prompt + self.time_gain * time

    def decode(self, latent_BChw: Tensor, features: list[Tensor]) -> Tensor:
        unmix = self.unweight_OC.to(latent_BChw.dtype)
        image = torch.einsum("oc,bchw->bohw", unmix, latent_BChw)
        image = image.repeat_interleave(8, 2).repeat_interleave(8, 3)
        return image + features[0] if features else image


@dataclass
class Row:
    """One frame in flight."""

    latent: np.ndarray
    residual: np.ndarray
    level: dict[str, float]
    features: np.ndarray


@dataclass
class ReferenceStream:
    """The stream batch, frame by frame and row by row."""

    networks: ToyNetworks
    steps: int
    mode: str
    rows: list[Row] = field(default_factory=list)

    def run(self, frame, levels, noise, prompt, negative, scale, delta) -> np.ndarray:
        """`levels`: one dict of a, b, t, c_skip, c_out for each step. Returns uint8 (H, W, 3)."""
        image = frame.astype(np.float64) / 127.5 - 1.0
        height, width = image.shape[:2]
        means = image.reshape(height // 8, 8, width // 8, 8, 3).mean(axis=(1, 3))
        clean = np.einsum("oc,hwc->ohw", self.networks.mix, means)

        def start(k: int) -> Row:
            level = levels[k]
            return Row(level["a"] * clean + level["b"] * noise[k], noise[k], level, image * 0.1)

        if not self.rows:
            self.rows = [start(k) for k in range(1, self.steps)]
        rows = [start(0), *self.rows]
        moved: list[Row] = []
        shown = clean
        for k, row in enumerate(rows):
            level = row.level
            guided, residual = self._guided(k, row, prompt, negative, scale, delta)
            clean_guess = (row.latent - level["b"] * guided) / level["a"]
            denoised = level["c_out"] * clean_guess + level["c_skip"] * row.latent
            if k + 1 == self.steps:
                shown = denoised
                features = row.features
                break
            following = levels[k + 1]
            ratio = following["a"] * level["b"] / (following["b"] * level["a"])
            moved.append(
                Row(
                    following["a"] * denoised + following["b"] * noise[k + 1],
                    noise[k + 1] + ratio * (residual - guided),
                    following,
                    row.features,
                )
            )
        self.rows = moved
        picture = np.einsum("oc,chw->hwo", self.networks.unmix, shown)
        picture = picture.repeat(8, 0).repeat(8, 1)
        if self.networks.features:
            picture = picture + features
        return np.clip(np.round(picture * 127.5 + 127.5), 0, 255)

    def _guided(self, k, row, prompt, negative, scale, delta):
        conditional = self._noise(row, prompt)
        residual = row.residual
        scale = max(scale, 1.0)
        if self.mode == "none":
            return conditional, residual
        if self.mode == "full":
            unconditional = self._noise(row, negative)
        else:
            if self.mode == "onetime" and k == 0:
                residual = self._noise(row, negative)
            unconditional = delta * residual
        return unconditional + scale * (conditional - unconditional), residual

    def _noise(self, row: Row, prompt: np.ndarray) -> np.ndarray:
        toy, level = self.networks, row.level
        out = (
            toy.latent_gain * row.latent
            + toy.prompt_gain * prompt.mean()
            + toy.time_gain * level["t"]
        )
        if toy.prediction_type == "v_prediction":
            return level["a"] * out + level["b"] * row.latent
        return out
