"""What an engine is: EngineSpec (fixed at build), Params (read each frame), Engine.

numpy only; importing this module loads no framework. Array names carry their shape:
H frame height, W frame width, T text tokens, D width of a token's embedding, P width of a
pooled embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from engines import ranges
from engines.errors import InvalidSpec
from engines.patches import Area as Area  # `start` takes one

GuidanceMode = Literal["none", "self", "onetime", "full"]
Batching = Literal["stream", "sequential"]
Precision = Literal["auto", "float32", "bfloat16", "float16", "fp8"]
Execution = Literal["auto", "eager", "graph", "compile"]
Picture = NDArray[np.uint8]

GUIDANCE_MODES: tuple[GuidanceMode, ...] = get_args(GuidanceMode)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# What an embedding was made of: a prompt; ("arc", words, words, share), on the way from one to
# another; or ("blend", ((words, share), ...)).
Words = (
    str
    | tuple[Literal["arc"], "Words", "Words", float]
    | tuple[Literal["blend"], tuple[tuple["Words", float], ...]]
)
IN_FLIGHT = 2  # frames that an engine may be given before the first of them is finished


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """Everything that shapes an engine. A change of any field means another engine.

    model          "nano" or "auto" (the embedded one), a folder in diffusers layout, a hub id
                   ("owner/name") or a single .safetensors file
    family         a file name of engines/families; "auto" reads it from the model's configuration
    autoencoder    "auto" (the family's tiny one, else the model's own), "own", a folder or a hub id
    loras          (source, scale) pairs, fused into the weights; source: see engines.model.lora
    live_loras     sources of LoRAs beside the weights; `Params.loras` says how much of each
    prompt_chunks  how many times the text encoder's limit a prompt may be long, 1 to 4
    width, height  of the frames, pixels; multiples of 16 from 128 to 1280
    steps          S, denoising steps, 1 to 8
    guidance_mode  how the negative prompt acts (engines/step/guidance.py)
    batching       "stream": the S steps of S successive frames run as one batch, delay S − 1
    precision      arithmetic; "auto" takes the fastest the device does natively, but never "fp8":
                   float8 products in the UNet, on TensorRT (engines/graphs/quantization.py)
    backend        a file name of engines/backends, or "auto"
    execution      how torch runs the step: "eager", "graph" (CUDA graph), "compile" (torch.compile,
                   then a CUDA graph where there is one), or "auto"
    half_accumulation  let torch add up matrix products in float16 on cards where that is faster and
                   leaves a model's picture as it is, to 40 dB
    device         in the backend's own words ("CPU", "GPU", "cuda:1"), or "auto"
    threads        CPU threads for the engine; 0 leaves the choice to the backend
    """

    model: str = "nano"
    family: str = "auto"
    autoencoder: str = "auto"
    loras: tuple[tuple[str, float], ...] = ()
    live_loras: tuple[str, ...] = ()
    prompt_chunks: int = 1
    width: int = 448
    height: int = 256
    steps: int = 1
    guidance_mode: GuidanceMode = "none"
    batching: Batching = "stream"
    precision: Precision = "auto"
    backend: str = "auto"
    execution: Execution = "auto"
    half_accumulation: bool = True
    device: str = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        if problem := ranges.why_not_size(self.width, self.height):
            raise InvalidSpec(f"size {self.width}x{self.height}: {problem}")
        ranges.STEPS.check("steps", self.steps)
        ranges.check_choice("guidance_mode", self.guidance_mode, GUIDANCE_MODES)
        ranges.check_choice("batching", self.batching, get_args(Batching))
        ranges.check_choice("precision", self.precision, PRECISIONS)
        ranges.check_choice("execution", self.execution, get_args(Execution))
        ranges.CHUNKS.check("prompt_chunks", self.prompt_chunks)
        if self.threads < 0:
            raise InvalidSpec(f"threads {self.threads} must be 0 (automatic) or more.")


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A prompt as the UNet reads it; from `Engine.encode`. Its arrays are never written to.

    tokens_TD  float32; T is the spec's `prompt_chunks` times what the text encoder reads at once
    pooled_P   float32, the whole prompt in one vector, for families that add it to the timestep
               (SDXL); None for the others
    words      what it was made of, for an engine that encodes it itself; None: not known
    """

    tokens_TD: NDArray[np.float32]
    pooled_P: NDArray[np.float32] | None = None
    words: Words | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Params:
    """What may change between two frames without rebuilding anything.

    prompt          from `Engine.encode`
    negative        likewise; used by the guidance modes "onetime" and "full"
    strength        (0, 1]: how far the picture may leave the input; a family maps it to timesteps
    guidance_scale  g ≥ 0; up to 1 means no guidance
    delta           δ, scale of the virtual residual noise in the modes "self" and "onetime"
    seed            of the noise, which stays the same on every frame
    seed_mix        seeds with weights instead of `seed`: their noises are added up, so the squares
                    of the weights must add up to 1; None takes `seed`
    loras           a weight for each of the spec's `live_loras`; none at all stands for 1 each
    t_index         S indices into the 50-entry LCM table instead of `strength`, strongest
                    (smallest) first; None takes `strength`
    """

    prompt: Embedding
    negative: Embedding
    strength: float = 0.5
    guidance_scale: float = 1.0
    delta: float = 1.0
    seed: int = 2
    seed_mix: tuple[tuple[int, float], ...] | None = None
    loras: tuple[float, ...] = ()
    t_index: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        ranges.STRENGTH.check("strength", self.strength)
        ranges.GUIDANCE.check("guidance", self.guidance_scale)
        ranges.DELTA.check("delta", self.delta)
        ranges.SEED.check("seed", self.seed)
        for weight in self.loras:
            ranges.LORA.check("loras", weight)
        for seed, _ in self.seed_mix or ():
            ranges.SEED.check("seed", seed)
        if self.seed_mix is not None:
            energy = sum(weight * weight for _, weight in self.seed_mix)
            if not abs(energy - 1.0) < 1e-3:
                raise InvalidSpec(
                    f"seed_mix {self.seed_mix}: the squares of its weights must add up to 1, "
                    f"not {energy:.4g}."
                )


@dataclass(frozen=True, slots=True)
class Watch:
    """What the caller of a long build hears and decides. Called on the thread that builds.

    tell       what is being done now, in a few words
    wanted     False ends the build within a tenth of a second
    make_room  the device has too little memory for the engine beside what runs there: True once
               the other has been closed, False to do without this one
    """

    tell: Callable[[str], None] = lambda _stage: None
    wanted: Callable[[], bool] = lambda: True
    make_room: Callable[[], bool] = lambda: False


UNWATCHED = Watch()  # a build that no caller follows


class Engine(Protocol):
    """A built engine. `run` and `close` belong to one thread; `encode` may be called from any.

    spec     with every "auto" replaced by what was chosen
    delay    frames between an input and the output that shows it: S − 1 when batching is "stream"
    label    model, backend, device and precision for people
    patched  of the last finished frame only a part was computed
    """

    spec: EngineSpec
    delay: int
    label: str
    patched: bool

    def encode(self, prompt: str, loras: tuple[float, ...] = ()) -> Embedding:
        """A prompt for `Params`, in the syntax of engines/prompts/syntax; cached.

        loras  as `Params` has them: live LoRAs may change the text encoder as well

        Takes milliseconds. Raises `InvalidPrompt`, for one that needs more than the spec's
        `prompt_chunks` as well.
        """
        ...

    def run(self, frame_HWC: Picture, params: Params, out_HWC: Picture | None = None) -> Picture:
        """Restyle one RGB frame of the spec's size into `out_HWC` (a new array if None).

        The first call fills every slot of the stream batch from its frame, so the first
        output is a picture. Returns `out_HWC`, which belongs to the caller. Blocks until the
        picture is there: `start`, then `finish`. Raises `EngineFailed`.
        """
        ...

    def start(
        self,
        frame_HWC: Picture,
        params: Params,
        out_HWC: Picture | None = None,
        changed: Area | None = None,
    ) -> None:
        """Begin what `run` does. On a GPU the caller goes on while it computes; elsewhere the work
        may be done before this returns.

        At most IN_FLIGHT frames may be started and not finished. A second one's upload and the
        caller's own work then hide behind the first. `frame_HWC` is the caller's again on return.
        `changed`: but for this area the frame is as the one before it. Then no more need be
        computed, and the rest of the picture is of the one before, as `finish` returned it.
        """
        ...

    def finish(self) -> Picture:
        """Wait for the oldest frame that was started; its `out_HWC`. Raises `EngineFailed`."""
        ...

    def prepare_patches(self, watch: Watch = UNWATCHED) -> None:
        """Make ready what `changed` needs, if a frame had a use for it and this engine can. Takes
        seconds, from any thread, beside frames. What hinders it is logged: frames stay whole."""
        ...

    def restart(self) -> None:
        """Forget the frames in flight: the next `run` starts as the first one did."""
        ...

    def take_over(self, other: Engine) -> bool:
        """Go on with the frames in flight of `other`, which ran last on this thread. False, and
        nothing done, if it is not the same model in the same shape."""
        ...

    def stage_ms(self) -> Mapping[str, float]:
        """Milliseconds of each stage of the last finished frame, by name, in order.

        Empty before the first and for backends that do not measure. From any thread."""
        ...

    def close(self) -> None:
        """Free the device. May be called twice; not while `run` is running."""
        ...
