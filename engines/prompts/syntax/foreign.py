"""Foreign syntax: what AUTOMATIC1111, ComfyUI and their kin read in a prompt and this engine does
not, with what to write here instead. Drawn as words it would do nothing that was meant."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

_logger = logging.getLogger(__name__)

_BLEND = "one::1 | other::1"
_OUT = "take it out, or write in words what it stands for."
_CHOOSE = (
    f"write one of them, {_BLEND} for both at once, or several looks in [looks], which a schedule "
    "can take in turns."
)


def _lora(found: re.Match[str]) -> str:
    name, scale = found["lora"].strip() or "NAME", found["scale"] or "1.0"
    file = name if name.lower().endswith(".safetensors") else f"{name}.safetensors"
    return (
        "a LoRA is no part of a prompt here: take it out, and add the line "
        f'"{file}" = {scale} below [loras].'
    )


class Piece(NamedTuple):
    """One kind of foreign syntax.

    marks    one of these is in every text that the pattern finds. To compile all patterns takes as
             long as to start the interpreter, and most prompts have no marks at all
    said     what to write instead
    """

    marks: tuple[str, ...]
    pattern: str
    said: str | Callable[[re.Match[str]], str]


# None of these may be a part of ordinary text: "<3", "50:50", "R&B", a brace or an underscore by
# itself. An escaped character (\\: \\| \\[) makes no syntax.
PIECES: tuple[Piece, ...] = (
    Piece(
        (":",),
        r"(?:<|(?<![\w<])(?=lora:[^\s:,]+:))(?i:lora|lyco|locon):(?P<lora>[^<>:,]*)"
        r"(?::(?P<scale>-?(?:\d+\.?\d*|\.\d+)))?[^<>\s,]*>?",
        _lora,
    ),
    Piece(
        ("<",),
        r"<(?i:hypernet|hypernetwork):[^<>]*>?",
        "a hypernetwork cannot be loaded here: take it out.",
    ),
    Piece(
        (":",),
        r"<(?i:embed|embedding|ti):[^<>]*>?|(?<!\w)embedding:[^\s,:()\[\]|<>\\]+",
        f"an embedding (textual inversion) cannot be loaded here: {_OUT}",
    ),
    Piece(
        ("<",),
        r"<(?i:random|wildcard|alternate|fromto|segment|region|object|preset|setvar):[^<>]*>?",
        f"this means something to SwarmUI alone: {_OUT}",
    ),
    Piece(
        (":",),
        r"(?<!\w)(?i:negative[ _]prompt)\s*:",
        "what should not be drawn has a key of its own: take it out here, and add "
        'negative_prompt = "…".',
    ),
    Piece(
        (":",),
        r"(?<!\w)(?:Steps:\s*\d+(?=\s*(?:[,|)]|::|\n|\Z))|Sampler:\s*[A-Z]|(?i:CFG scale|Model hash"
        r"|Clip skip|Denoising strength|Schedule type|Lora hashes|TI hashes)\s*:)",
        "settings are no words to draw: take them out; steps, seed, guidance and size are keys of "
        "the preset.",
    ),
    Piece(
        ("--", "—"),
        r"(?<![^\s(])(?:--|—)(?:ar|aspect|chaos|cref|iw|niji|no|quality|seed|sref|style|stylize|tile|v"
        r"|weird)(?!\S)",
        "parameters of Midjourney are no words to draw: take them out; seed, size and "
        "negative_prompt are keys of the preset.",
    ),
    Piece(
        ("__",),
        r"(?<!\w)__(?:[^\W_][\w\-./*]*?(?:\([^()]*\))?|\*+)__(?!\w)",
        "a wildcard is not looked up here: write the words, or several looks in [looks], which a "
        "schedule can take in turns.",
    ),
    Piece(("${",), r"\$\{[^{}]*\}", f"a variable is not looked up here: {_OUT}"),
    Piece(
        ("{",),
        r"\{(?i:prompt)\}",
        "in a style this is the place of your own words: write them here.",
    ),
    Piece(
        ("{",),
        r"\{[^{}]*(?<!\\)\|[^{}]*\}",
        f"words are not chosen by chance here: {_CHOOSE}",
    ),
    Piece(
        ("[",),
        r"(?<!\\)\[[^\[\]]*(?<!\\)\|[^\[\]]*\]",
        f"words do not take turns by step here, as in AUTOMATIC1111: {_CHOOSE}",
    ),
    Piece(
        (")",),
        r"(?<!\\)\)(?:\d+\.\d*|\.\d+)(?![\w.])",
        "a weight stands within its brackets, as in (word:1.3).",
    ),
    Piece(
        (")",),
        r"(?<!\\)\)\s*\.(?:and|blend|swap)\(",
        f"a blend is written like this here: {_BLEND}.",
    ),
    Piece(
        ("ADD",),
        r"(?<!\w)ADD(?:COMM|COL|ROW|BASE|P)(?!\w)",
        f"parts of a picture cannot have prompts of their own here: take it out, or write {_BLEND} "
        "for both at once.",
    ),
    Piece(
        ("AND",),
        r"(?<!\S)AND(?:_[A-Z]+)?(?!\S)(?!\s+gates?\b)",
        f"two prompts at once are written like this here: {_BLEND}. For the word write and.",
    ),
)
_SHOWN = 24  # characters that a line repeats
_BREAK = re.compile(r"(?<!\w)BREAK(?!\w)")


def find_foreign(prompt: str) -> tuple[int, str, str] | None:
    """The first piece of foreign syntax: its place, itself, and what to write instead.

    In a prompt that is all capitals AND is a word as any other.
    """
    found = [
        (match.start(), match.group(), said if isinstance(said, str) else said(match))
        for marks, pattern, said in PIECES
        if any(mark in prompt for mark in marks)
        and (match := re.search(pattern, prompt)) is not None
        and not (match.group().startswith("AND") and _in_capitals(prompt))
    ]
    return min(found, default=None)


def without_breaks(prompt: str) -> str:
    """`prompt`, as long as it was, with a comma for each BREAK, of which a line tells.

    AUTOMATIC1111 begins another chunk of 75 tokens there. Prompts that need several get them here
    by themselves, cut at commas.
    """
    if _in_capitals(prompt):
        return prompt
    for match in _BREAK.finditer(prompt):
        _note(match.start(), prompt[match.start() :][:_SHOWN])

    def comma(match: re.Match[str]) -> str:
        before, after = prompt[: match.start()].rstrip(), prompt[match.end() :].lstrip()
        there = before[-1:] in ("", ",", "(", "[", "|") or after[:1] in ("", ",", ")", "]", "|")
        return "     " if there else ",    "

    return _BREAK.sub(comma, prompt)


@lru_cache(maxsize=64)
def _note(place: int, shown: str) -> None:
    """Once for each: prompts are read several times."""
    _logger.info(
        "prompt, at character %d, '%s': BREAK is taken as a comma; long prompts are cut into "
        "chunks by themselves. For the word write break.",
        place + 1,
        shown,
    )


def _in_capitals(prompt: str) -> bool:
    return not any(character.islower() for character in prompt)
