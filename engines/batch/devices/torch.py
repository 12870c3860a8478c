"""torch: a model's networks on any device that it knows, eagerly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.api import Embedding, EngineSpec, Picture
from engines.backends.torch.cuda import open_stream
from engines.backends.torch.failures import failures_as
from engines.backends.torch.memory import give_back_later, limit_to_free
from engines.backends.torch.placement import Placement, place
from engines.backends.torch.text import TextNetwork
from engines.backends.torch.weights import Weights, load_weights
from engines.batch.step import Features
from engines.errors import BackendUnavailable, EngineFailed, quoted
from engines.model import Model

_CLOSED = "the batch is closed; build another one"


def open_device(model: Model, spec: EngineSpec, capacity: int) -> TorchNetworks:
    """Raises `BackendUnavailable`, `ModelUnavailable`."""
    del capacity  # any number of rows runs
    if spec.execution not in ("auto", "eager"):
        raise BackendUnavailable(
            f"execution {quoted(spec.execution)}: cameras that share a UNet call run eagerly, "
            "since their number changes from call to call. Use 'auto', or an engine a camera."
        )
    placement = place(replace(spec, execution="eager"))
    if placement.device.type == "cpu" and spec.threads:
        torch.set_num_threads(spec.threads)  # of the process: torch has no narrower setting
    with failures_as(BackendUnavailable, placement):
        limit_to_free(placement.device)
        return TorchNetworks(load_weights(model, placement), placement)


class TorchNetworks:
    """A `Device`. Everything stays on it but the pictures. Weights are those of the engines of the
    process."""

    library: ModuleType = torch

    def __init__(self, weights: Weights, placement: Placement) -> None:
        self.precision = placement.precision
        self.device = str(placement.device)
        self.execution = placement.execution
        self._placement = placement
        self._networks = weights.networks
        self._text: TextNetwork | None = TextNetwork(weights, open_stream(placement.device))

    def encode_tokens(self, tokens_NT: NDArray[np.int64]) -> Embedding:
        text = self._text
        if text is None:
            raise EngineFailed(_CLOSED)
        with failures_as(EngineFailed, self._placement):
            return text.encode(tokens_NT)

    def place(self, array: NDArray[np.float32]) -> Tensor:
        """A copy, also on the processor: what is given may be written again."""
        with failures_as(EngineFailed, self._placement):
            return torch.tensor(array, device=self._placement.device)

    @contextmanager
    def computing(self) -> Iterator[None]:
        with failures_as(EngineFailed, self._placement), torch.inference_mode():
            yield

    def encode(self, frames: Sequence[Picture]) -> tuple[Tensor, list[Features]]:
        frames_NHWC = torch.from_numpy(np.stack(frames)).to(self._placement.device)
        image_NCHW = frames_NHWC.float().permute(0, 3, 1, 2) / 127.5 - 1.0
        latent_NChw, maps = self._networks.encode(image_NCHW.to(self._placement.dtype))
        features: list[Features] = [[each[i : i + 1] for each in maps] for i in range(len(frames))]
        return latent_NChw.float(), features

    def denoise(
        self, latent_BChw: Tensor, timestep_B: Tensor, prompt_BTD: Tensor, *added: Tensor
    ) -> Tensor:
        dtype = self._placement.dtype
        rest = (value.to(dtype) for value in (prompt_BTD, *added))
        return self._networks.denoise(latent_BChw.to(dtype), timestep_B, *rest).float()

    def decode(
        self, latent_NChw: Tensor, features: Sequence[Features], pictures: Sequence[Picture]
    ) -> None:
        maps = [torch.cat(each) for each in zip(*features, strict=True)]
        latent_NChw = latent_NChw.to(self._placement.dtype)
        levels_NCHW = self._networks.decode(latent_NChw, maps).float() * 127.5 + 127.5
        pixels_NCHW = levels_NCHW.round().clamp(0.0, 255.0).to(torch.uint8)
        found_NHWC = pixels_NCHW.permute(0, 2, 3, 1).cpu().numpy()
        for picture, found_HWC in zip(pictures, found_NHWC, strict=True):
            np.copyto(picture, found_HWC)

    def close(self) -> None:
        """Memory that torch does not use then is free for other programs a moment later."""
        text, self._text = self._text, None
        if text is not None:
            text.close()
            give_back_later(self._placement.device)
