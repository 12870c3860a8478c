"""What a frame costs on TensorRT: its networks alone, its operations, the device's peak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from engines.api import EngineSpec
from engines.backends.tensorrt.card import card_for, flavour_for
from engines.backends.tensorrt.engine import PlanOnDevice
from engines.backends.tensorrt.flavour import Flavour
from engines.backends.tensorrt.plan import build_plan
from engines.backends.torch.cost import frame_flops, matrix_product, memory_copy, weight_bytes
from engines.backends.torch.cuda import CudaStream
from engines.model import Model
from engines.model.shapes import Shapes, feature_shapes, latent_shape
from engines.step.signature import unet_rows

__all__ = ["frame_flops", "matrix_product", "memory_copy", "networks_alone", "weight_bytes"]


def networks_alone(model: Model, spec: EngineSpec) -> dict[str, Callable[[], None]]:
    """Each network as a function that runs its own engine once and waits for the result; built
    here, which takes what the frame step's engine took."""
    card = card_for(spec.device)
    flavour, device = flavour_for(card), torch.device(spec.device)
    ready: dict[str, Callable[[], None]] = {}
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name, (inputs, outputs) in _parts(model, spec).items():
            graph = model.graph_file(name)
            content = build_plan(flavour, graph, inputs, card.architecture, lambda _stage: None)
            plan = Path(folder) / f"{name}.plan"
            plan.write_bytes(content)
            ready[name] = _ready(flavour, plan, {**inputs, **outputs}, device)
    return ready


def _parts(model: Model, spec: EngineSpec) -> dict[str, tuple[Shapes, Shapes]]:
    """Shapes of the inputs and outputs of each network alone."""
    picture, rows = (1, 3, spec.height, spec.width), unet_rows(spec)
    latent = latent_shape(model, spec, 1)
    features = {f"feature{i}": shape for i, shape in enumerate(feature_shapes(model, spec))}
    latents = latent_shape(model, spec, rows)
    added: Shapes = (
        {"pooled_RP": (rows, model.pooled), "time_ids_R6": (rows, 6)} if model.pooled else {}
    )
    if model.live_loras:
        added = {**added, "lora_RN": (rows, len(model.live_loras))}
    prompt = (rows, model.tokens * spec.prompt_chunks, model.width)
    given: Shapes = {"latent_RChw": latents, "timestep_R": (rows,), "prompt_RTD": prompt, **added}
    return {
        "encoder": ({"image_1CHW": picture}, {"latent": latent, **features}),
        "unet": (given, {"prediction": latents}),
        "decoder": ({"latent_1Chw": latent, **features}, {"image": picture}),
    }


def _ready(
    flavour: Flavour, file: Path, shapes: Shapes, device: torch.device
) -> Callable[[], None]:
    """A function that runs a plan once on tensors that are bound for good; warmed up."""
    stream = CudaStream(device, urgent=True)
    plan = PlanOnDevice(flavour, file, device, graph=True)
    tensors = {name: torch.rand(shape, device=device) for name, shape in shapes.items()}
    queue = plan.bind(tensors)

    def run() -> None:
        with stream.current():
            queue(stream.handle)
            next(reversed(tensors.values())).flatten()[:1].cpu()

    run()
    return run
