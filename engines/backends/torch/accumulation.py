"""Half accumulation: matrix products that add up in float16, where pictures stay the same.

GeForce cards multiply float16 twice as fast if the sums are float16 as well. How far that is from
sums in float32 depends on the model, so its own picture decides, before a graph is captured.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf, log10

import torch

from engines.backends.torch.frame_buffers import FrameBuffers
from engines.backends.torch.placement import Placement
from engines.outages import captures

logger = logging.getLogger("engines.backends.torch")

# Compute capabilities whose cards for people have half the rate with sums in float32: Turing,
# Ampere, Ada, Blackwell. A100, H100 and B200 (8.0, 9.0, 10.0) have the full one.
_HALF_RATE = {(7, 5), (8, 6), (8, 9), (12, 0)}
_ENOUGH = 40.0  # dB of PSNR: as near as float16 is asked to be to float32


def is_faster(placement: Placement) -> bool:
    """Whether this device is faster with sums in float16, in this arithmetic."""
    device = placement.device
    return (
        placement.captured
        and placement.precision == "float16"
        and hasattr(torch.backends.cuda.matmul, "allow_fp16_accumulation")
        and torch.cuda.get_device_capability(device) in _HALF_RATE
    )


@contextmanager
def half_accumulation(*, on: bool) -> Iterator[None]:
    """While entered, matrix products that this process launches or captures add up in float16."""
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_fp16_accumulation
    matmul.allow_fp16_accumulation = on
    try:
        yield
    finally:
        matmul.allow_fp16_accumulation = before


def keeps_the_picture(step: Callable[[], None], buffers: FrameBuffers) -> bool:
    """Whether a cold frame is the same both ways, to 40 dB. Said in the log.

    step  queues a frame of phase 0 over `buffers`, which are filled with noise: every input is
          written again before the first real frame
    """
    _fill(buffers)
    pictures = []
    with captures:  # a graph that another thread captures meanwhile keeps its own sums
        for on in (False, True):
            with half_accumulation(on=on):
                step()
                pictures.append(buffers.image.float().cpu())
    decibels = _psnr(*pictures)
    kept = decibels >= _ENOUGH
    verdict = "on" if kept else f"off, below {_ENOUGH:g}"
    logger.info("half accumulation: pictures differ by %.1f dB, so it is %s", decibels, verdict)
    return kept


def _fill(buffers: FrameBuffers) -> None:
    random = torch.Generator().manual_seed(0)
    buffers.frame.tensor.copy_(torch.randint(256, buffers.frame.tensor.shape, generator=random))
    for name, tensor in buffers.conditioning.items():
        if name.endswith(("_TD", "_P", "Chw")):
            tensor.copy_(torch.randn(tensor.shape, generator=random))
        elif name.startswith("timestep"):
            tensor.fill_(499.0)


def _psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    if not torch.isfinite(other).all():
        return -inf
    error = float(((one - other) ** 2).mean())
    return 10.0 * log10(255.0**2 / error) if error > 0 else inf
