"""Prompts: text to an embedding, weighted, blended and cached; and the path between two of them.

Weights act on embeddings, token by token: z = z_empty + w·(z − z_empty), where z_empty is the
embedding of the empty prompt (ComfyUI, comfy/sd1_clip.py; compel does so below 1). A blend is
the sum of its parts' embeddings, each times its share.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import cast

import numpy as np
from numpy.typing import NDArray

from engines.api import Embedding, Words
from engines.prompts.syntax import BlendPart, Span, parse
from engines.prompts.tokens import Chunk, PromptTokens

_CACHED = 64  # embeddings; a look and its crossfade partners, many times over
_DEEPEST = 6  # fades within fades, in words
_PARALLEL = 0.9995  # cosine above which the arc is a straight line

Loras = tuple[float, ...]


class PromptEncoder:
    """Prompt → Embedding, encoded once and cached. `encode` may be called from any thread."""

    def __init__(
        self,
        tokenizer_files: Sequence[Path],
        encode_tokens: Callable[..., Embedding],
        tokens: int,
        chunks: int = 1,
    ) -> None:
        """`encode_tokens` encodes one chunk, tokens_NT, with the weights of live LoRAs, lora_N, if
        there are any that change it; it is called by one thread at a time.

        chunks  the capacity: the embeddings have chunks·tokens rows
        """
        self._reader = PromptTokens(tokenizer_files, tokens)
        self._encode_tokens = encode_tokens
        self._capacity = chunks
        self._lock = Lock()
        # Protected by _lock: what is kept, and the text encoder behind _encode_tokens.
        self._cache: OrderedDict[tuple[str, Loras], Embedding] = OrderedDict()
        self._parts: OrderedDict[tuple[tuple[Span, ...], Loras], Embedding] = OrderedDict()
        self._empty: tuple[Loras, Embedding] | None = None

    def encode(self, prompt: str, loras: Loras = ()) -> Embedding:
        """Its arrays are read-only; the same object for the same prompt and `loras`, the weights of
        live LoRAs that change the text encoder. Raises `InvalidPrompt`.

        A prompt shorter than the capacity is repeated until that is full: attention over keys
        that are all there n times is attention over them once.
        """
        with self._lock:
            key = (prompt, loras)
            cached = self._cache.get(key)
            if cached is None:
                cached = self._cache[key] = self._encode(prompt, loras)
                if len(self._cache) > _CACHED:
                    self._cache.popitem(last=False)
            self._cache.move_to_end(key)
            return cached

    def _encode(self, prompt: str, loras: Loras) -> Embedding:
        parts = parse(prompt)
        embedding = blend([(self._part(part, loras), part.share) for part in parts])
        embedding.tokens_TD.flags.writeable = False
        if embedding.pooled_P is not None:
            embedding.pooled_P.flags.writeable = False
        return embedding

    def _part(self, part: BlendPart, loras: Loras) -> Embedding:
        """Encoded once whatever its share, so that a blend's shares can be played."""
        key = (part.spans, loras)
        encoded = self._parts.get(key)
        if encoded is None:
            encoded = self._parts[key] = self._encode_part(part, loras)
            if len(self._parts) > _CACHED:
                self._parts.popitem(last=False)
        self._parts.move_to_end(key)
        return encoded

    def _encode_part(self, part: BlendPart, loras: Loras) -> Embedding:
        chunks = self._reader.chunks(part.text, self._capacity)
        encoded = [self._encode_chunk(chunk, loras) for chunk in chunks]
        tokens = [one.tokens_TD for one in encoded]
        if any(span.weight != 1.0 for span in part.spans):
            empty_TD = self._empty_for(loras).tokens_TD
            tokens = [
                _weighted(tokens_TD, empty_TD, _weights(part, chunk, len(tokens_TD)))
                for tokens_TD, chunk in zip(tokens, chunks, strict=True)
            ]
        rows = np.concatenate(tokens * (self._capacity // len(chunks)))
        # The pooled part is that of the first chunk without its weights, as in ComfyUI.
        return Embedding(rows, encoded[0].pooled_P)

    def _encode_chunk(self, chunk: Chunk, loras: Loras) -> Embedding:
        lora_N = (np.array(loras, np.float32),) if loras else ()
        return self._encode_tokens(chunk.tokens_NT, *lora_N)

    def _empty_for(self, loras: Loras) -> Embedding:
        """The empty prompt's."""
        if self._empty is None or self._empty[0] != loras:
            self._empty = (loras, self._encode_chunk(self._reader.chunks("", 1)[0], loras))
        return self._empty[1]


def _weighted(
    tokens_TD: NDArray[np.float32], empty_TD: NDArray[np.float32], weights_T: NDArray[np.float32]
) -> NDArray[np.float32]:
    # The same as in the formula above, and exactly z where w is 1.
    return tokens_TD + (weights_T[:, None] - 1.0) * (tokens_TD - empty_TD)


def _weights(part: BlendPart, chunk: Chunk, tokens: int) -> NDArray[np.float32]:
    """The weight of every token of a chunk: that of its first character; 1 for what is no text."""
    begins = list(accumulate((len(span.text) for span in part.spans), initial=0))[:-1]
    weights_T = np.ones(tokens, np.float32)
    for column, place in enumerate(chunk.places, 1):
        weights_T[column] = part.spans[bisect_right(begins, place) - 1].weight
    return weights_T


def blend(parts: Sequence[tuple[Embedding, float]]) -> Embedding:
    """The sum of embeddings, each times its share. One alone is itself, whatever its share."""
    whole, _ = parts[0]
    if len(parts) == 1:
        return whole
    tokens_TD = _sum([(one.tokens_TD, share) for one, share in parts])
    pooled = [(one.pooled_P, share) for one, share in parts if one.pooled_P is not None]
    said = tuple((one.words, share) for one, share in parts)
    words = None if any(one is None for one, _ in said) else cast("Words", ("blend", said))
    return Embedding(tokens_TD, _sum(pooled) if pooled else None, words=words)


def _sum(parts: Sequence[tuple[NDArray[np.float32], float]]) -> NDArray[np.float32]:
    total = np.zeros_like(parts[0][0])
    for array, share in parts:
        total += np.float32(share) * array
    return total


def crossfade(start: Embedding, end: Embedding, share: float) -> Embedding:
    """The embedding `share` (0 … 1) of the way from start to end, `spherical` in every part."""
    pooled_P = None
    if start.pooled_P is not None and end.pooled_P is not None:
        pooled_P = spherical(start.pooled_P, end.pooled_P, share)
    tokens_TD = spherical(start.tokens_TD, end.tokens_TD, share)
    return Embedding(tokens_TD, pooled_P, words=_arc(start.words, end.words, share))


def _arc(start: Words | None, end: Words | None, share: float) -> Words | None:
    """A fade that begins within another begins, in words, where that began or is by now; of one
    within so many others that nobody sees where they began, where the last of them led."""
    if start is None or end is None:
        return None
    if _depth(start) >= _DEEPEST:
        start = end if isinstance(start, str) or start[0] == "blend" else start[2]
    return ("arc", start, end, float(share))


def _depth(words: Words) -> int:
    if isinstance(words, str):
        return 0
    inside = words[1:3] if words[0] == "arc" else [part for part, _ in words[1]]
    return 1 + max(_depth(one) for one in inside)


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
