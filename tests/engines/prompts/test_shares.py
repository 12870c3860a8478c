"""The shares of a blend: what is read from the text is what the engine blends, and back."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engines.errors import InvalidPrompt
from engines.prompts.syntax import parse
from engines.prompts.syntax.shares import Written, with_shares, written_parts

PIECES = ["anime", "film noir", " ", "(", ")", "[", "]", ":1.3)", "::", "::2", "::0", " | ", "\\"]
prompts = st.lists(st.sampled_from([*PIECES, ":", "|", "\\(", "\\:", "é", "."]), max_size=10)


def valid(pieces):
    prompt = "".join(pieces)
    try:
        parse(prompt)
    except InvalidPrompt:
        return None
    return prompt


def words(part):
    """Its text and weights, without blanks at its ends, which no tokenizer sees."""
    return [(s.text.strip(), s.weight) for s in part.spans if s.text.strip()]


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("anime", [("anime", 1.0)]),
        ("anime::2 | film noir", [("anime", 2.0), ("film noir", 1.0)]),
        ("(a::2 b) | c::0", [("(a::2 b)", 1.0), ("c", 0.0)]),
        ("", [("", 1.0)]),
        ("a\\| b | c", [("a\\| b", 1.0), ("c", 1.0)]),
    ],
)
def test_parts(prompt, parts):
    assert written_parts(prompt) == tuple(Written(*part) for part in parts)


def test_shares_are_written():
    assert with_shares("anime::2 | film noir", (0.25, 1)) == "anime::0.25 | film noir::1"
    assert with_shares("anime", (3,)) == "anime"
    assert with_shares("a | b\\", (0.5, 0.5)) == "a::0.5 | b\\ ::0.5"


@pytest.mark.parametrize(
    "shares", [(1,), (0, 0), (0.00001, 0), (-1, 1), (101, 1), (float("nan"), 1)]
)
def test_what_is_no_share_is_refused(shares):
    with pytest.raises(InvalidPrompt, match="prompt: "):
        with_shares("a | b", shares)


@given(prompts, st.data())
def test_any_prompt_keeps_its_words_and_gets_the_shares(pieces, data):
    prompt = valid(pieces)
    assume(prompt is not None)
    parts = written_parts(prompt)
    shares = [part.share for part in parts]
    kept = [share / sum(shares) for share in shares if share]
    assert [part.share for part in parse(prompt)] == pytest.approx(kept)
    wanted = data.draw(
        st.lists(st.integers(1, 100).map(float), min_size=len(parts), max_size=len(parts))
    )
    written = with_shares(prompt, wanted)
    found = written_parts(written)
    if len(parts) > 1:
        assert [part.share for part in found] == wanted
    assert [part.text.strip() for part in found] == [part.text.strip() for part in parts]
    # Whoever has a share alone is the whole prompt.
    for number in range(len(parts)):
        alone = parse(with_shares(prompt, np.eye(len(parts))[number]))
        assert len(alone) == 1
        if shares[number]:
            kept = [words(part) for part in parse(prompt)]
            assert words(alone[0]) == kept[sum(1 for share in shares[:number] if share)]
