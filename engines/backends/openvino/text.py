"""A model's text encoders on OpenVINO: one compiled graph for all engines of the process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.api import Embedding, EngineSpec
from engines.backends.openvino.graphs import Graph, ov
from engines.backends.openvino.kept import compiled_graph
from engines.model import Model
from engines.model.shared import Shared, weights_key

_compiled: Shared[ov.CompiledModel] = Shared()


class TextEncoder:
    """Held for as long as its engine: no size or step shapes it, so the next one takes it over."""

    def __init__(self, core: ov.Core, model: Model, spec: EngineSpec, device: str) -> None:
        """Compiled, or that of an engine of the process that runs. Raises `BackendUnavailable`."""
        self._graph = _compiled.take(
            _key(model, spec, device),
            lambda: compiled_graph(core, model, Graph("text_encoder", {}), spec, device),
        )
        self._request: ov.InferRequest = self._graph.create_infer_request()

    def encode(
        self, tokens_NT: NDArray[np.int64], lora_N: NDArray[np.float32] | None = None
    ) -> Embedding:
        """As `engines.backends.Runner.encode_tokens`."""
        given = [tokens_NT] if lora_N is None else [tokens_NT, lora_N]
        result = self._request.infer(dict(enumerate(given)))
        tokens_TD, *pooled = (np.array(result[i], np.float32) for i in range(len(result)))
        return Embedding(tokens_TD, *pooled)


def is_loaded(model: Model, spec: EngineSpec, device: str) -> bool:
    """Whether an engine of this process holds it."""
    return _compiled.holds(_key(model, spec, device))


def _key(model: Model, spec: EngineSpec, device: str) -> tuple[object, ...]:
    return (weights_key(model), device, spec.precision, spec.threads)
