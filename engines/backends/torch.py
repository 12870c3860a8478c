"""torch, eager: the frame step itself on any device torch knows. Reads model folders directly."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.api import Embedding, EngineSpec
from engines.backends import Conditioning
from engines.errors import BackendUnavailable, EngineFailed
from engines.families.nano import load_networks
from engines.frame_step import FrameStep
from engines.graphs import load_text_encoder
from engines.model import Model

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def build_runner(model: Model, spec: EngineSpec) -> TorchRunner:
    """Load the networks onto the device. Raises `BackendUnavailable`, `ModelUnavailable`."""
    return TorchRunner(model, spec, _device(spec.device))


class TorchRunner:
    """See engines.backends.Runner. The state never leaves the device."""

    def __init__(self, model: Model, spec: EngineSpec, device: torch.device) -> None:
        # float16 is the native type of GPUs; CPUs run it slower than float32.
        automatic = "float32" if device.type == "cpu" else "float16"
        self.precision = automatic if spec.precision == "auto" else spec.precision
        self.device = str(device)
        self._device = device
        dtype = TYPES[self.precision]
        networks = load_networks(model)
        self._step = FrameStep(
            networks,
            steps=spec.steps,
            guidance_mode=spec.guidance_mode,
            batching=spec.batching,
            dtype=dtype,
        ).to(device)
        networks.to(device, dtype)
        self._text_encoder = load_text_encoder(model).to(device)
        self._features = [
            (1, channels, spec.height // scale, spec.width // scale)
            for channels, scale in model.features
        ]
        rows = spec.steps - 1
        small = (spec.height // model.downscale, spec.width // model.downscale)
        self._latent = (rows, model.latent_channels, *small)
        self._given: dict[str, tuple[NDArray[np.float32], Tensor]] = {}
        self._state: dict[str, Tensor] = {}
        # The feature maps of the frames in flight, oldest first.
        self._flight: list[list[Tensor]] = []

    @torch.inference_mode()
    def encode_tokens(self, tokens_NT: NDArray[np.int64]) -> Embedding:
        """See Runner."""
        tokens = torch.from_numpy(tokens_NT).to(self._device)
        embedding: Tensor = self._text_encoder(tokens).last_hidden_state[0]
        return Embedding(np.ascontiguousarray(embedding.float().cpu().numpy()))

    @torch.inference_mode()
    def run(
        self,
        frame_HWC: NDArray[np.uint8],
        conditioning: Conditioning,
        out_HWC: NDArray[np.uint8],
        *,
        cold: bool,
    ) -> None:
        """See Runner."""
        signature = self._step.signature
        frame = torch.from_numpy(frame_HWC).to(self._device)
        if cold:
            self._start()
        given = {name: self._upload(name, conditioning) for name in signature.conditioning
                 if name != "cold"}  # fmt: skip
        given["cold"] = torch.full((1,), float(cold), device=self._device)
        try:
            if cold and signature.delayed:
                # The detail path has nothing from K frames ago yet: this frame's maps stand in.
                features = self._forward(frame, given)[1 + len(signature.state) :]
                self._flight = [list(features) for _ in self._flight]
            image_HWC, *rest = self._forward(frame, given)
            torch.from_numpy(out_HWC).copy_(image_HWC)
        except RuntimeError as error:
            raise EngineFailed(f"torch on {self.device}: {error}") from error
        self._state = dict(zip(signature.state, rest, strict=False))
        if signature.delayed:
            self._flight = [*self._flight[1:], rest[len(signature.state) :]]

    def close(self) -> None:
        """See Runner."""
        self._given.clear()
        self._state.clear()
        self._flight.clear()

    def _start(self) -> None:
        """An empty state of the right shapes; `cold` keeps the graph from reading it."""
        signature = self._step.signature
        blank = torch.zeros(self._latent, device=self._device)
        self._state = dict.fromkeys(signature.state, blank)
        maps = [torch.zeros(shape, device=self._device) for shape in self._features]
        self._flight = [maps] * (self._latent[0] if signature.delayed else 0)

    def _forward(self, frame: Tensor, given: dict[str, Tensor]) -> tuple[Tensor, ...]:
        signature = self._step.signature
        delayed = self._flight[0] if self._flight else []
        outputs: tuple[Tensor, ...] = self._step(
            frame,
            *(self._state[name] for name in signature.state),
            *delayed,
            *(given[name] for name in signature.conditioning),
        )
        return outputs

    def _upload(self, name: str, conditioning: Conditioning) -> Tensor:
        """The conditioning array on the device, uploaded when it is another object than before."""
        value = conditioning[name]
        known = self._given.get(name)
        if known is None or known[0] is not value:
            known = (value, torch.tensor(value, device=self._device))
            self._given[name] = known
        return known[1]


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name.lower())
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BackendUnavailable(f"device {name!r} cannot be used by torch: {reason}") from error
    return device
