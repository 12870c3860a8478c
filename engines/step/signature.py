"""What a frame step reads and writes, by name, without loading torch.

Names: S denoising steps, K = S − 1 frames in flight, H×W frame, C latent channels, h×w latent,
T×D prompt, P pooled prompt, N live LoRAs.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.api import Batching, EngineSpec, GuidanceMode

# The coefficients of a step, from engines.step.schedule.StepCoefficients; one value a row.
LEVELS = ("timestep_S", "a_S", "b_S", "c_skip_S", "c_out_S")


@dataclass(frozen=True, slots=True)
class Signature:
    """Names of a frame step's inputs and outputs, in order.

    frame         frame_HWC, uint8
    state         read from the frame before: latent_KChw, residual_KChw
    delayed       feature maps of the frame K frames ago (the detail path, S > 1)
    conditioning  set by Params; changes only when they do
    outputs       image_HWC, uint8; then the new state; then this frame's feature maps
    """

    state: tuple[str, ...]
    delayed: tuple[str, ...]
    conditioning: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """All inputs in the order of `FrameStep.forward`."""
        return ("frame_HWC", *self.state, *self.delayed, *self.conditioning)

    @property
    def outputs(self) -> tuple[str, ...]:
        """All outputs in the order in which `FrameStep.forward` returns them."""
        states = tuple(f"next_{name}" for name in self.state)
        features = tuple(name.replace("delayed_", "") for name in self.delayed)
        return ("image_HWC", *states, *features)


def signature(
    *,
    steps: int,
    guidance_mode: GuidanceMode,
    batching: Batching,
    features: int,
    pooled: bool = False,
    adapters: int = 0,
) -> Signature:
    """What a frame step of this shape reads and writes; a step without use for an input has none.

    features  number of feature maps of the model's detail path
    pooled    the UNet also takes a pooled prompt and the added time ids (SDXL)
    adapters  number of live LoRAs
    """
    uses_residual = guidance_mode in ("self", "onetime")
    uses_negative = guidance_mode in ("onetime", "full")
    stream = steps > 1 and batching == "stream"
    state = ("latent_KChw",) if stream else ()
    if stream and uses_residual:
        state = (*state, "residual_KChw")
    return Signature(
        state=state,
        delayed=tuple(f"delayed_feature{i}" for i in range(features)) if stream else (),
        conditioning=(
            "prompt_TD",
            *(("negative_TD",) if uses_negative else ()),
            *(("pooled_P",) if pooled else ()),
            *(("negative_pooled_P",) if pooled and uses_negative else ()),
            *(("time_ids_6",) if pooled else ()),
            *(("lora_N",) if adapters else ()),
            *LEVELS,
            *(("next_a_K", "next_b_K", "cold") if stream else ()),
            "noise_SChw",
            *(("guidance_scale",) if guidance_mode != "none" else ()),
            *(("delta",) if uses_residual else ()),
        ),
    )


def unet_rows(spec: EngineSpec) -> int:
    """R: rows of the UNet's batch in the stream batch."""
    extra = {"full": spec.steps, "onetime": 1}
    return spec.steps + extra.get(spec.guidance_mode, 0)
