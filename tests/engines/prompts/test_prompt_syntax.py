"""Prompt syntax: weights and blends as people write them, and what is said about the rest."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engines.errors import InvalidPrompt
from engines.prompts.syntax import foreign, parse


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
    "[cat:0.5]": "prompt, at character 1, '[cat:0.5]': square brackets take no number; write "
    "(word:0.5) for a weight. In AUTOMATIC1111 [word:0.5] comes in during the steps",
    "a [cat:dog:0.5]": "prompt, at character 3, '[cat:dog:0.5]': [from:to:when] changes words",
    "[(cat:1.2)::8]": "[from:to:when] changes words during the steps",
    "(cat: -0.5)": "or \\: for the character. What should not be drawn goes into negative_prompt.",
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


LORA = "a LoRA is no part of a prompt here: take it out, and add the line "
FOREIGN = {
    "<lora:add_detail:0.8>": f'{LORA}"add_detail.safetensors" = 0.8 below [loras].',
    "<lora:a b.v1.safetensors>": f'{LORA}"a b.v1.safetensors" = 1.0 below [loras].',
    "<LoRA:x:-1:0.5>": f'{LORA}"x.safetensors" = -1 below',
    "<lyco:x:1>": LORA,
    "<lora:x": LORA,
    "lora:x:0.8": LORA,
    "<hypernet:x:1>": "a hypernetwork cannot be loaded here: take it out.",
    "embedding:EasyNegative": "an embedding (textual inversion) cannot be loaded here: take it out",
    "<embedding:x>": "an embedding (textual inversion)",
    "<random:red,blue>": "this means something to SwarmUI alone",
    "Negative prompt: ugly": 'a key of its own: take it out here, and add negative_prompt = "…".',
    "negative_prompt: ugly": "negative_prompt = ",
    "Steps: 20, Sampler: Euler a, CFG scale: 7": "settings are no words to draw: take them out; st",
    "Steps: 20": "settings are no words",
    "CFG scale: 7, Seed: 1": "settings are no words",
    "--ar 16:9": "parameters of Midjourney",
    "__colors__": "a wildcard is not looked up here: write the words, or several looks in [looks]",
    "__season/clothes-*__": "a wildcard",
    "${season=!winter}": "a variable",
    "{prompt}": "in a style this is the place of your own words",
    "{red|blue}": "words are not chosen by chance here: write one of them, one::1 | other::1 for",
    "{red | blue | green}": "words are not chosen by chance here",
    "{2$$a|b|c}": "words are not chosen by chance here",
    "{a|{b|c}}": "words are not chosen by chance here",
    "[cow|horse]": "words do not take turns by step here, as in AUTOMATIC1111: write one of them",
    "[cow | horse | (cat:1.2)]": "words do not take turns by step",
    '("a", "b").blend(0.5, 0.5)': "a blend is written like this here: one::1 | other::1.",
    "(cat)1.3": "a weight stands within its brackets, as in (word:1.3).",
    "a dog AND a cat": "two prompts at once are written like this here: one::1 | other::1. For th",
    "a dog :1.2 AND a cat :0.8": "two prompts at once",
    "a dog\nAND_SALT a cat": "two prompts at once",
    "sky ADDCOMM sea": "parts of a picture",
}


@pytest.mark.parametrize("piece", FOREIGN)
@pytest.mark.parametrize("around", ["{}", "a girl, {}, night", "ink | {}::2", "a\n{}\nb", "({})"])
def test_what_other_programs_read_is_named_and_never_drawn(piece, around):
    with pytest.raises(InvalidPrompt) as refusal:
        parse(around.format(piece))
    if not (around == "({})" and "|" in piece):  # a bar in brackets is another mistake
        assert FOREIGN[piece] in str(refusal.value)
        assert str(refusal.value).startswith("prompt, at character ")


def test_the_place_and_the_piece_are_named():
    with pytest.raises(InvalidPrompt, match=r"^prompt, at character 9, '<lora:x:0\.8>': a LoRA "):
        parse("a girl, <lora:x:0.8>, __hair__")


ORDINARY = [
    "R&B", "rock and roll", "{", "}", "a } b {", "{red}", "{a, b}", "50:50", "time 12:30", "<3",
    "a < b > c", "<b>bold</b>", "16:9", "break", "Breaking Bad", "BREAKING NEWS", "BREAKFAST",
    "ANDROID", "SAND", "A CAT AND A DOG", "AN AND BREAK", "an AND gate", "__", "____", "_a_",
    "snake__case", "wild__card__s", "50% off", "$5", "a -- b", "--", "no-one", "C++", "#1", "a|b",
    "a || b", "embedding", "an embedding: vectors", "lora", "LoRA: a name", "steps: worn", "Steps",
    "seed pods, size: large", "a sampler: stitches", "negative space", "prompt: a cat", "a|b}",
    "std::vector", "C:\\clips\\a.png", "it's 5:1", "(vol. 2) 1.5 m", "(1)", "(a) and (b)", "{a",
    "the “magic” forest", "日本、墨絵", "a & b", "~*~", "@home", "[draft]", "[red:blue]", "x^2",
]  # fmt: skip


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("around", ["{}", "ink, {}, night", "{} | ink"])
def test_ordinary_text_is_text(text, around, caplog):
    """Letters and their order, apart from weights."""
    caplog.set_level("INFO")
    written = around.replace("{}", text)
    if text.isupper() and around != "{}":
        written = written.upper()
    drawn = " | ".join(part.text for part in parse(written))
    assert re.sub(r"[\s()\[\]]", "", drawn) == re.sub(r"[\s()\[\]]", "", written)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("prompt", "drawn"),
    [
        ("a girl BREAK a city", "a girl, a city"),
        ("a girl, BREAK a city", "a girl, a city"),
        ("a girl BREAK, a city", "a girl, a city"),
        ("a girl\nBREAK\na city BREAK", "a girl, a city"),
        ("BREAK a girl (night BREAK rain:1.2)", "a girl night, rain"),
    ],
)
def test_break_is_a_comma_and_a_line_says_so(prompt, drawn, caplog):
    foreign._note.cache_clear()
    caplog.set_level("INFO", "engines")
    for _ in range(3):
        (part,) = parse(prompt)
        assert " ".join(part.text.split()).replace(" ,", ",") == drawn
    place = prompt.index("BREAK") + 1
    assert len(caplog.messages) == prompt.count("BREAK")
    assert caplog.messages[0].startswith(f"prompt, at character {place}, 'BREAK")
    assert "BREAK is taken as a comma" in caplog.messages[0]


def test_places_behind_a_break_are_right():
    with pytest.raises(InvalidPrompt, match=r"^prompt, at character 17, '\(night': the bracket is"):
        parse("a girl, BREAK a (night")


def escaped(text):
    return re.sub(r"[()\[\]|:\\]", r"\\\g<0>", text)


@given(st.text())
def test_whatever_is_escaped_stays_as_it_is(text):
    assume(foreign.find_foreign(text) is None and "BREAK" not in text)
    assert "".join(one for one, _ in spans(escaped(text))) == text
    assert all(weight == 1.0 for _, weight in spans(escaped(text)))


@given(st.text(st.characters(exclude_characters=r"()[]|:\ ")))
def test_plain_text_is_one_span(text):
    assume(foreign.find_foreign(text) is None and "BREAK" not in text)
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


@pytest.mark.parametrize("piece", foreign.PIECES, ids=lambda piece: piece.pattern[:20])
def test_whatever_a_pattern_finds_has_one_of_its_marks(piece):
    """Without one the pattern is not even compiled."""

    @given(st.from_regex(piece.pattern))
    def check(text):
        assert any(mark in text for mark in piece.marks)

    check()
