"""The ONNX graphs of a model: frame steps, text encoder, and the three networks alone.

torch is the only description of the mathematics; this writes it down once for the backends that
compile. Networks are float16 and what is around them float32, as on a GPU; where float16 is slow
a backend widens it. Frame size, S and rows are free dimensions that a backend fixes when it loads
a graph.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import onnx_ir as ir
import torch
from torch import Tensor, nn
from torch.export import Dim

from engines.api import EngineSpec
from engines.model import Model
from engines.ranges import CHUNKS_MAX, SIZE_MAX, SIZE_MIN, SIZE_STEP, STEPS_MAX
from engines.step.frame_step import FrameStep, Networks

OPSET = 20
# Any size will do as an example; sides differ so that none is taken for the other.
_BLOCKS_HIGH, _BLOCKS_WIDE, _CHUNKS = 16, 20, 2

_NOISY_LOGGERS = (
    "torch.onnx._internal.exporter._registration", "torch.utils._sympy.interp",
    "torch.export._trace",
)  # fmt: skip

FreeDims = dict[int, Any]  # axis → torch.export dimension


class Sizes:
    """The free dimensions of the graphs and an example of each array that a graph takes."""

    def __init__(self, model: Model, steps: int) -> None:
        low, high = SIZE_MIN // SIZE_STEP, SIZE_MAX // SIZE_STEP
        self.blocks_high = Dim("blocks_high", min=low, max=high)
        self.blocks_wide = Dim("blocks_wide", min=low, max=high)
        self.flying = Dim("frames_in_flight", min=1, max=STEPS_MAX - 1)
        self.rows = Dim("rows", min=1, max=2 * STEPS_MAX)
        self.chunks = Dim("chunks", min=1, max=CHUNKS_MAX)
        self._model = model
        self._steps = steps

    def array(self, name: str) -> tuple[Tensor, FreeDims]:
        """An example of the input `name` of a frame step, and its free axes."""
        model = self._model
        if name == "frame_HWC":
            example, free = self.picture((), 1)
            return torch.zeros(*example.shape, 3, dtype=torch.uint8), free
        if name.startswith("delayed_feature"):
            channels, scale = model.features[int(name.removeprefix("delayed_feature"))]
            return self.picture((1, channels), scale)
        if "_S" in name or "_K" in name:
            return self._rows(name)
        if name.endswith("_TD"):
            return self.prompt(())
        vectors = {"pooled_P": model.pooled, "negative_pooled_P": model.pooled, "time_ids_6": 6,
                   "lora_N": len(model.live_loras)}  # fmt: skip
        return torch.rand(vectors.get(name, 1)), {}

    def prompt(self, leading: tuple[int, ...]) -> tuple[Tensor, FreeDims]:
        """An embedding of a few chunks."""
        tokens = self._model.tokens
        free = {len(leading): tokens * self.chunks}
        return torch.rand(*leading, _CHUNKS * tokens, self._model.width), free

    def picture(self, leading: tuple[int, ...], scale: int) -> tuple[Tensor, FreeDims]:
        """A float32 array whose last two axes are the frame's sides divided by `scale`."""
        per_block = SIZE_STEP // scale
        sides = (_BLOCKS_HIGH * per_block, _BLOCKS_WIDE * per_block)
        axis = len(leading)
        free = {axis: per_block * self.blocks_high, axis + 1: per_block * self.blocks_wide}
        return torch.rand(*leading, *sides), free

    def _rows(self, name: str) -> tuple[Tensor, FreeDims]:
        """An array with a row for each step (S) or each frame in flight (K)."""
        batch = self._steps - 1
        rows = batch if "_K" in name else self._steps
        free = {0: self.flying if "_K" in name else self.flying + 1} if batch else {}
        if not name.endswith("Chw"):
            return torch.rand(rows) + 0.5, free
        example, sides = self.picture((rows, self._model.latent_channels), self._model.downscale)
        return example, {**free, **sides}


def to_onnx(
    module: nn.Module,
    inputs: Mapping[str, tuple[Tensor, FreeDims]],
    outputs: Sequence[str],
) -> ir.Model:
    """`module` as an ONNX model with the named inputs and outputs; its float32 weights are the
    module's own tensors, not copies."""
    examples = tuple(example for example, _ in inputs.values())
    free = tuple(dims for _, dims in inputs.values())
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")
        # Captured here: torch.onnx.export alone would try the slow strict way first.
        captured = torch.export.export(
            module.eval(), examples, dynamic_shapes={"inputs": free}, strict=False
        )
        program = torch.onnx.export(
            captured,
            dynamo=True,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    return program.model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's notes on packages that nothing here needs."""
    loggers = [logging.getLogger(name) for name in _NOISY_LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def frame_step_to_onnx(model: Model, networks: Networks, spec: EngineSpec) -> ir.Model:
    """The frame step of `spec` (steps, guidance mode, batching); its size stays free."""
    step = FrameStep(
        networks,
        steps=spec.steps,
        guidance_mode=spec.guidance_mode,
        batching=spec.batching,
        dtype=torch.float16,
    )
    sizes = Sizes(model, spec.steps)
    return to_onnx(
        step, {name: sizes.array(name) for name in step.signature.inputs}, step.signature.outputs
    )


class NetworkAlone(nn.Module):
    """One network alone, its inputs and outputs flattened and float32."""

    def __init__(self, networks: Networks, name: str) -> None:
        super().__init__()
        self.networks = networks
        self.name = name

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """encoder: image → latent, features; unet: latent, timestep, prompt, added → prediction;
        decoder: latent, features → image."""
        halves = [value.half() for value in inputs]
        if self.name == "encoder":
            latent, features = self.networks.encode(halves[0])
            return (latent.float(), *(feature.float() for feature in features))
        if self.name == "unet":
            # The timestep stays float32, as in the frame step.
            return (self.networks.denoise(halves[0], inputs[1], *halves[2:]).float(),)
        return (self.networks.decode(halves[0], halves[1:]).float(),)


class TextEncoderAlone(nn.Module):
    """The text encoder with float32 outputs."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """tokens_NT → tokens_TD, and pooled_P for families that have it."""
        return tuple(part.float() for part in self.encoder(*inputs))


PartName = Literal["encoder", "unet", "decoder"]


def part_to_onnx(model: Model, networks: Networks, name: PartName) -> ir.Model:
    """One of the three networks alone, with the frame step's own inputs."""
    sizes = Sizes(model, steps=1)
    latent = sizes.picture((1, model.latent_channels), model.downscale)
    features = {
        f"feature{i}": sizes.picture((1, channels), scale)
        for i, (channels, scale) in enumerate(model.features)
    }
    if name == "encoder":
        return to_onnx(
            NetworkAlone(networks, name),
            {"image_1CHW": sizes.picture((1, 3), 1)},
            ["latent", *features],
        )
    if name == "decoder":
        return to_onnx(NetworkAlone(networks, name), {"latent_1Chw": latent, **features}, ["image"])
    example, sides = latent
    rows: dict[str, tuple[Tensor, FreeDims]] = {
        "latent_RChw": (example.repeat(3, 1, 1, 1), {0: sizes.rows, **sides}),
        "timestep_R": (torch.rand(3), {0: sizes.rows}),
    }
    words, chunks = sizes.prompt((3,))
    rows["prompt_RTD"] = (words, {0: sizes.rows, **chunks})
    if model.pooled:
        rows["pooled_RP"] = (torch.rand(3, model.pooled), {0: sizes.rows})
        rows["time_ids_R6"] = (torch.rand(3, 6), {0: sizes.rows})
    if model.live_loras:
        rows["lora_RN"] = (torch.rand(3, len(model.live_loras)), {0: sizes.rows})
    return to_onnx(NetworkAlone(networks, name), rows, ["prediction"])


def text_encoder_to_onnx(model: Model, text_encoder: nn.Module) -> ir.Model:
    """tokens_NT (int64), and lora_N if live LoRAs change it → tokens_TD, and pooled_P for families
    that have it."""
    rows = len(model.tokenizer_files)
    tokens = torch.zeros(rows, model.tokens, dtype=torch.int64)
    outputs = ["tokens_TD", "pooled_P"] if model.pooled else ["tokens_TD"]
    inputs: dict[str, tuple[Tensor, FreeDims]] = {"tokens_NT": (tokens, {})}
    if model.text_is_live:
        inputs["lora_N"] = (torch.rand(len(model.live_loras)), {})
    return to_onnx(TextEncoderAlone(text_encoder), inputs, outputs)
