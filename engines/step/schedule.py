"""The LCM schedule: timesteps, and the coefficients of each denoising step.

Formulas: Latent Consistency Models (arXiv 2310.04378) and StreamDiffusion (arXiv 2312.12491).
Names: S denoising steps, strongest noise first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.errors import InvalidSpec, ModelUnavailable, quoted
from engines.ranges import LCM_INDEX, LCM_TABLE, why_not_t_index

TRAIN_TIMESTEPS = 1000
LCM_SPACING = TRAIN_TIMESTEPS // LCM_TABLE  # timesteps from one entry of the LCM table to the next
_SIGMA_DATA = 0.5
_TIMESTEP_SCALING = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class StepCoefficients:
    """One row for each of S denoising steps, float32, strongest noise first.

    timestep_S  as the UNet's input; a_S = √ᾱ(t), b_S = √(1 − ᾱ(t)): x_t = a·x₀ + b·ε
    c_skip_S, c_out_S  the boundary scalings: x̂ = c_out·x₀ + c_skip·x_t
    """

    timestep_S: NDArray[np.float32]
    a_S: NDArray[np.float32]
    b_S: NDArray[np.float32]
    c_skip_S: NDArray[np.float32]
    c_out_S: NDArray[np.float32]


class NoiseSchedule:
    """ᾱ of a model, from the `scheduler_config.json` it came with."""

    def __init__(self, config: Mapping[str, object]) -> None:
        self.prediction_type = str(config.get("prediction_type", "epsilon"))
        if self.prediction_type not in ("epsilon", "v_prediction"):
            raise ModelUnavailable(
                f"scheduler_config.json: prediction_type {quoted(self.prediction_type)} is not "
                "supported; epsilon and v_prediction are."
            )
        betas = _betas(config)
        alphas_cumprod = np.cumprod(1.0 - betas, dtype=np.float64)
        if config.get("rescale_betas_zero_snr"):
            alphas_cumprod = _zero_terminal_snr(alphas_cumprod)
        self.alphas_cumprod = alphas_cumprod

    def coefficients(self, timesteps: Sequence[int]) -> StepCoefficients:
        """The coefficients for these timesteps (0 … 999), strongest first."""
        t = np.asarray(timesteps, np.int64)
        alpha = self.alphas_cumprod[t]
        scaled = t * _TIMESTEP_SCALING
        c_skip = _SIGMA_DATA**2 / (scaled**2 + _SIGMA_DATA**2)
        c_out = scaled / np.sqrt(scaled**2 + _SIGMA_DATA**2)
        return StepCoefficients(
            timestep_S=t.astype(np.float32),
            a_S=np.sqrt(alpha).astype(np.float32),
            b_S=np.sqrt(1.0 - alpha).astype(np.float32),
            c_skip_S=c_skip.astype(np.float32),
            c_out_S=c_out.astype(np.float32),
        )


def timesteps_from_t_index(t_index: Sequence[int], steps: int) -> tuple[int, ...]:
    """Timesteps of LCM table entries: index i stands for 999 − 20·i. Raises `InvalidSpec`."""
    for number, index in enumerate(t_index):
        LCM_INDEX.check(f"t_index[{number}]", index)
    if problem := why_not_t_index(t_index, steps):
        raise InvalidSpec(f"t_index {list(t_index)} {problem}")
    return tuple(TRAIN_TIMESTEPS - 1 - LCM_SPACING * i for i in t_index)


def spread_timesteps(strongest: float, weakest: float, steps: int) -> tuple[int, ...]:
    """`steps` timesteps spread evenly from `strongest` towards, but not onto, `weakest`."""
    step = (strongest - weakest) / steps
    return tuple(round(strongest - step * k) for k in range(steps))


def initial_noise(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """η for a seed: standard normal float32, the same on every backend and platform."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, np.float32)


def _betas(config: Mapping[str, object]) -> NDArray[np.float64]:
    kind = config.get("beta_schedule", "scaled_linear")
    start = float(str(config.get("beta_start", 0.00085)))
    end = float(str(config.get("beta_end", 0.012)))
    if kind == "linear":
        return np.linspace(start, end, TRAIN_TIMESTEPS)
    if kind == "scaled_linear":
        return np.linspace(start**0.5, end**0.5, TRAIN_TIMESTEPS) ** 2
    raise ModelUnavailable(
        f"scheduler_config.json: beta_schedule {quoted(kind)} is not supported; "
        "linear and scaled_linear are."
    )


def _zero_terminal_snr(alphas_cumprod: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rescale so that the last timestep is pure noise (arXiv 2305.08891, algorithm 1)."""
    root = np.sqrt(alphas_cumprod)
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    # x0 = (x − b·ε)/a needs a > 0: the last entry stays a hair above zero, as diffusers does.
    root[-1] = 2.0**-12
    squared: NDArray[np.float64] = root**2
    return squared
