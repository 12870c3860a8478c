"""OpenVINO: the three networks alone, from graphs that every model folder has or gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from engines.api import Embedding, EngineSpec, Picture
from engines.backends.openvino.graphs import (
    checked_precision,
    choose_device,
    compile_graph,
    open_core,
    ov,
    read_graph,
)
from engines.backends.openvino.text import TextEncoder
from engines.batch.step import Features
from engines.errors import BackendUnavailable, EngineFailed, quoted
from engines.graphs.export import with_graphs
from engines.model import Model
from engines.model.footprint import parameters
from engines.model.shapes import Shapes, feature_shapes, latent_shape
from engines.step.signature import unet_rows

Floats = NDArray[np.float32]
_PADDING = 0.25  # of a call's rows may be computed for nothing, where that saves another call
# Parameters. Above, one graph takes any number of rows: each size of it would hold the weights
# again, 2.4 GiB and 20 s of SDXS's 0.3 thousand million, and would be no faster. The embedded model
# is up to twice as fast in graphs of fixed sizes (tests/benchmarks/README.md).
_LARGE = 50_000_000
_ANY = -1  # rows of that graph


def open_device(model: Model, spec: EngineSpec, capacity: int) -> OpenVinoNetworks:
    """Raises `BackendUnavailable`, `ModelUnavailable`."""
    if spec.execution in ("eager", "graph"):
        raise BackendUnavailable(
            f"execution {quoted(spec.execution)}: OpenVINO compiles its graphs, always. Use "
            "'auto', or backend 'torch'."
        )
    model = with_graphs(model, ["text_encoder", "encoder", "unet", "decoder"])
    return OpenVinoNetworks(model, spec, capacity)


class OpenVinoNetworks:
    """A `Device`. Pictures go through encoder and decoder one by one, which takes a processor no
    longer than together. The rows of all cameras go through the UNet in one call, or in a few of
    the sizes that a small model is compiled for (`call_sizes`)."""

    library: ModuleType = np
    execution = "compile"

    def __init__(self, model: Model, spec: EngineSpec, capacity: int) -> None:
        core = open_core()
        device = choose_device(core, spec)
        self.device = device

        def ready(name: str, shapes: Shapes) -> Network:
            return Network(core, model, spec, device, name, shapes)

        latent = latent_shape(model, spec, 1)
        features = feature_shapes(model, spec)
        maps = {f"feature{i}": shape for i, shape in enumerate(features)}
        self._latent, self._features = latent, features
        self._encoder = ready("encoder", {"image_1CHW": (1, 3, spec.height, spec.width)})
        self._decoder = ready("decoder", {"latent_1Chw": latent, **maps})
        self.precision = checked_precision(self._encoder.compiled, spec, device)
        large = parameters(model)[0] > _LARGE
        sizes = [_ANY] if large else compiled_rows(spec, capacity)
        self._unets = {rows: ready("unet", _unet_shapes(model, spec, rows)) for rows in sizes}
        self._text: TextEncoder | None = TextEncoder(core, model, spec, device)

    def encode_tokens(self, tokens_NT: NDArray[np.int64]) -> Embedding:
        text = self._text
        if text is None:
            raise EngineFailed("the batch is closed; build another one")
        return text.encode(tokens_NT)

    def place(self, array: Floats) -> Floats:
        return array

    def computing(self) -> AbstractContextManager[None]:
        return nullcontext()

    def encode(self, frames: Sequence[Picture]) -> tuple[Floats, list[Features]]:
        latent_NChw = np.empty((len(frames), *self._latent[1:]), np.float32)
        features: list[Features] = []
        for i, frame in enumerate(frames):
            maps = [np.empty(shape, np.float32) for shape in self._features]
            named = {f"feature{j}": array for j, array in enumerate(maps)}
            image_1CHW = _to_image(frame)
            self._encoder.run(
                {"image_1CHW": image_1CHW}, {"latent": latent_NChw[i : i + 1], **named}
            )
            features.append(maps)
        return latent_NChw, features

    def denoise(
        self, latent_BChw: Floats, timestep_B: Floats, prompt_BTD: Floats, *added: Floats
    ) -> Floats:
        inputs = {"latent_RChw": latent_BChw, "timestep_R": timestep_B, "prompt_RTD": prompt_BTD}
        inputs |= zip(("pooled_RP", "time_ids_R6"), added, strict=False)
        predicted_BChw = np.empty_like(latent_BChw)
        any_rows = self._unets.get(_ANY)
        if any_rows is not None:
            any_rows.run(inputs, {"prediction": predicted_BChw})
            return predicted_BChw
        done = 0
        for size in call_sizes(len(latent_BChw), tuple(self._unets)):
            rows = slice(done, done + size)
            given = {name: _padded(array[rows], size) for name, array in inputs.items()}
            out = predicted_BChw[rows]
            whole = out if len(out) == size else np.empty((size, *out.shape[1:]), np.float32)
            self._unets[size].run(given, {"prediction": whole})
            if whole is not out:
                out[...] = whole[: len(out)]
            done += size
        return predicted_BChw

    def decode(
        self, latent_NChw: Floats, features: Sequence[Features], pictures: Sequence[Picture]
    ) -> None:
        for latent_Chw, maps, picture in zip(latent_NChw, features, pictures, strict=True):
            height, width, _ = picture.shape
            image_1CHW = np.empty((1, 3, height, width), np.float32)
            named = {f"feature{i}": array for i, array in enumerate(maps)}
            self._decoder.run({"latent_1Chw": latent_Chw[None], **named}, {"image": image_1CHW})
            _to_pixels(image_1CHW, picture)

    def close(self) -> None:
        """The graphs go once no call runs."""
        self._text = None
        self._unets = {}


class Network:
    """A compiled network of one shape, and its one request."""

    def __init__(
        self,
        core: ov.Core,
        model: Model,
        spec: EngineSpec,
        device: str,
        name: str,
        shapes: Shapes,
    ) -> None:
        self.compiled = compile_graph(core, read_graph(core, model, name, shapes), spec, device)
        self._device = device
        self._request: ov.InferRequest = self.compiled.create_infer_request()
        self._dtypes = {
            name: port.element_type.to_dtype()
            for port in self.compiled.inputs
            for name in port.names
        }

    def run(self, inputs: Mapping[str, Floats], outputs: Mapping[str, Floats]) -> None:
        """Bound by address: `outputs` are written in place. Raises `EngineFailed`."""
        # Held until the end: a tensor has the address alone. int32 for timesteps.
        held = {
            name: np.ascontiguousarray(array, self._dtypes[name]) for name, array in inputs.items()
        }
        for name, array in (*held.items(), *outputs.items()):
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        try:
            # Not `infer`, which would compute on this thread as well: see `OpenVinoRunner`.
            self._request.start_async()
            self._request.wait()
        except RuntimeError as error:
            raise EngineFailed(f"OpenVINO on {self._device}: {error}") from error


def compiled_rows(spec: EngineSpec, capacity: int) -> list[int]:
    """The sizes that a UNet is compiled for: the rows of 1, 2, 4 … and `capacity` cameras."""
    cameras = {capacity, *(1 << power for power in range(capacity.bit_length()))}
    sequential = spec.steps == 1 or spec.batching == "sequential"
    rows = {"full": 2, "onetime": 2}.get(spec.guidance_mode, 1) if sequential else unet_rows(spec)
    found = {count * rows for count in cameras}
    if sequential and spec.guidance_mode == "onetime" and spec.steps > 1:
        found |= cameras  # of the later steps
    return sorted(found)


def call_sizes(rows: int, compiled: Sequence[int]) -> Iterator[int]:
    """The sizes of the calls that rows go through: the largest that is filled, or the next larger
    one if no more than _PADDING of it is empty. They hold `rows` together."""
    while rows > 0:
        larger = [size for size in compiled if size >= rows]
        filled = [size for size in compiled if size <= rows]
        padded = min(larger, default=0)
        if padded and (not filled or padded - rows <= _PADDING * padded):
            size = padded
        else:
            size = max(filled)
        yield size
        rows -= size


def _unet_shapes(model: Model, spec: EngineSpec, rows: int) -> Shapes:
    shapes = {
        "latent_RChw": latent_shape(model, spec, rows),
        "timestep_R": (rows,),
        "prompt_RTD": (rows, model.tokens * spec.prompt_chunks, model.width),
    }
    if model.pooled:
        shapes |= {"pooled_RP": (rows, model.pooled), "time_ids_R6": (rows, 6)}
    return shapes


def _padded(rows: Floats, size: int) -> Floats:
    """Filled up with the last one."""
    missing = size - len(rows)
    return rows if not missing else np.concatenate([rows, rows[-1:].repeat(missing, 0)])


def _to_image(frame_HWC: Picture) -> Floats:
    """uint8 (H, W, 3) → (1, 3, H, W) in [−1, 1]."""
    image_1CHW = frame_HWC.transpose(2, 0, 1)[None].astype(np.float32, order="C")
    image_1CHW /= 127.5
    image_1CHW -= 1.0
    return image_1CHW


def _to_pixels(image_1CHW: Floats, out_HWC: Picture) -> None:
    """(1, 3, H, W) in [−1, 1] → uint8 (H, W, 3), rounded to nearest."""
    levels = image_1CHW[0]
    levels *= 127.5
    levels += 127.5
    np.rint(levels, out=levels)
    np.clip(levels, 0.0, 255.0, out=levels)
    out_HWC[...] = levels.transpose(1, 2, 0)
