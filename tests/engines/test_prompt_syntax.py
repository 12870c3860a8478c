"""Prompt syntax: weights and blends as people write them, and what is said about the rest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import InvalidPrompt
from engines.prompt_syntax import parse


def spans(prompt):
    """Of a prompt that is no blend: text and weight of each span, weights to four places."""
    (part,) = parse(prompt)
    assert part.share == 1.0
    return [(span.text, round(span.weight, 4)) for span in part.spans]


def shares(prompt):
    return [(part.text.strip(), round(part.share, 4)) for part in parse(prompt)]


READ = {
    "a cat": [("a cat", 1.0)],
    "(cat)": [("cat", 1.1)],
    "[cat]": [("cat", 0.9091)],
    "a (red:1.3) cat": [("a ", 1.0), ("red", 1.3), (" cat", 1.0)],
    "(cat: 0.5 )": [("cat", 0.5)],
    "(cat:.5)": [("cat", 0.5)],
    "(cat:0)": [("cat", 0.0)],
    "((cat))": [("cat", 1.21)],
    "(a [b] (c:2):1.5)": [("a ", 1.5), ("b", 1.3636), (" ", 1.5), ("c", 3.0)],
    "([cat])": [("cat", 1.0)],
    r"\(cat\) \[dog\]": [("(cat) [dog]", 1.0)],
    r"(cat\::1.2)": [("cat:", 1.2)],
    r"a \| b, c\:\:2": [("a | b, c::2", 1.0)],
    r"back\slash \\": ["back\\slash \\"],
    "16:9, style: anime": ["16:9, style: anime"],
    "cat|dog || mouse": ["cat|dog || mouse"],
    "std::vector": ["std::vector"],
    "https://x.org/a": ["https://x.org/a"],
    "(mood: dark, cold)": [("mood: dark, cold", 1.1)],
    "(mood: dark)": [("mood: dark", 1.1)],
    "[red:blue]": [("red:blue", 0.9091)],
    "()": [],
    "": [],
}


@pytest.mark.parametrize("prompt", READ)
def test_weights(prompt):
    expected = [(one, 1.0) if isinstance(one, str) else one for one in READ[prompt]]
    assert spans(prompt) == expected


BLENDS = {
    "anime | noir": [("anime", 0.5), ("noir", 0.5)],
    "anime::3 | noir": [("anime", 0.75), ("noir", 0.25)],
    "anime::0.7 | noir::0.7": [("anime", 0.5), ("noir", 0.5)],
    "anime :: 60 |\nnoir::40": [("anime", 0.6), ("noir", 0.4)],
    "a, b::2": [("a, b", 1.0)],
    "a | b::0 | c": [("a", 0.5), ("c", 0.5)],
    "a:b::1 | c::3 ": [("a:b", 0.25), ("c", 0.75)],
}


@pytest.mark.parametrize("prompt", BLENDS)
def test_blends(prompt):
    assert shares(prompt) == BLENDS[prompt]


def test_parts_of_a_blend_have_weights_of_their_own():
    one, other = parse("(anime:1.3) girl::0.7 | [noir]::0.3")
    assert [(span.text.strip(), round(span.weight, 3)) for span in one.spans] == [
        ("anime", 1.3),
        ("girl", 1.0),
    ]
    assert other.spans[-1].weight == pytest.approx(1 / 1.1)


REFUSED = {
    "a (cat": r"prompt, at character 3, '(cat': the bracket is not closed; add ')', or write \( ",
    "a cat)": r"prompt, at character 6, ')': no bracket is open here; write \) for",
    ":)": "prompt, at character 2, ')': no bracket is open here",
    "[cat)": r"prompt, at character 5, ')': ']' comes first; write \) for",
    "(cat:big)": "prompt, at character 5, ':big)': weight 'big' is not allowed; write a number "
    "from 0 to 3, as in (word:1.3)",
    "(cat:1,3)": "weight '1,3' is not allowed",
    "(cat:7)": "weight '7' is not allowed; write a number from 0 to 3",
    "(cat:-1)": "weight '-1' is not allowed",
    "(cat:nan)": "weight 'nan' is not allowed",
    "(cat:)": "the weight is missing; write a number",
    "((cat:2):2)": "prompt, at character 1, '((cat:2):2)': nested weights multiply to 4, at most 3",
    "[cat:0.5]": "square brackets take no number; write (word:0.5)",
    "anime | ": "prompt, at its end: a part of the blend is empty",
    "| anime": "prompt, at character 1, '| anime': a part of the blend is empty",
    "anime | () | noir": "prompt, at character 8, '() | noir': a part of the blend is empty",
    "(anime | noir)": "the bracket is not closed before the ' | ' of a blend",
    "anime::0,7 | noir": "share '0,7' is not allowed; write a number from 0 to 100, as in",
    "anime::-1 | noir": "share '-1' is not allowed",
    "anime:: | noir": "the share is missing",
    "anime::2 noir::1": "a share stands at the end of its part: one::2 | other::0.5.",
    "anime::0 | noir::0": "all shares are 0",
}


@pytest.mark.parametrize("prompt", REFUSED)
def test_what_cannot_be_read_names_place_and_fix(prompt):
    with pytest.raises(InvalidPrompt, match=re.escape(REFUSED[prompt])):
        parse(prompt)


def escaped(text):
    return re.sub(r"[()\[\]|:\\]", r"\\\g<0>", text)


@given(st.text())
def test_whatever_is_escaped_stays_as_it_is(text):
    assert "".join(one for one, _ in spans(escaped(text))) == text
    assert all(weight == 1.0 for _, weight in spans(escaped(text)))


@given(st.text(st.characters(exclude_characters=r"()[]|:\ ")))
def test_plain_text_is_one_span(text):
    assert spans(text) == ([(text, 1.0)] if text else [])


weights = st.integers(0, 20).map(lambda number: number / 20)
trees = st.recursive(
    st.text("abc ,", min_size=1),
    lambda inner: st.tuples(st.lists(inner, max_size=4), st.sampled_from("([") | weights),
    max_leaves=12,
)


def written(tree):
    if isinstance(tree, str):
        return tree
    inside, how = "".join(map(written, tree[0])), tree[1]
    if isinstance(how, float):
        return f"({inside}:{how})"
    return f"({inside})" if how == "(" else f"[{inside}]"


def characters(tree, weight=1.0):
    """Each character with its weight, by walking down the tree."""
    if isinstance(tree, str):
        return [(letter, weight) for letter in tree]
    factor = {"(": 1.1, "[": 1 / 1.1}.get(tree[1], tree[1])
    return [pair for inner in tree[0] for pair in characters(inner, weight * factor)]


@given(st.lists(trees, max_size=4))
def test_nesting_multiplies(forest):
    expected = [pair for tree in forest for pair in characters(tree)]
    try:
        (part,) = parse("".join(map(written, forest)))
    except InvalidPrompt as error:
        assert "multiply" in str(error)  # noqa: PT017  # twelve brackets deep, and rightly so
        assert max(weight for _, weight in expected) > 3
        return
    got = [(letter, span.weight) for span in part.spans for letter in span.text]
    assert [letter for letter, _ in got] == [letter for letter, _ in expected]
    assert [weight for _, weight in got] == pytest.approx([weight for _, weight in expected])


@given(st.lists(st.tuples(st.text("ab (", max_size=5).map(escaped), weights), max_size=6))
def test_any_shares_add_up_to_one(parts):
    prompt = " | ".join(f"{text}::{share}" for text, share in parts)
    try:
        blend = parse(prompt)
    except InvalidPrompt:
        assert any(not text.strip() for text, _ in parts) or not any(s for _, s in parts)
        return
    assert sum(part.share for part in blend) == pytest.approx(1.0)
    assert len(blend) == max(sum(share > 0 for _, share in parts), 1)


@given(st.text("ab ()[]:|\\.1") | st.text())
def test_any_text_ends_in_parts_or_one_line(prompt):
    try:
        blend = parse(prompt)
    except InvalidPrompt as error:
        said = str(error)
        assert said.startswith("prompt, at ")  # both ends are right ones
        assert len(said.splitlines()) == 1
        return
    assert sum(part.share for part in blend) == pytest.approx(1.0)
    assert all(0 <= span.weight <= 3.001 for part in blend for span in part.spans)
