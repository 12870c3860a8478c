"""FP8: a frame step whose UNet multiplies in float8 (e4m3), calibrated on pictures.

Every convolution and linear layer of the UNet reads its input and its weight through a pair of
QuantizeLinear and DequantizeLinear, with one scale each: the largest magnitude becomes 448, the
largest number of e4m3. TensorRT makes one float8 kernel of them. The first and last convolution,
all that makes the time embedding, and the autoencoder stay float16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.api import Embedding
from engines.model import Model
from engines.prompts import PromptEncoder
from engines.step.frame_step import Networks

LARGEST = 448.0  # of float8 e4m3
_SMALLEST = 0.03  # a magnitude whose scale float16 holds with all its digits
_SIDE = 256  # pixels of the pictures: what a layer reads hardly depends on their size
_STRENGTHS = (0.3, 0.6, 0.9)
_PROMPTS = ("a photo of a person, portrait", "anime, cel shading", "oil painting, thick strokes")
_KEPT = ("conv_in", "conv_out", "time_embedding", "add_embedding", "time_emb_proj")
_OPERATIONS = ("Conv", "MatMul", "Gemm")

Scales = dict[str, float]  # of what a layer reads, by its name within the UNet


def quantised_layers(networks: Networks) -> dict[str, nn.Module]:
    """The layers that multiply in float8, by their names within the UNet."""
    unet: Any = networks.unet
    return {
        name: layer
        for name, layer in unet.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and not set(name.split(".")) & set(_KEPT)
    }


@torch.inference_mode()
def calibrate(model: Model, networks: Networks, text_encoder: nn.Module) -> Scales:
    """The scale of each layer's input: the largest magnitude that it reads, over 448.

    Of nine pictures with the spectrum of photographs, at three strengths, with three prompts. The
    modules are float32, on the CPU.
    """
    largest: dict[str, float] = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def look(_layer: nn.Module, given: tuple[Tensor, ...]) -> None:
            largest[name] = max(largest.get(name, 0.0), float(given[0].abs().max()))

        return look

    with ExitStack() as stack:
        for name, layer in quantised_layers(networks).items():
            stack.callback(layer.register_forward_pre_hook(watch(name)).remove)
        for inputs in _inputs(model, networks, text_encoder):
            networks.denoise(*inputs)
    return {name: max(value, _SMALLEST) / LARGEST for name, value in largest.items()}


def quantise(graph: ir.Model, networks: Networks, scales: Scales) -> ir.Model:
    """`graph`, a float16 frame step with its weights still inside, with the pairs put in.

    A layer is found by its weight: exported, it may lie transposed and have no name.
    """
    found = _by_weight(networks)
    inserted: dict[tuple[int, str], ir.Value] = {}
    constants: dict[float, ir.Value] = {}

    def constant(scale: float) -> ir.Value:
        if scale not in constants:
            constants[scale] = _constant(f"scale.{len(constants)}", np.array(scale, np.float16))
            graph.graph.register_initializer(constants[scale])
        return constants[scale]

    zero = _constant("zero.float8", np.zeros((), ml_dtypes.float8_e4m3fn))
    graph.graph.register_initializer(zero)
    for node in list(ir.traversal.RecursiveGraphIterator(graph.graph)):
        layer = _layer_of(node, found)
        if layer is None or layer[0] not in scales:
            continue
        name, weight = layer
        for index, scale in ((0, scales[name]), (1, weight)):
            value = node.inputs[index]
            assert value is not None
            # Two layers that read one input with scales of their own read it through two pairs.
            key = (id(value), f"{id(node.graph)} {scale}")
            if key not in inserted:
                inserted[key] = _pair(value, constant(scale), zero, node, len(inserted))
            node.replace_input_with(index, inserted[key])
    return graph


@contextmanager
def rounded(networks: Networks, scales: Scales) -> Iterator[None]:
    """While entered, torch computes what a quantised graph does: inputs and weights as float8 has
    them, products and sums in the modules' own arithmetic."""
    layers = quantised_layers(networks)
    weights = {name: _parameter(layer).detach().clone() for name, layer in layers.items()}
    with ExitStack() as stack:
        for name, layer in layers.items():
            if name not in scales:
                continue
            weight = _parameter(layer)
            weight.data = _as_float8(weight.data, _weight_scale(weight))
            hook = layer.register_forward_pre_hook(
                lambda _layer, given, scale=scales[name]: (_as_float8(given[0], scale), *given[1:])
            )
            stack.callback(hook.remove)
        try:
            yield
        finally:
            for name, layer in layers.items():
                _parameter(layer).data = weights[name]


def _inputs(
    model: Model, networks: Networks, text_encoder: nn.Module
) -> Iterator[tuple[Tensor, ...]]:
    whole_N = torch.ones(len(model.live_loras))
    of_text = (whole_N,) if model.text_is_live else ()

    def encode(tokens_NT: NDArray[np.int64]) -> Embedding:
        parts = text_encoder(torch.from_numpy(tokens_NT), *of_text)
        return Embedding(*(part.float().numpy() for part in parts))

    prompts = PromptEncoder(model.tokenizer_files, encode, model.tokens)
    random = np.random.default_rng(0)
    for text in _PROMPTS:
        embedding = prompts.encode(text)
        added: tuple[Tensor, ...] = ()
        if embedding.pooled_P is not None:
            sizes = torch.tensor([[_SIDE, _SIDE, 0, 0, _SIDE, _SIDE]], dtype=torch.float32)
            added = (torch.tensor(embedding.pooled_P)[None], sizes)
        if model.live_loras:
            added = (*added, whole_N[None])
        for strength in _STRENGTHS:
            latent, _ = networks.encode(_picture(random))
            level = model.schedule.coefficients(model.timesteps(strength, 1))
            noise = torch.from_numpy(random.standard_normal(latent.shape, np.float32))
            noisy = latent * float(level.a_S[0]) + noise * float(level.b_S[0])
            words = torch.tensor(embedding.tokens_TD)[None]
            yield noisy, torch.from_numpy(level.timestep_S), words, *added


def _picture(random: np.random.Generator) -> Tensor:
    """image_1CHW in [−1, 1], of noise whose amplitude falls as 1/f, as in photographs."""
    across, down = np.fft.rfftfreq(_SIDE)[None], np.fft.fftfreq(_SIDE)[:, None]
    frequency = np.maximum(np.hypot(across, down), 1.0 / _SIDE)
    phases = np.fft.rfft2(random.standard_normal((3, _SIDE, _SIDE)))
    picture = np.fft.irfft2(phases / frequency, s=(_SIDE, _SIDE))
    picture = picture / (2.0 * picture.std())
    return torch.from_numpy(np.clip(picture, -1.0, 1.0).astype(np.float32))[None]


def _by_weight(networks: Networks) -> dict[bytes, tuple[str, float]]:
    """Each layer's name and the scale of its weight, by the digest of the float16 weight."""
    return {
        _digest(_parameter(layer).detach().half().numpy()): (
            name,
            _weight_scale(_parameter(layer)),
        )
        for name, layer in quantised_layers(networks).items()
    }


def _layer_of(node: ir.Node, found: dict[bytes, tuple[str, float]]) -> tuple[str, float] | None:
    if node.op_type not in _OPERATIONS or len(node.inputs) < 2 or node.inputs[1] is None:
        return None
    tensor = node.inputs[1].const_value
    if tensor is None or tensor.dtype != ir.DataType.FLOAT16:
        return None
    weight = tensor.numpy()
    known = found.get(_digest(weight))
    if known is None and weight.ndim == 2:
        known = found.get(_digest(weight.T))
    return known


def _pair(value: ir.Value, scale: ir.Value, zero: ir.Value, head: ir.Node, number: int) -> ir.Value:
    """What `value` is after both nodes, put before `head`."""
    quantised = ir.node("QuantizeLinear", [value, scale, zero])
    quantised.outputs[0].name = f"float8.{number}"
    restored = ir.node("DequantizeLinear", [quantised.outputs[0], scale, zero])
    restored.outputs[0].name = f"float8.{number}.restored"
    graph = head.graph
    assert graph is not None
    graph.insert_before(head, [quantised, restored])
    return restored.outputs[0]


def _constant(name: str, array: NDArray[Any]) -> ir.Value:
    tensor = ir.tensor(array, name=name)
    return ir.Value(
        name=name, shape=ir.Shape([]), type=ir.TensorType(tensor.dtype), const_value=tensor
    )


def _parameter(layer: nn.Module) -> nn.Parameter:
    weight: nn.Parameter = layer.weight  # type: ignore[assignment]  # of a Conv2d or a Linear
    return weight


def _weight_scale(weight: Tensor) -> float:
    """As float16 holds it, since the graph's scales are of the type of what they scale."""
    return float(np.float16(max(float(weight.detach().abs().max()), _SMALLEST) / LARGEST))


def _as_float8(value: Tensor, scale: float) -> Tensor:
    scale = float(np.float16(scale))
    bounded = (value.float() / scale).clamp(-LARGEST, LARGEST)
    return (bounded.to(torch.float8_e4m3fn).float() * scale).to(value.dtype)


def _digest(weight: NDArray[np.float16]) -> bytes:
    return blake2b(np.ascontiguousarray(weight).tobytes(), digest_size=16).digest()
