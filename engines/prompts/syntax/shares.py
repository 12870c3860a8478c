"""The shares of a blend, read from a prompt's text and written into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engines.errors import InvalidPrompt
from engines.prompts.syntax import LEXEMES, SHARE_MAX, parse
from engines.prompts.syntax.foreign import without_breaks

_DIGITS = 4  # behind the point: a ten-thousandth of a blend is drawn by nobody


@dataclass(frozen=True, slots=True)
class Written:
    """A part as it stands in the text: its `text` without a share, and the `share` it has."""

    text: str
    share: float


def written_parts(prompt: str) -> tuple[Written, ...]:
    """The parts of a prompt, with those that have a share of 0; a plain prompt is one.

    Raises `InvalidPrompt`.
    """
    parse(prompt)
    return tuple(_parts(without_breaks(prompt)))


def with_shares(prompt: str, shares: Sequence[float]) -> str:
    """`prompt` with these shares, one for each part; a plain prompt as it is.

    Raises `InvalidPrompt` for shares that are none (below 0, above 100, all 0, another number).
    """
    parts = written_parts(prompt)
    if len(shares) != len(parts):
        raise InvalidPrompt(f"prompt: it has {len(parts)} parts, not {len(shares)}.")
    for share in shares:
        if not 0.0 <= share <= SHARE_MAX:
            raise InvalidPrompt(f"prompt: share {share} must be a number from 0 to {SHARE_MAX:g}.")
    if not sum(round(share, _DIGITS) for share in shares):
        raise InvalidPrompt("prompt: all shares are 0; give one part a share above 0.")
    if len(parts) == 1:
        return prompt
    return " | ".join(
        f"{_open_ended(part.text)}::{_number(share)}"
        for part, share in zip(parts, shares, strict=True)
    )


def _parts(prompt: str) -> Iterator[Written]:
    began, depth = 0, 0
    ends, share = None, 1.0  # of the part that is being read
    for match in LEXEMES.finditer(prompt):
        kind = match.lastgroup
        if kind == "opening":
            depth += 1
        elif kind in ("closing", "weight"):
            depth -= 1
        elif kind == "share" and not depth:
            ends, share = match.start(), float(match["size"])
        elif kind == "bar":
            yield Written(prompt[began : match.start() if ends is None else ends].strip(), share)
            began, ends, share = match.end(), None, 1.0
    yield Written(prompt[began:ends].strip(), share)


def _open_ended(text: str) -> str:
    """A backslash at the end would make the share's colon a character."""
    return f"{text} " if text.endswith("\\") else text


def _number(share: float) -> str:
    return f"{share:.{_DIGITS}f}".rstrip("0").rstrip(".")
