"""What a frame costs on torch: its networks alone, its operations, the device's peak."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from engines.api import EngineSpec
from engines.backends._torch_placement import place
from engines.backends.torch import load_networks
from engines.measure import unet_rows
from engines.model import Model

_PEAK_SIDE = 1024  # large enough to keep every core busy, small enough to run undisturbed


def networks_alone(model: Model, spec: EngineSpec) -> dict[str, Callable[[], None]]:
    """Each network as a function that runs it once on `spec.device` and waits for the result.

    Eagerly, also for an engine that replays a CUDA graph.
    """
    placement = place(spec)
    device, dtype = placement.device, placement.dtype
    networks, _ = load_networks(model, placement)
    scale, rows = model.downscale, unet_rows(spec)

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, device=device, dtype=dtype)

    image = random(1, 3, spec.height, spec.width)
    latent = random(rows, model.latent_channels, spec.height // scale, spec.width // scale)
    timestep = torch.full((rows,), 39.0, device=device)
    prompt = random(rows, model.tokens * spec.prompt_chunks, model.width)
    added = (random(rows, model.pooled), random(rows, 6)) if model.pooled else ()
    features = [
        random(1, channels, spec.height // shrink, spec.width // shrink)
        for channels, shrink in model.features
    ]
    return {
        "encoder": _finished(lambda: networks.encode(image)[0]),
        "unet": _finished(lambda: networks.denoise(latent, timestep, prompt, *added)),
        "decoder": _finished(lambda: networks.decode(latent[:1], features)),
    }


def frame_flops(model: Model, spec: EngineSpec) -> float:
    """Floating-point operations of one frame: those of its convolutions and matrix products."""
    total = 0
    for run in networks_alone(model, spec).values():
        with FlopCounterMode(display=False) as counter:
            run()
        total += counter.get_total_flops()
    return float(total)


def matrix_product(spec: EngineSpec) -> tuple[Callable[[], None], float]:
    """A large matrix product to run on this device, and its operations."""
    placement = place(spec)
    device, dtype = placement.device, placement.dtype
    left = torch.rand((_PEAK_SIDE, _PEAK_SIDE), device=device, dtype=dtype)
    return _finished(lambda: left @ left), 2.0 * _PEAK_SIDE**3


def _finished(compute: Callable[[], Tensor]) -> Callable[[], None]:
    """`compute` once, until its result has reached the host; warmed up."""

    @torch.inference_mode()
    def run() -> None:
        compute().flatten()[:1].cpu()

    run()
    return run
