"""CameraStep: the frame step for one frame of each of N cameras, whose rows share a UNet call.

What `engines.step.frame_step.FrameStep` is as one graph for one camera, written over arrays with an
axis of cameras in front, so that numpy and torch run the same lines. The networks see rows alone:
whose one is, its level and its prompt are values beside it.

Names: N cameras, S denoising steps, K = S − 1 frames in flight, R rows of a camera, B = N·R rows of
the UNet's batch, C latent channels, h×w latent, T×D prompt, P pooled prompt. All float32 but the
pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.api import EngineSpec, GuidanceMode, Picture
from engines.errors import BackendUnavailable
from engines.model import Model
from engines.model.shapes import frame_step_signature
from engines.step.signature import LEVELS

Array = Any  # numpy's or torch's: nothing is used here that only one of them has
Given = dict[str, Array]  # inputs of the frame step by name, each with an axis of cameras in front
Features = Sequence[Array]  # feature maps of one frame, the detail path
# After the first of several steps of a frame: the negative prompt is asked once.
_AFTER_FIRST: Mapping[GuidanceMode, GuidanceMode] = {"onetime": "self"}
_KNOWN = frozenset(
    (
        *LEVELS,
        *("prompt_TD", "negative_TD", "pooled_P", "negative_pooled_P", "time_ids_6"),
        *("next_a_K", "next_b_K", "cold", "noise_SChw", "guidance_scale", "delta"),
    )
)


class Networks(Protocol):
    """A model's three networks on a device, for any number of cameras and rows.

    library  numpy or torch: what the arrays are of. Used by one thread. Each raises `EngineFailed`.
    """

    library: ModuleType

    def place(self, array: NDArray[np.float32]) -> Array:
        """The same numbers where the networks are."""
        ...

    def encode(self, frames: Sequence[Picture]) -> tuple[Array, list[Features]]:
        """uint8 (H, W, 3) pictures → scaled latent_NChw, and the feature maps of each."""
        ...

    def denoise(
        self, latent_BChw: Array, timestep_B: Array, prompt_BTD: Array, *added: Array
    ) -> Array:
        """The UNet's raw prediction. `added`: pooled_BP and time_ids_B6, if the family is so."""
        ...

    def decode(
        self, latent_NChw: Array, features: Sequence[Features], pictures: Sequence[Picture]
    ) -> None:
        """Scaled latents, and the feature maps that are to be seen, into uint8 (H, W, 3)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """What a camera's next frame finds of those before it.

    latent_KChw, residual_KChw  as the frame step's state
    features  of the last K frames, the oldest first
    """

    latent_KChw: Array
    residual_KChw: Array
    features: tuple[Features, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A frame of one camera, with what it is to become.

    given   inputs of the frame step by name, where the networks are
    flight  None starts the stream batch from this frame
    out     the picture goes there
    """

    frame: Picture
    given: Mapping[str, Array]
    flight: Flight | None
    out: Picture


class CameraStep:
    """Of one model and spec, for any number of cameras. Keeps nothing between calls."""

    def __init__(self, networks: Networks, model: Model, spec: EngineSpec) -> None:
        """Raises `BackendUnavailable` for a frame step with inputs that rows do not carry here."""
        names = frame_step_signature(model, spec).conditioning
        if unknown := [name for name in names if name not in _KNOWN]:
            raise BackendUnavailable(
                f"cameras cannot share a UNet call whose frame step reads {', '.join(unknown)}. "
                "Build an engine for each camera."
            )
        self.names = tuple(name for name in names if name != "cold")
        self._networks = networks
        self._library = networks.library
        self._steps = spec.steps
        self._stream = spec.steps > 1 and spec.batching == "stream"
        self._mode: GuidanceMode = spec.guidance_mode
        self._predicts_v = model.schedule.prediction_type == "v_prediction"

    def run(self, shots: Sequence[Shot]) -> list[Flight | None]:
        """The shots' pictures into their `out`; what each camera's next frame finds.

        Raises `EngineFailed`; what the cameras had is then as it was.
        """
        clean_NChw, features = self._networks.encode([shot.frame for shot in shots])
        clean_N1Chw, stack = clean_NChw[:, None], self._library.stack
        given = {name: stack([shot.given[name] for shot in shots]) for name in self.names}
        flights: list[Flight | None]
        if self._stream:
            shown_N1Chw, flights = self._all_at_once(shots, given, clean_N1Chw, features)
        else:
            shown_N1Chw, flights = self._one_by_one(given, clean_N1Chw), [None] * len(shots)
        shown = [
            found if flight is None else flight.features[0]
            for found, flight in zip(features, (shot.flight for shot in shots), strict=True)
        ]
        self._networks.decode(shown_N1Chw[:, 0], shown, [shot.out for shot in shots])
        return flights

    def _one_by_one(self, given: Given, clean_N1Chw: Array) -> Array:
        """All S steps on these frames, a UNet call each."""
        denoised_N1Chw, unexplained_N1Chw = clean_N1Chw, 0.0 * clean_N1Chw
        mode = self._mode
        for step in range(self._steps):
            level = {name: given[name][:, step : step + 1] for name in LEVELS}
            noise_N1Chw = given["noise_SChw"][:, step : step + 1]
            a, b = _column(level["a_S"]), _column(level["b_S"])
            latent_N1Chw = a * denoised_N1Chw + b * noise_N1Chw
            residual_N1Chw = noise_N1Chw + a / b * unexplained_N1Chw
            predicted_N1Chw, residual_N1Chw = self._predict(
                mode, {**given, **level}, latent_N1Chw, residual_N1Chw
            )
            denoised_N1Chw = _denoise(level, latent_N1Chw, predicted_N1Chw)
            unexplained_N1Chw = b / a * (residual_N1Chw - predicted_N1Chw)
            mode = _AFTER_FIRST.get(mode, mode)
        return denoised_N1Chw

    def _all_at_once(
        self, shots: Sequence[Shot], given: Given, clean_N1Chw: Array, features: list[Features]
    ) -> tuple[Array, list[Flight | None]]:
        """Step k of the frame k frames ago, for every k and camera, in one UNet call."""
        join, stack, noise_NSChw = self._library.concat, self._library.stack, given["noise_SChw"]
        a, b = _column(given["a_S"]), _column(given["b_S"])
        started_NSChw = a * clean_N1Chw + b * noise_NSChw
        # A cold start fills every row from the first frame, so that the first output is a picture.
        before = [shot.flight for shot in shots]
        latents = [
            started_NSChw[i, 1:] if flight is None else flight.latent_KChw
            for i, flight in enumerate(before)
        ]
        residuals = [
            noise_NSChw[i, 1:] if flight is None else flight.residual_KChw
            for i, flight in enumerate(before)
        ]
        latent_NSChw = join([started_NSChw[:, :1], stack(latents)], 1)
        residual_NSChw = join([noise_NSChw[:, :1], stack(residuals)], 1)
        noise_hat_NSChw, residual_NSChw = self._predict(
            self._mode, given, latent_NSChw, residual_NSChw
        )
        denoised_NSChw = _denoise(given, latent_NSChw, noise_hat_NSChw)
        # Every row moves on to its next, weaker noise level.
        next_a, next_b = _column(given["next_a_K"]), _column(given["next_b_K"])
        fresh_NKChw = noise_NSChw[:, 1:]
        latent_NKChw = next_a * denoised_NSChw[:, :-1] + next_b * fresh_NKChw
        ratio = (next_a * b[:, :-1]) / (next_b * a[:, :-1])
        residual_NKChw = fresh_NKChw + ratio * (residual_NSChw - noise_hat_NSChw)[:, :-1]
        flights: list[Flight | None] = []
        for i, flight in enumerate(before):
            flying = (features[i],) * self._steps if flight is None else flight.features
            newest = (*flying, features[i])[-(self._steps - 1) :]
            flights.append(Flight(latent_NKChw[i], residual_NKChw[i], newest))
        return denoised_NSChw[:, -1:], flights

    def _predict(
        self, mode: GuidanceMode, given: Given, latent_NSChw: Array, residual_NSChw: Array
    ) -> tuple[Array, Array]:
        """ε after guidance, and the residual it was guided by: `engines.step.guidance`."""
        steps = latent_NSChw.shape[1]
        negatives = {"onetime": 1, "full": steps}.get(mode, 0)  # rows under the negative prompt
        latent_NRChw = self._rows(latent_NSChw, negatives)
        noise_NRChw = self._networks.denoise(
            _flat(latent_NRChw),
            _flat(self._rows(given["timestep_S"], negatives)),
            *self._texts(given, steps, negatives),
        ).reshape(latent_NRChw.shape)
        if self._predicts_v:
            a_NR, b_NR = (self._rows(given[name], negatives) for name in ("a_S", "b_S"))
            noise_NRChw = _column(a_NR) * noise_NRChw + _column(b_NR) * latent_NRChw
        guided_NSChw, unguided = noise_NRChw[:, :steps], noise_NRChw[:, steps:]
        if mode == "none":
            return guided_NSChw, residual_NSChw
        if mode == "onetime":
            residual_NSChw = self._library.concat([unguided, residual_NSChw[:, 1:]], 1)
        if mode != "full":
            unguided = _column(given["delta"]) * residual_NSChw
        scale = _column(given["guidance_scale"]).clip(1.0, None)
        return unguided + scale * (guided_NSChw - unguided), residual_NSChw

    def _rows(self, values_NS: Array, negatives: int) -> Array:
        """With the first rows once more behind them, for the negative prompt."""
        if not negatives:
            return values_NS
        return self._library.concat([values_NS, values_NS[:, :negatives]], 1)

    def _texts(self, given: Given, steps: int, negatives: int) -> list[Array]:
        """What the UNet reads of the prompts, one for each row of all cameras, in its order."""
        pairs = [("prompt_TD", "negative_TD")]
        if "pooled_P" in self.names:
            pairs += [("pooled_P", "negative_pooled_P"), ("time_ids_6", "time_ids_6")]
        found = []
        for positive, negative in pairs:
            rows = [given[positive][:, None]] * steps
            if negatives:
                rows += [given[negative][:, None]] * negatives
            found.append(_flat(self._library.concat(rows, 1)))
        return found


def _denoise(level: Given, latent_NSChw: Array, noise_NSChw: Array) -> Array:
    """x̂ = c_out·(U − b·ε)/a + c_skip·U, row by row."""
    a, b = _column(level["a_S"]), _column(level["b_S"])
    c_out, c_skip = _column(level["c_out_S"]), _column(level["c_skip_S"])
    return c_out * (latent_NSChw - b * noise_NSChw) / a + c_skip * latent_NSChw


def _column(values_NS: Array) -> Array:
    return values_NS.reshape(*values_NS.shape, 1, 1, 1)


def _flat(values_NR: Array) -> Array:
    """The rows of all cameras in one axis."""
    return values_NR.reshape(-1, *values_NR.shape[2:])
