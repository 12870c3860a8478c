"""Prompts: tokens as transformers makes them, weights, blends, chunks, the cache, and the arc."""

import json
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from engines.api import Embedding
from engines.errors import InvalidPrompt, ModelUnavailable, PromptTooLong
from engines.model import EMBEDDED
from engines.prompts import PromptEncoder, spherical
from engines.prompts.tokens import PromptTokens, chunks_needed

TOKENIZER = EMBEDDED / "tokenizer" / "tokenizer.json"
THEIRS = CLIPTokenizer.from_pretrained(TOKENIZER.parent)


TABLE = np.random.default_rng(1).normal(size=(50_000, 3)).astype(np.float32)
START, END = 1592, 1593  # of the embedded tokenizer, which also fills up with END


def encoder(seen, chunks=1):
    """A text encoder whose embeddings depend on token and place, and one pooled value."""

    def encode_tokens(tokens_NT):
        seen.append(tokens_NT)
        places_T1 = np.linspace(0.5, 1.5, tokens_NT.shape[1], dtype=np.float32)[:, None]
        tokens_TD = TABLE[tokens_NT[0]] * places_T1
        return Embedding(tokens_TD, tokens_TD.sum(0))

    return PromptEncoder([TOKENIZER], encode_tokens, 77, chunks)


def words_of(tokens_NT):
    """The text tokens of a chunk, which is whole: start, text, end, padding."""
    (row,) = tokens_NT.tolist()
    text = row[1 : row.index(END)]
    assert row == [START, *text, *[END] * (76 - len(text))]
    return text


@pytest.mark.parametrize("prompt", ["", "anime, cel shading", "ÄÖ 🎨 Straße", "a  b\n c", "x" * 60])
def test_tokens_are_those_of_transformers(prompt):
    seen = []
    encoder(seen).encode(prompt)
    theirs = THEIRS(prompt, padding="max_length", max_length=77)["input_ids"]
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


def test_weights_move_tokens_away_from_the_empty_prompt():
    """z = z_empty + w·(z − z_empty), token by token; the pooled part stays."""
    prompts = encoder([])
    empty, plain = prompts.encode(""), prompts.encode("anime, dark city, night")
    heavy = prompts.encode("anime, (dark city:1.5), [night]")
    weights = np.ones((77, 1), np.float32)
    weights[[3, 4]], weights[6] = 1.5, 1 / 1.1  # start, anime, comma, dark, city, comma, night
    expected = empty.tokens_TD + weights * (plain.tokens_TD - empty.tokens_TD)
    np.testing.assert_allclose(heavy.tokens_TD, expected, atol=1e-5)
    assert np.array_equal(heavy.tokens_TD[[0, 1, 2, 5, 7]], plain.tokens_TD[[0, 1, 2, 5, 7]])
    assert np.array_equal(heavy.pooled_P, plain.pooled_P)
    nothing = prompts.encode("(anime, dark city, night:0)")
    np.testing.assert_allclose(nothing.tokens_TD[:7], empty.tokens_TD[:7], atol=1e-5)


@pytest.mark.parametrize("prompt", ["(an)ime", "a (red:1.0) cat", r"a \(cat\)", "Straße (ÄÖ) 🎨"])
def test_brackets_change_no_token(prompt):
    """Words are read as a whole, also where a bracket stands within one."""
    seen = []
    plain = prompt.replace("(red:1.0)", "red").replace(r"\(cat\)", "(cat)")
    if "\\" not in prompt:
        plain = plain.replace("(", "").replace(")", "")
    encoder(seen).encode(prompt)
    encoder(seen).encode(r"\(".join(plain.split("(")).replace(")", r"\)"))
    assert np.array_equal(seen[0], seen[-1])


def test_a_blend_is_the_sum_of_its_parts():
    prompts = encoder([])
    one, other = prompts.encode("anime"), prompts.encode("film (noir:1.4)")
    both = prompts.encode("anime::3 | film (noir:1.4)")
    for name in ("tokens_TD", "pooled_P"):
        expected = 0.75 * getattr(one, name) + 0.25 * getattr(other, name)
        np.testing.assert_allclose(getattr(both, name), expected, atol=1e-6)
    assert both.tokens_TD.dtype == both.pooled_P.dtype == np.float32


def test_families_without_a_pooled_embedding_have_none():
    prompts = PromptEncoder([TOKENIZER], lambda _: Embedding(np.ones((77, 3), np.float32)), 77)
    assert prompts.encode("one | (two:1.2)").pooled_P is None


def test_a_prompt_that_does_not_fit_is_refused_not_cut():
    prompts = encoder([])
    prompts.encode("neon " * 75)
    with pytest.raises(PromptTooLong, match=r"76 tokens .* too long: there is room for 75") as one:
        prompts.encode("neon " * 76)
    assert one.value.chunks == 2
    with pytest.raises(PromptTooLong, match="room for 150, about 90 words") as other:
        encoder([], chunks=2).encode("anime | " + "neon " * 301)
    assert other.value.chunks == 5


@pytest.mark.parametrize("chunks", [1, 2, 3, 4])
def test_a_short_prompt_is_repeated_up_to_the_capacity(chunks):
    seen = []
    once = encoder([]).encode("(anime:1.2), noir")
    full = encoder(seen, chunks).encode("(anime:1.2), noir")
    assert np.array_equal(full.tokens_TD, np.tile(once.tokens_TD, (chunks, 1)))
    assert np.array_equal(full.pooled_P, once.pooled_P)
    assert len([tokens for tokens in seen if words_of(tokens)]) == 1, "encoded once"


def test_attention_over_repeated_keys_is_attention_over_them_once():
    random = np.random.default_rng(0)
    keys, values, queries = (random.normal(size=(n, 8)) for n in (77, 77, 5))

    def attend(keys, values):
        scores = np.exp(queries @ keys.T)
        return scores / scores.sum(1, keepdims=True) @ values

    for times in (2, 3, 4):
        repeated = attend(np.tile(keys, (times, 1)), np.tile(values, (times, 1)))
        np.testing.assert_allclose(repeated, attend(keys, values), rtol=1e-12)


@given(
    st.lists(st.sampled_from(["anime,", "dark", "city.", "unheardof", "ÄÖ", "1999"]), max_size=120),
    st.integers(1, 4),
)
def test_a_long_prompt_is_split_and_nothing_is_lost(words, capacity):
    text = " ".join(words)
    reader = PromptTokens([TOKENIZER])
    needed = chunks_needed([TOKENIZER], ["short", text]) if text else 1
    if needed > capacity:
        with pytest.raises(PromptTooLong):
            reader.chunks(text, capacity)
        return
    chunks = reader.chunks(text, capacity)
    assert needed <= len(chunks) <= capacity
    assert capacity % len(chunks) == 0
    whole = THEIRS(text)["input_ids"][1:-1]
    parts = [words_of(chunk.tokens_NT) for chunk in chunks]
    assert [token for part in parts for token in part] == whole
    assert max(map(len, parts)) <= 75
    assert [len(chunk.places) for chunk in chunks] == [len(part) for part in parts]
    if len(parts) > 1 and len(whole) < 60 * len(parts):
        assert max(map(len, parts)) - min(map(len, parts)) <= 40, "about alike"


def test_cuts_fall_behind_commas():
    seen = []
    encoder(seen, 2).encode("dark city, red light, " * 16 + "dark city")
    first, second = (words_of(tokens) for tokens in seen)
    comma = first[2]
    assert len(first) + len(second) == 98
    assert first[-1] == comma
    assert comma not in (second[0], second[1])
    assert len(first) == 48, "of the commas, the one in the middle"


def test_weights_reach_every_chunk():
    prompts = encoder([], 2)
    text = "neon " * 99
    empty = encoder([], 1).encode("").tokens_TD
    plain, heavy = prompts.encode(text + "light"), prompts.encode(text + "(light:2)")
    changed = np.flatnonzero((plain.tokens_TD != heavy.tokens_TD).any(1))
    (row,) = changed
    assert row > 77
    expected = 2 * plain.tokens_TD[row] - empty[row - 77]
    np.testing.assert_allclose(heavy.tokens_TD[row], expected, atol=1e-5)


def test_parts_of_a_blend_may_have_any_length():
    prompts = encoder([], 2)
    short, long = prompts.encode("anime"), prompts.encode("neon " * 120)
    both = prompts.encode("anime | " + "neon " * 120)
    expected = (short.tokens_TD + long.tokens_TD) / 2
    np.testing.assert_allclose(both.tokens_TD, expected, atol=1e-6)


def test_how_many_chunks_prompts_need():
    def needed(*prompts):
        return chunks_needed([TOKENIZER], prompts)

    assert needed() == needed("", "anime") == needed("neon " * 75) == 1
    assert needed("anime", "neon " * 76) == 2
    assert needed("anime | (" + "neon " * 200 + ":1.2)::0.5") == 3, "each part for itself"
    assert needed("neon " * 300) == 4
    with pytest.raises(PromptTooLong, match="room for 300, about 180 words") as caught:
        needed("neon " * 301)
    assert caught.value.chunks == 5
    with pytest.raises(InvalidPrompt, match="bracket"):
        needed("anime", "(anime")


def test_a_tokenizer_that_names_no_padding_fills_up_with_its_end_token(tmp_path):
    content = json.loads(TOKENIZER.read_text("utf-8"))
    named = {
        "strategy": "BatchLongest",
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 5,
        "pad_type_id": 0,
        "pad_token": "!",
    }
    for number, (said, padding) in enumerate(((None, END), (named, 5))):
        content["padding"] = said
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(content), encoding="utf-8")
        content = json.loads(TOKENIZER.read_text("utf-8"))
        (tokens_NT,) = (chunk.tokens_NT for chunk in PromptTokens([file]).chunks("anime", 1))
        assert set(tokens_NT[0, 3:].tolist()) == {padding}


def test_tokenizers_that_split_a_text_differently_are_refused(tmp_path):
    content = json.loads(TOKENIZER.read_text("utf-8"))
    content["model"]["merges"] = []
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelUnavailable, match="split a prompt differently"):
        PromptTokens([TOKENIZER, file]).chunks("anime", 1)
    two = PromptTokens([TOKENIZER, TOKENIZER]).chunks("anime", 1)[0]
    assert two.tokens_NT.shape == (2, 77)


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
