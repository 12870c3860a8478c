"""What a backend allocates for the frame step of a model and a spec: names and shapes.

Names as in engines/step/frame_step.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from engines.api import EngineSpec
from engines.model import Model
from engines.step.signature import Signature, signature

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


def frame_step_signature(model: Model, spec: EngineSpec) -> Signature:
    """What this frame step reads and writes."""
    return signature(
        steps=spec.steps,
        guidance_mode=spec.guidance_mode,
        batching=spec.batching,
        features=len(model.features),
        pooled=bool(model.pooled),
        adapters=len(model.live_loras),
    )


def input_shapes(step: Signature, model: Model, spec: EngineSpec) -> dict[str, Shape]:
    """The shape of every input of a frame step, from the suffix of its name."""
    rows = {"S": spec.steps, "K": spec.steps - 1}
    known: dict[str, Shape] = {
        "HWC": (spec.height, spec.width, 3),
        "TD": (model.tokens * spec.prompt_chunks, model.width),
        "P": (model.pooled,),
        "6": (6,),
        "N": (len(model.live_loras),),
        **{axis: (count,) for axis, count in rows.items()},
        **{f"{axis}Chw": latent_shape(model, spec, count) for axis, count in rows.items()},
    }
    shapes = {name: known.get(name.rsplit("_", 1)[-1], (1,)) for name in step.inputs}
    shapes.update(zip(step.delayed, feature_shapes(model, spec), strict=False))
    return shapes


def patch_shapes(shapes: Shapes, model: Model, size: tuple[int, int]) -> dict[str, Shape]:
    """`input_shapes` of a step for parts of a frame, (width, height), from those for whole ones."""
    width, height = size
    rows, channels = shapes["noise_SChw"][:2]
    noise = (rows, channels, height // model.downscale, width // model.downscale)
    return {**shapes, "frame_HWC": (height, width, 3), "noise_SChw": noise}


def latent_shape(model: Model, spec: EngineSpec, rows: int) -> Shape:
    """latent_RChw."""
    scale = model.downscale
    return (rows, model.latent_channels, spec.height // scale, spec.width // scale)


def feature_shapes(model: Model, spec: EngineSpec) -> list[Shape]:
    """Each feature map of the detail path."""
    return [
        (1, channels, spec.height // scale, spec.width // scale)
        for channels, scale in model.features
    ]
