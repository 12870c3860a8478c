"""What a frame costs on torch: its networks alone, its operations, the device's peak."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from engines.api import EngineSpec
from engines.backends.torch.placement import place
from engines.backends.torch.weights import load_weights
from engines.families import family
from engines.model import Model
from engines.step.signature import unet_rows

# By kind of device: large enough to keep every core busy and to hide the wait for the result,
# small enough to run undisturbed.
_PEAK_SIDES = {"cpu": 1024, "mps": 4096, "cuda": 8192}
_COPY_BYTES = {"cpu": 2**26, "mps": 2**28, "cuda": 2**30}


def networks_alone(model: Model, spec: EngineSpec) -> dict[str, Callable[[], None]]:
    """Each network as a function that runs it once on `spec.device` and waits for the result.

    Eagerly, also for an engine that replays a CUDA graph.
    """
    placement = place(spec)
    device, dtype = placement.device, placement.dtype
    networks = load_weights(model, placement).networks
    scale, rows = model.downscale, unet_rows(spec)

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, device=device, dtype=dtype)

    image = random(1, 3, spec.height, spec.width)
    latent = random(rows, model.latent_channels, spec.height // scale, spec.width // scale)
    timestep = torch.full((rows,), 39.0, device=device)
    prompt = random(rows, model.tokens * spec.prompt_chunks, model.width)
    added = (random(rows, model.pooled), random(rows, 6)) if model.pooled else ()
    if model.live_loras:
        added = (*added, random(rows, len(model.live_loras)))
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
    device, side = placement.device, _PEAK_SIDES[placement.device.type]
    left = torch.rand((side, side), device=device, dtype=placement.dtype)
    return _finished(lambda: left @ left), 2.0 * side**3


def weight_bytes(model: Model, spec: EngineSpec) -> int:
    """Bytes of the weights of the three networks in the spec's precision."""
    networks, _ = family(model.family).load(model)
    size = place(spec).dtype.itemsize
    return sum(weight.numel() for weight in networks.parameters()) * size


def memory_copy(spec: EngineSpec) -> tuple[Callable[[], None], float]:
    """A large copy within this device's memory, and the bytes that it reads and writes."""
    device = place(spec).device
    source = torch.ones(_COPY_BYTES[device.type], device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    return _finished(lambda: target.copy_(source)), 2.0 * source.nbytes


def _finished(compute: Callable[[], Tensor]) -> Callable[[], None]:
    """`compute` once, until its result has reached the host; warmed up."""

    @torch.inference_mode()
    def run() -> None:
        compute().flatten()[:1].cpu()

    run()
    return run
