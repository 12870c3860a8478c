"""Prompt tokens: text → chunks that a text encoder reads. Prompts longer than one are never cut.

A text encoder reads 77 tokens at once, with its start and end token. The UNet attends to any
number of them, so a longer prompt is encoded chunk by chunk and the embeddings are put one after
the other. How many there is room for is fixed when an engine is built: its capacity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from engines.errors import ModelUnavailable, PromptTooLong, quoted, reason
from engines.prompts.syntax import parse
from engines.ranges import CHUNKS_MAX

CLIP_TOKENS = 77  # that CLIP's text encoders read at once, with start and end
_STOPS = ",.;:!?\u3001\u3002\uff0c"
_AFTER_COMMA, _BETWEEN_WORDS, _WITHIN_WORD = 0, 8, 24  # what a cut costs, in tokens off balance


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """What a text encoder reads at once.

    tokens_NT  int64, a row for each of the N text encoders: start, text, end, padding
    places     of each text token (from column 1 on), where its characters begin in the text
    """

    tokens_NT: NDArray[np.int64]
    places: tuple[int, ...]


class PromptTokens:
    """The tokenizers of a model's text encoders. May be used from any thread."""

    def __init__(self, tokenizer_files: Sequence[Path], tokens: int = CLIP_TOKENS) -> None:
        """`tokens`: what the text encoders read at once. Raises `ModelUnavailable`."""
        self._tokens = tokens
        self._room = tokens - 2
        self._tokenizers = [_open(file) for file in tokenizer_files]

    def needed(self, text: str, capacity: int = CHUNKS_MAX) -> int:
        """Chunks that a text needs, at least 1. Raises `PromptTooLong` beyond `capacity`."""
        return self._needed(text, len(self._encoded(text)[0].ids) - 2, capacity)

    def chunks(self, text: str, capacity: int) -> list[Chunk]:
        """`text` in as few chunks as it needs, or more so that their number divides `capacity`.

        They are of about one length, and a cut falls behind a comma or between two words where
        one is near. Raises `PromptTooLong`.
        """
        encoded = self._encoded(text)
        offsets = encoded[0].offsets[1:-1]
        needed = self._needed(text, len(offsets), capacity)
        pieces = next(n for n in range(needed, capacity + 1) if capacity % n == 0)
        edges = _edges(text, offsets, pieces, self._room)
        return [
            Chunk(
                self._rows(encoded, begin, end),
                tuple(place for place, _ in offsets[begin:end]),
            )
            for begin, end in pairwise(edges)
        ]

    def _needed(self, text: str, count: int, capacity: int) -> int:
        needed = max(-(-count // self._room), 1)
        if needed > capacity:
            room = self._room * capacity
            raise PromptTooLong(
                f"prompt of {count} tokens ({quoted(text.strip()[:40])}…) is too long: there is "
                f"room for {room}, about {room * 3 // 5} words.",
                needed,
            )
        return needed

    def _encoded(self, text: str) -> list[Encoding]:
        """With start and end token, unpadded; all tokenizers must split a text alike."""
        encoded = [tokenizer.encode(text) for tokenizer, _ in self._tokenizers]
        if any(other.offsets != encoded[0].offsets for other in encoded[1:]):
            raise ModelUnavailable(
                "the model's tokenizers split a prompt differently, which no known model family "
                "does. Copy the whole model folder again."
            )
        return encoded

    def _rows(self, encoded: Sequence[Encoding], begin: int, end: int) -> NDArray[np.int64]:
        rows = np.empty((len(encoded), self._tokens), np.int64)
        for row, one, (_, padding) in zip(rows, encoded, self._tokenizers, strict=True):
            start, *text, last = one.ids
            used = [start, *text[begin:end], last]
            row[: len(used)] = used
            row[len(used) :] = last if padding is None else padding
        return rows


def chunks_needed(
    tokenizer_files: Sequence[Path], prompts: Iterable[str], tokens: int = CLIP_TOKENS
) -> int:
    """The `EngineSpec.prompt_chunks` that these prompts need. Loads no framework.

    Raises `InvalidPrompt`: one that cannot be read, or (`PromptTooLong`) one that is longer than
    any engine takes.
    """
    reader = PromptTokens(tokenizer_files, tokens)
    return max((reader.needed(part.text) for one in prompts for part in parse(one)), default=1)


def _edges(text: str, offsets: Sequence[tuple[int, int]], pieces: int, room: int) -> list[int]:
    """Where each of `pieces` begins among the tokens, and where the last one ends."""
    edges, count = [0], len(offsets)
    for left in range(pieces - 1, 0, -1):
        begin = edges[-1]
        even = begin + (count - begin) / (left + 1)
        cuts = range(max(count - left * room, begin + 1), min(begin + room, count - left) + 1)
        costs = {cut: abs(cut - even) + _cost(text, offsets, cut) for cut in cuts}
        edges.append(min(costs, key=costs.__getitem__))
    return [*edges, count]


def _cost(text: str, offsets: Sequence[tuple[int, int]], cut: int) -> int:
    """What it costs to cut before token number `cut`."""
    ends, begins = offsets[cut - 1][1], offsets[cut][0]
    if text[ends - 1] in _STOPS:
        return _AFTER_COMMA
    return _BETWEEN_WORDS if begins > ends else _WITHIN_WORD


def _open(file: Path) -> tuple[Tokenizer, int | None]:
    try:
        return _read(str(file), file.stat().st_mtime_ns)
    # tokenizers raises plain Exception for a file it cannot parse
    except Exception as error:
        raise ModelUnavailable(
            f"{file} is no tokenizer file: {reason(error)}. Copy the whole model folder again."
        ) from error


@lru_cache(maxsize=8)
def _read(file: str, changed: int) -> tuple[Tokenizer, int | None]:
    """A tokenizer that neither cuts nor fills up, and the token to fill up with, if it says one.

    Kept, as several engines and every look at a prompt's length share it. `changed`: when the
    file did.
    """
    del changed
    tokenizer: Tokenizer = Tokenizer.from_file(file)
    padding = tokenizer.padding
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, int(padding["pad_id"]) if padding else None
