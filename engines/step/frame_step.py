"""FrameStep: one camera frame through encoder, noise, UNet, guidance and decoder, as ONE graph.

A pure function: frame, state and conditioning in; image and new state out. torch runs it
directly, `engines.graphs.export` writes it to ONNX for OpenVINO and TensorRT. engines/README.md
derives the mathematics.

Names: S denoising steps, K = S − 1 frames in flight, H×W frame, C latent channels, h×w = H/8×W/8
latent, T×D prompt, P pooled prompt, N live LoRAs, R rows of the UNet's batch. All float32 but the
pictures, which are uint8 RGB.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

from engines.api import Batching, GuidanceMode
from engines.step.guidance import MODES, NoGuidance
from engines.step.signature import LEVELS, signature

Given = dict[str, Tensor]
Carried = tuple[Tensor, Tensor]  # from one step of a frame to its next: x̂, unexplained noise
_NOISE = "noise_SChw"
_SCALARS = ("guidance_scale", "delta", "cold")
# A UNet passes on the exact size of each level when a side is not divisible by 2^num_upsamplers.
# Asking for that always makes one exported graph right for every frame size.
ALWAYS_PASS_SIZES = 16


class Networks(nn.Module):
    """The three networks of a model, as the frame step needs them. A family subclasses it.

    features   channels and downscale of each feature map of the detail path, encoder → decoder;
               empty for models without one
    prediction_type  "epsilon" or "v_prediction"
    pooled     the UNet also takes pooled_RP and time_ids_R6 (SDXL)
    adapters   number of live LoRAs; with any the UNet also takes their weights, lora_RN
    """

    features: tuple[tuple[int, int], ...] = ()
    prediction_type: str
    pooled: bool = False
    adapters: int = 0

    def encode(self, image_BCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Image in [−1, 1] → scaled latent_BChw (the mode, no sample) and the feature maps."""
        raise NotImplementedError

    def denoise(
        self, latent_RChw: Tensor, timestep_R: Tensor, prompt_RTD: Tensor, *added: Tensor
    ) -> Tensor:
        """The UNet's raw prediction. `added`: pooled_RP and time_ids_R6, lora_RN, if there are."""
        raise NotImplementedError

    def decode(self, latent_BChw: Tensor, features: list[Tensor]) -> Tensor:
        """Scaled latent → image_BCHW in about [−1, 1]."""
        raise NotImplementedError


class FrameStep(nn.Module):
    """One frame. `forward` takes the inputs of `signature` by position, returns its outputs.

    dtype  of the networks' arithmetic; everything around them stays float32
    """

    def __init__(
        self,
        networks: Networks,
        *,
        steps: int,
        guidance_mode: GuidanceMode,
        batching: Batching = "stream",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.networks = networks
        self.steps = steps
        self.sequential = steps == 1 or batching == "sequential"
        self.guidance = MODES[guidance_mode]()
        self.dtype = dtype
        self.signature = signature(
            steps=steps,
            guidance_mode=guidance_mode,
            batching=batching,
            features=len(networks.features),
            pooled=networks.pooled,
            adapters=networks.adapters,
        )

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """One frame; see Signature for the inputs and outputs."""
        given = dict(zip(self.signature.inputs, inputs, strict=True))
        # Scalars without a shape: an ONNX Scan loses the static shape of arrays of one element.
        given |= {name: given[name].view(()) for name in _SCALARS if name in given}
        image_1CHW = _to_image(given["frame_HWC"]).to(self.dtype)
        clean_1Chw, features = self.networks.encode(image_1CHW)
        denoise = self._one_by_one if self.sequential else self._all_at_once
        denoised_1Chw, states = denoise(given, clean_1Chw.float())
        shown = [given[name].to(self.dtype) for name in self.signature.delayed] or features
        image_1CHW = self.networks.decode(denoised_1Chw.to(self.dtype), shown)
        kept = [feature.float() for feature in features] if self.signature.delayed else []
        return (_to_pixels(image_1CHW.float()), *states, *kept)

    def _one_by_one(self, given: Given, clean_1Chw: Tensor) -> tuple[Tensor, list[Tensor]]:
        """All S steps on this frame, one UNet call each: no delay, no state.

        Each step hands on its x̂ and what its residual left unexplained, b/a·(r − ε), from which
        the next residual is η + a/b·(that).
        """
        steps = [given[name] for name in (*LEVELS, "noise_SChw")]
        carried = (clean_1Chw, torch.zeros_like(clean_1Chw))
        first = 0
        if self.guidance.after_first_step() is not self.guidance or self.steps == 1:
            carried = self._one_step(self.guidance, given, carried, [row[0] for row in steps])
            first = 1
        if first < self.steps:
            guidance = self.guidance.after_first_step() if first else self.guidance
            carried = self._repeat(guidance, given, carried, [row[first:] for row in steps])
        return carried[0], []

    def _repeat(
        self, guidance: NoGuidance, given: Given, carried: Carried, rows: list[Tensor]
    ) -> Carried:
        """`_one_step` for every row: a loop for torch, one Scan with the UNet once for ONNX."""
        if not torch.compiler.is_exporting():
            for row in zip(*rows, strict=True):
                carried = self._one_step(guidance, given, carried, list(row))
            return carried
        # A Scan reads nothing from outside but weights, so what every step reads is handed on.
        names = [name for name in self.signature.conditioning if name not in (*LEVELS, _NOISE)]

        def body(state: list[Tensor], row: list[Tensor]) -> tuple[list[Tensor], Tensor]:
            handed = dict(zip(names, state[2:], strict=True))
            following = self._one_step(guidance, handed, (state[0], state[1]), row)
            handed_on = [value.contiguous() for value in following]
            return [*handed_on, *(value.clone() for value in state[2:])], row[0].clone()

        begin = [value.contiguous() for value in carried]
        state, _ = scan(body, [*begin, *(given[name] for name in names)], rows, dim=0)
        return state[0], state[1]

    def _one_step(
        self, guidance: NoGuidance, given: Given, carried: Carried, row: list[Tensor]
    ) -> Carried:
        """One denoising step of one frame. `row`: its LEVELS and its noise."""
        denoised_1Chw, unexplained_1Chw = carried
        level = {name: value.view(1) for name, value in zip(LEVELS, row, strict=False)}
        noise_1Chw = row[-1][None]
        a, b = _column(level["a_S"]), _column(level["b_S"])
        latent_1Chw = a * denoised_1Chw + b * noise_1Chw
        residual_1Chw = noise_1Chw + a / b * unexplained_1Chw
        predicted_1Chw, residual_1Chw = self._predict(
            guidance, {**given, **level}, latent_1Chw, residual_1Chw
        )
        denoised_1Chw = _denoise(level, latent_1Chw, predicted_1Chw)
        return denoised_1Chw, b / a * (residual_1Chw - predicted_1Chw)

    def _all_at_once(self, given: Given, clean_1Chw: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The stream batch: step k of the frame k frames ago, for every k, in one UNet call."""
        latent_SChw, residual_SChw = self._join(given, clean_1Chw)
        noise_SChw, residual_SChw = self._predict(self.guidance, given, latent_SChw, residual_SChw)
        denoised_SChw = _denoise(given, latent_SChw, noise_SChw)
        # Every row moves on to its next, weaker noise level.
        fresh_KChw = given["noise_SChw"][1:]
        next_a, next_b = _column(given["next_a_K"]), _column(given["next_b_K"])
        states = [next_a * denoised_SChw[:-1] + next_b * fresh_KChw]
        if self.guidance.uses_residual:
            ratio = (next_a * _column(given["b_S"][:-1])) / (next_b * _column(given["a_S"][:-1]))
            states.append(fresh_KChw + ratio * (residual_SChw - noise_SChw)[:-1])
        return denoised_SChw[-1:], states

    def _join(self, given: Given, clean_1Chw: Tensor) -> tuple[Tensor, Tensor]:
        """U and r: the new frame on row 0, the frames in flight behind it."""
        noise_SChw = given["noise_SChw"]
        a, b = _column(given["a_S"]), _column(given["b_S"])
        started_SChw = a * clean_1Chw + b * noise_SChw
        # A cold start fills every row from the first frame, so that the first output is a picture.
        cold = given["cold"] > 0
        behind_KChw = torch.where(cold, started_SChw[1:], given["latent_KChw"])
        latent_SChw = torch.cat([started_SChw[:1], behind_KChw])
        if not self.guidance.uses_residual:
            return latent_SChw, noise_SChw
        residual_KChw = torch.where(cold, noise_SChw[1:], given["residual_KChw"])
        return latent_SChw, torch.cat([noise_SChw[:1], residual_KChw])

    def _predict(
        self, guidance: NoGuidance, given: Given, latent_SChw: Tensor, residual_SChw: Tensor
    ) -> tuple[Tensor, Tensor]:
        """ε after guidance, and the residual it was guided by."""
        latent_RChw, timestep_R = guidance.rows(latent_SChw, given["timestep_S"])
        prompt_TD = given["prompt_TD"]
        prompt_RTD = guidance.prompts(
            latent_SChw.shape[0], prompt_TD, given.get("negative_TD", prompt_TD)
        )
        noise_RChw = self.networks.denoise(
            latent_RChw.to(self.dtype),
            timestep_R,
            prompt_RTD.to(self.dtype),
            *self._added(guidance, given, latent_SChw.shape[0]),
        ).float()
        if self.networks.prediction_type == "v_prediction":
            a_R, _ = guidance.rows(given["a_S"], timestep_R)
            b_R, _ = guidance.rows(given["b_S"], timestep_R)
            noise_RChw = _column(a_R) * noise_RChw + _column(b_R) * latent_RChw
        one = torch.ones((), device=noise_RChw.device)
        scale, delta = given.get("guidance_scale", one), given.get("delta", one)
        return guidance.combine(noise_RChw, residual_SChw, scale, delta)

    def _added(self, guidance: NoGuidance, given: Given, steps: int) -> list[Tensor]:
        """pooled_RP and time_ids_R6 for families that have them; lora_RN for live LoRAs."""
        pairs: list[tuple[Tensor, Tensor]] = []
        if self.networks.pooled:
            pooled_P, time_ids_6 = given["pooled_P"], given["time_ids_6"]
            pairs.append((pooled_P, given.get("negative_pooled_P", pooled_P)))
            pairs.append((time_ids_6, time_ids_6))
        if self.networks.adapters:
            pairs.append((given["lora_N"], given["lora_N"]))
        return [guidance.prompts(steps, *pair).to(self.dtype) for pair in pairs]


def _denoise(level: Given, latent_SChw: Tensor, noise_SChw: Tensor) -> Tensor:
    """x̂ = c_out·(U − b·ε)/a + c_skip·U, row by row."""
    a, b = _column(level["a_S"]), _column(level["b_S"])
    c_out, c_skip = _column(level["c_out_S"]), _column(level["c_skip_S"])
    return c_out * (latent_SChw - b * noise_SChw) / a + c_skip * latent_SChw


def _column(values_S: Tensor) -> Tensor:
    return values_S.view(-1, 1, 1, 1)


def _to_image(frame_HWC: Tensor) -> Tensor:
    """uint8 (H, W, 3) → float32 (1, 3, H, W) in [−1, 1]."""
    # float first: TensorRT has no other use for uint8 than to convert it.
    return frame_HWC.float().permute(2, 0, 1)[None] / 127.5 - 1.0


def _to_pixels(image_1CHW: Tensor) -> Tensor:
    """float32 (1, 3, H, W) in [−1, 1] → uint8 (H, W, 3), rounded to nearest."""
    levels = (image_1CHW[0] * 127.5 + 127.5).round().clamp(0.0, 255.0)
    return levels.permute(1, 2, 0).to(torch.uint8)
