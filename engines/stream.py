"""StreamEngine: the host side of the stream batch. Chooses what each row needs; a Runner runs it.

Names: S denoising steps, K = S − 1 frames in flight, C latent channels, h×w latent, T×D prompt.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.api import UNWATCHED, Area, Embedding, Engine, EngineSpec, Params, Watch
from engines.backends import Runner, patchable
from engines.errors import EngineError, InvalidSpec
from engines.memory import hold, let_go
from engines.model import Model
from engines.patches.patcher import Patcher
from engines.prompts import PromptEncoder
from engines.step.noise import SeedNoise
from engines.step.schedule import StepCoefficients, timesteps_from_t_index
from engines.step.signature import LEVELS

logger = logging.getLogger("engines.stream")


class StreamEngine:
    """An `engines.api.Engine` over any Runner.

    Live edits: a row in flight was noised at the level that held one frame ago, so it is
    denoised with that level's coefficients, and only then moves on to the new one. A change
    of strength therefore never mixes levels within a row, and nothing is emptied or rebuilt.
    """

    def __init__(self, spec: EngineSpec, model: Model, runner: Runner) -> None:
        self.spec = replace(
            spec,
            device=runner.device,
            precision=runner.precision,  # type: ignore[arg-type]  # a Runner resolves "auto"
            execution=runner.execution,  # type: ignore[arg-type]
        )
        self.delay = spec.steps - 1 if spec.batching == "stream" else 0
        self.label = f"{model.name} on {spec.backend} {runner.device}, {runner.precision}"
        hold(self, runner.device)
        self._model = model
        self._runner = runner
        self._prompts = PromptEncoder(
            model.tokenizer_files, runner.encode_tokens, model.tokens, spec.prompt_chunks
        )
        self._noise = SeedNoise(_noise_shape(spec, model))
        self._params: Params | None = None
        self._cold = True
        self.patched = False
        self._patcher = _patcher(spec, model)
        # Of frames started and not finished: where each picture goes, and what part was computed.
        self._pictures: deque[tuple[NDArray[np.uint8], Area | None]] = deque()
        self._conditioning: dict[str, NDArray[np.float32]] = {}
        if model.pooled:
            # SDXL's sizes: of the original, what was cut off it, and of the picture.
            sizes = (spec.height, spec.width, 0, 0, spec.height, spec.width)
            self._conditioning["time_ids_6"] = np.array(sizes, np.float32)
        # The coefficients that the rows in flight were noised with, and those of the Params.
        self._in_flight: StepCoefficients | None = None
        self._wanted: StepCoefficients | None = None

    def encode(self, prompt: str, loras: tuple[float, ...] = ()) -> Embedding:
        weights = self._lora_weights(loras) if self._model.text_is_live else ()
        return self._prompts.encode(prompt, weights)

    def run(
        self,
        frame_HWC: NDArray[np.uint8],
        params: Params,
        out_HWC: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Raises `InvalidSpec` for a frame that is not (H, W, 3) uint8 of the spec."""
        self.start(frame_HWC, params, out_HWC)
        return self.finish()

    def start(
        self,
        frame_HWC: NDArray[np.uint8],
        params: Params,
        out_HWC: NDArray[np.uint8] | None = None,
        changed: Area | None = None,
    ) -> None:
        """Raises `InvalidSpec` for a frame that `run` would not take."""
        if frame_HWC.shape != (self.spec.height, self.spec.width, 3) or frame_HWC.dtype != np.uint8:
            raise InvalidSpec(
                f"frame of shape {frame_HWC.shape} and type {frame_HWC.dtype} given to an engine "
                f"for {self.spec.width}x{self.spec.height} RGB uint8."
            )
        out = np.empty_like(frame_HWC) if out_HWC is None else out_HWC
        if params is not self._params:
            self._take(params)
            changed = None
        self._line_up()
        patcher, area = self._patcher, None
        if patcher is not None and changed is not None and not (self._cold or self._pictures):
            area = patcher.area(changed, self._runner.patches)
        if patcher is None or area is None:
            self._runner.start(frame_HWC, self._conditioning, out, cold=self._cold)
        else:
            given, patch = patcher.conditioning(self._conditioning, area), patcher.patch(area)
            self._runner.start(area.of(frame_HWC), given, patch, cold=False)
        self._pictures.append((out, area))
        self._in_flight = self._wanted
        self._cold = False

    def finish(self) -> NDArray[np.uint8]:
        out, area = self._pictures.popleft()
        self._runner.finish()
        self.patched = area is not None
        if self._patcher is not None:
            self._patcher.show(out, area)
        return out

    def prepare_patches(self, watch: Watch = UNWATCHED) -> None:
        patcher, runner = self._patcher, self._runner
        if patcher is None:
            return
        try:
            for size in patcher.missing(runner.patches):
                if not watch.wanted():
                    return
                runner.add_patch(size)
        except EngineError as error:
            patcher.give_up()
            logger.warning("frames are restyled whole, since a part cannot be: %s", error)

    def restart(self) -> None:
        self._cold = True

    def take_over(self, other: Engine) -> bool:
        """Its coefficients come along: a row in flight keeps the level it has."""
        if not isinstance(other, StreamEngine) or _shape(self.spec) != _shape(other.spec):
            return False
        self._cold, self._in_flight = other._cold, other._in_flight
        if not other._cold:
            self._runner.restore(other._runner.state())
        return True

    def stage_ms(self) -> Mapping[str, float]:
        return self._runner.stage_ms()

    def close(self) -> None:
        try:
            self._runner.close()
        finally:
            let_go(self)

    def _take(self, params: Params) -> None:
        """Turn new Params into conditioning; arrays that did not change stay the same objects."""
        before = self._params
        now = self._conditioning
        now["prompt_TD"] = params.prompt.tokens_TD
        now["negative_TD"] = params.negative.tokens_TD
        if params.prompt.pooled_P is not None and params.negative.pooled_P is not None:
            now["pooled_P"] = params.prompt.pooled_P
            now["negative_pooled_P"] = params.negative.pooled_P
        if before is None or params.guidance_scale != before.guidance_scale:
            now["guidance_scale"] = np.array([params.guidance_scale], np.float32)
        if before is None or params.delta != before.delta:
            now["delta"] = np.array([params.delta], np.float32)
        if before is None or _mix(params) != _mix(before):
            now["noise_SChw"] = self._noise(_mix(params))
        if self.spec.live_loras and (before is None or params.loras != before.loras):
            now["lora_N"] = np.array(self._lora_weights(params.loras), np.float32)
        level = (params.strength, params.t_index)
        if before is None or level != (before.strength, before.t_index):
            self._wanted = self._coefficients(params)
        self._params = params

    def _lora_weights(self, given: tuple[float, ...]) -> tuple[float, ...]:
        """One for each live LoRA. Raises `InvalidSpec`."""
        wanted = len(self.spec.live_loras)
        if given and len(given) != wanted:
            raise InvalidSpec(
                f"loras {given}: {len(given)} weights given to an engine with {wanted} live LoRAs."
            )
        return given or (1.0,) * wanted

    def _coefficients(self, params: Params) -> StepCoefficients:
        steps = self.spec.steps
        if params.t_index is None:
            timesteps = self._model.timesteps(params.strength, steps)
        else:
            timesteps = timesteps_from_t_index(params.t_index, steps)
        return self._model.schedule.coefficients(timesteps)

    def _line_up(self) -> None:
        """Give each row the coefficients it was noised with, and the next ones to move on to. Steps
        one by one are all of the frame at hand: none was noised before."""
        wanted, rows = self._wanted, self._in_flight
        assert wanted is not None
        now = self._conditioning
        if self._cold or rows is None or self.spec.batching == "sequential":
            rows = wanted
        if now.get("a_S") is wanted.a_S and rows is wanted:
            return
        for name in LEVELS:
            fresh, flying = getattr(wanted, name), getattr(rows, name)
            now[name] = fresh if rows is wanted else np.concatenate([fresh[:1], flying[1:]])
        now["next_a_K"], now["next_b_K"] = wanted.a_S[1:], wanted.b_S[1:]


def _patcher(spec: EngineSpec, model: Model) -> Patcher | None:
    if model.patches is None or not patchable(model, spec):
        return None
    return Patcher((spec.width, spec.height), model.downscale, model.patches)


def _shape(spec: EngineSpec) -> EngineSpec:
    """What two engines must have in common to go on with each other's frames."""
    return replace(
        spec,
        backend="auto",
        device="auto",
        precision="auto",
        execution="auto",
        half_accumulation=True,
        threads=0,
    )


def _mix(params: Params) -> tuple[tuple[int, float], ...]:
    return params.seed_mix or ((params.seed, 1.0),)


def _noise_shape(spec: EngineSpec, model: Model) -> tuple[int, ...]:
    height, width = spec.height // model.downscale, spec.width // model.downscale
    return (spec.steps, model.latent_channels, height, width)
