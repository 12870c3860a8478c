"""Prompts: tokens as transformers makes them, the cache, and the arc between two embeddings."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from engines.api import Embedding
from engines.errors import InvalidPrompt, ModelUnavailable
from engines.model import EMBEDDED
from engines.prompts import PromptEncoder, spherical

TOKENIZER = EMBEDDED / "tokenizer" / "tokenizer.json"


def encoder(seen):
    def encode_tokens(tokens_NT):
        seen.append(tokens_NT)
        return Embedding(np.asarray(tokens_NT[0], np.float32)[:, None].repeat(3, 1))

    return PromptEncoder([TOKENIZER], encode_tokens, 77)


@pytest.mark.parametrize("prompt", ["", "anime, cel shading", "ÄÖ 🎨 Straße", "a  b\n c", "x" * 60])
def test_tokens_are_those_of_transformers(prompt):
    seen = []
    encoder(seen).encode(prompt)
    theirs = CLIPTokenizer.from_pretrained(EMBEDDED / "tokenizer")(
        prompt, padding="max_length", max_length=77
    )["input_ids"]
    assert seen[0].dtype == np.int64
    assert seen[0].tolist() == [theirs]


def test_a_prompt_is_encoded_once():
    seen = []
    prompts = encoder(seen)
    first = prompts.encode("anime")
    threads = [threading.Thread(target=prompts.encode, args=("anime",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert prompts.encode("anime") is first
    assert len(seen) == 1
    with pytest.raises(ValueError, match="read-only"):
        first.tokens_TD[0] = 1


def test_the_cache_is_bounded_and_keeps_what_is_used():
    seen = []
    prompts = encoder(seen)
    kept = prompts.encode("kept")
    for number in range(200):
        prompts.encode(f"look {number}")
        assert prompts.encode("kept") is kept
    assert len(prompts._cache) <= 64


def test_a_prompt_that_does_not_fit_is_refused_not_cut():
    prompts = encoder([])
    prompts.encode("word " * 75)
    with pytest.raises(InvalidPrompt, match="75"):
        prompts.encode("word " * 76)


def test_a_broken_tokenizer_file_is_named(tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_text("{not json")
    with pytest.raises(ModelUnavailable, match=r"tokenizer\.json"):
        PromptEncoder([file], lambda tokens: tokens, 77)


embeddings = st.integers(0, 2**31).map(
    lambda seed: np.random.default_rng(seed).normal(size=(5, 8)).astype(np.float32)
)


@given(embeddings, embeddings, st.floats(0, 1))
def test_the_arc_keeps_length_and_ends_where_it_should(start, end, share):
    np.testing.assert_allclose(spherical(start, end, 0.0), start, atol=1e-5)
    np.testing.assert_allclose(spherical(start, end, 1.0), end, atol=1e-5)
    between = spherical(start, end, share)
    assert between.dtype == np.float32
    lengths = (1 - share) * np.linalg.norm(start, axis=1) + share * np.linalg.norm(end, axis=1)
    np.testing.assert_allclose(np.linalg.norm(between, axis=1), lengths, rtol=1e-3)


@given(embeddings, st.floats(0, 1))
def test_parallel_opposite_and_zero_tokens_stay_finite(start, share):
    for end in (start, 2 * start, -start, np.zeros_like(start)):
        assert np.isfinite(spherical(start, end, share)).all()
