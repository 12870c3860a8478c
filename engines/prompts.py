"""Prompts: text to tokens to an embedding, cached; and the path between two embeddings."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from engines.api import Embedding
from engines.errors import InvalidPrompt, ModelUnavailable

_CACHED = 64  # embeddings; a look and its crossfade partners, many times over
_PARALLEL = 0.9995  # cosine above which the arc is a straight line


class PromptEncoder:
    """Prompt → prompt_TD, encoded once and cached. `encode` may be called from any thread."""

    def __init__(
        self,
        tokenizer_files: Sequence[Path],
        encode_tokens: Callable[[NDArray[np.int64]], Embedding],
        tokens: int,
        chunks: int = 1,
    ) -> None:
        """`encode_tokens` encodes one chunk, tokens_NT; it is called by one thread at a time."""
        self._tokenizers = [_open_tokenizer(file, tokens) for file in tokenizer_files]
        self._chunks = chunks
        self._encode_tokens = encode_tokens
        self._tokens = tokens
        self._lock = Lock()
        # Protected by _lock: the cache, and the text encoder behind _encode_tokens.
        self._cache: OrderedDict[str, Embedding] = OrderedDict()

    def encode(self, prompt: str) -> Embedding:
        """Its arrays are read-only; the same array for the same prompt. Raises `InvalidPrompt`."""
        with self._lock:
            cached = self._cache.get(prompt)
            if cached is None:
                cached = self._encode_tokens(self._tokenize(prompt))
                cached.tokens_TD.flags.writeable = False
                self._cache[prompt] = cached
                if len(self._cache) > _CACHED:
                    self._cache.popitem(last=False)
            self._cache.move_to_end(prompt)
            return cached

    def _tokenize(self, prompt: str) -> NDArray[np.int64]:
        ids = self._tokenizers[0].encode(prompt).ids
        if len(ids) > self._tokens:
            raise InvalidPrompt(
                f"prompt of {len(ids) - 2} tokens ({prompt[:40]!r}…) is too long: "
                f"the model reads {self._tokens - 2}, about {self._tokens * 3 // 5} words."
            )
        return np.asarray([one.encode(prompt).ids for one in self._tokenizers], np.int64)


def crossfade(start: Embedding, end: Embedding, share: float) -> Embedding:
    """The embedding `share` (0 … 1) of the way from start to end, `spherical` in every part."""
    pooled_P = None
    if start.pooled_P is not None and end.pooled_P is not None:
        pooled_P = spherical(start.pooled_P, end.pooled_P, share)
    return Embedding(spherical(start.tokens_TD, end.tokens_TD, share), pooled_P)


def spherical(
    start_TD: NDArray[np.float32], end_TD: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """The embedding `share` (0 … 1) of the way along the arc from start to end, token by token.

    Lengths are interpolated linearly, directions along the great circle (Shoemake 1985); tokens
    that point the same way take the straight line.
    """
    start_length = np.linalg.norm(start_TD, axis=-1, keepdims=True)
    end_length = np.linalg.norm(end_TD, axis=-1, keepdims=True)
    cosine = np.sum(start_TD * end_TD, axis=-1, keepdims=True)
    cosine = np.clip(cosine / np.maximum(start_length * end_length, 1e-12), -1.0, 1.0)
    angle = np.arccos(np.clip(cosine, -_PARALLEL, _PARALLEL))
    start_weight = np.sin((1.0 - share) * angle) / np.sin(angle)
    end_weight = np.sin(share * angle) / np.sin(angle)
    length = (1.0 - share) * start_length + share * end_length
    along = (
        start_weight * start_TD / np.maximum(start_length, 1e-12)
        + end_weight * end_TD / np.maximum(end_length, 1e-12)
    ) * length
    straight = (1.0 - share) * start_TD + share * end_TD
    mixed: NDArray[np.float32] = np.where(np.abs(cosine) > _PARALLEL, straight, along)
    return mixed.astype(np.float32, copy=False)


def _open_tokenizer(file: Path, tokens: int) -> Tokenizer:
    try:
        tokenizer: Tokenizer = Tokenizer.from_file(str(file))
    # tokenizers raises plain Exception for a file it cannot parse
    except Exception as error:
        raise ModelUnavailable(
            f"{file} is no tokenizer file: {error}. Copy the whole model folder again."
        ) from error
    padding = tokenizer.padding or {}
    tokenizer.no_truncation()  # too long is an error here, not a silent cut
    tokenizer.enable_padding(
        length=tokens,
        pad_id=int(padding.get("pad_id", 0)),
        pad_token=str(padding.get("pad_token", "<|endoftext|>")),
    )
    return tokenizer
