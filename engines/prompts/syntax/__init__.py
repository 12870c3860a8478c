r"""Prompt syntax: text → parts of a blend, each of them spans of text with a weight. Pure text.

    (word) [word]         weight 1.1 and 1/1.1, as in AUTOMATIC1111 and ComfyUI; nesting multiplies
    (some words:1.3)      weight 1.3; from 0 to 3
    one | other           a blend: both prompts at once, half and half; spaces on both sides
    one::2 | other::0.5   with shares, which are brought to a sum of 1
    \( \) \[ \] \: \| \\  the character itself

Everything else is text: a colon in a sentence, a pipe without spaces, any other backslash. What
means something to other programs alone is refused, see foreign.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from engines.errors import InvalidPrompt, quoted
from engines.prompts.syntax.foreign import find_foreign, without_breaks

WEIGHT_MAX, SHARE_MAX = 3.0, 100.0
_EMPHASIS = 1.1
_SHOWN = 24  # characters that an error repeats
_OTHER = {"(": ")", "[": "]"}
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_IS_NUMBER = re.compile(_NUMBER)
_AT_ITS_END = r"(?=\s*\Z|\s+\|(?:\s|\Z))"  # of a part
LEXEMES = re.compile(
    rf"""
      (?P<escaped> \\ [()\[\]|:\\] )
    | (?P<opening> [(\[] )
    | (?P<weight> : (?P<gap>\s*) (?P<amount>[^\s()\[\]:|\\]*) \s* (?P<bracket>[)\]]) )
    | (?P<closing> [)\]] )
    | (?P<share> :: \s* (?P<size>(?:[-+.0-9][^\s()\[\]:|\\]*)?) {_AT_ITS_END} )
    | (?P<astray> :: {_NUMBER} (?=\s) )
    | (?P<bar> (?:(?<=\s)|(?<![\s\S])) \| (?=\s|\Z) )
    | (?P<text> [^\\()\[\]:|]+ | [\s\S] )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text; `weight` says how strongly it acts, 0 not at all and 1 as written."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class BlendPart:
    """One prompt of a blend; `share` of it in the whole, above 0 and at most 1."""

    spans: tuple[Span, ...]
    share: float

    @property
    def text(self) -> str:
        """Without its weights."""
        return "".join(span.text for span in self.spans)


def parse(prompt: str) -> tuple[BlendPart, ...]:
    """The parts of a prompt, whose shares add up to 1; a plain prompt is one part of one span.

    Raises `InvalidPrompt` naming place and fix.
    """
    foreign = find_foreign(prompt)
    if foreign is not None:
        place, piece, why = foreign
        raise InvalidPrompt(f"prompt, at character {place + 1}, {quoted(_shortened(piece))}: {why}")
    prompt = without_breaks(prompt)
    reader = _Reader(prompt)
    for match in LEXEMES.finditer(prompt):
        reader.read(match)
    return reader.parts()


class _Reader:
    """Takes lexeme after lexeme."""

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt
        self._spans: list[Span] = []  # of the part that is being read
        self._open: list[tuple[int, int]] = []  # place of a bracket, number of spans before it
        self._share: float | None = None
        self._began = 0  # where the part began
        self._parts: list[tuple[tuple[Span, ...], float]] = []

    def read(self, match: re.Match[str]) -> None:
        kind, found, place = str(match.lastgroup), match.group(), match.start()
        inside = bool(self._open)
        if kind == "opening":
            self._open.append((place, len(self._spans)))
        elif kind == "closing":
            self._close(place, found, None)
        elif kind == "weight":
            self._read_weight(match)
        elif kind == "bar":
            self._end_part(place)
        elif kind == "share" and not inside:
            self._share = self._number(place, match["size"], SHARE_MAX, "share", "anime::0.7")
        elif kind == "astray" and not inside:
            self._refuse(place, "a share stands at the end of its part: one::2 | other::0.5.")
        else:
            self._spans.append(Span(found[1:] if kind == "escaped" else found, 1.0))

    def parts(self) -> tuple[BlendPart, ...]:
        """What was read. Raises `InvalidPrompt` for what is not finished."""
        self._end_part(len(self._prompt))
        whole = sum(share for _, share in self._parts)
        if whole <= 0:
            self._refuse(0, "all shares are 0; give one part a share above 0.")
        return tuple(BlendPart(spans, share / whole) for spans, share in self._parts if share > 0)

    def _read_weight(self, match: re.Match[str]) -> None:
        """ ":1.3)", or a colon before the last word in brackets that is no weight."""
        amount, bracket, place = match["amount"], match["bracket"], match.start()
        if not self._open:
            self._close(match.end() - 1, bracket, None)
        numeric = _IS_NUMBER.fullmatch(amount) is not None
        if bracket == "]" and numeric:
            self._refuse_steps(self._open[-1][0], place, amount)
        if bracket == "]" or (match["gap"] and not numeric):
            self._spans.append(Span(match.group()[:-1], 1.0))
            self._close(match.end() - 1, bracket, None)
        else:
            weight = self._number(place, amount, WEIGHT_MAX, "weight", "(word:1.3)")
            self._close(match.end() - 1, bracket, weight)

    def _refuse_steps(self, opened: int, place: int, amount: str) -> NoReturn:
        if ":" in self._prompt[opened:place]:
            self._refuse(
                opened,
                "[from:to:when] changes words during the steps in AUTOMATIC1111, and here they are "
                "too few for that: write one of them, one::1 | other::1 for both at once, or two "
                "looks in [looks], which cross over.",
            )
        self._refuse(
            opened,
            f"square brackets take no number; write (word:{amount}) for a weight. In AUTOMATIC1111 "
            f"[word:{amount}] comes in during the steps, which are too few for that here.",
        )

    def _close(self, place: int, bracket: str, weight: float | None) -> None:
        if not self._open:
            self._refuse(place, f"no bracket is open here; write \\{bracket} for the character.")
        opened, first = self._open.pop()
        if bracket != _OTHER[self._prompt[opened]]:
            right = _OTHER[self._prompt[opened]]
            self._refuse(
                place, f"{quoted(right)} comes first; write \\{bracket} for the character."
            )
        if weight is None:
            weight = _EMPHASIS if bracket == ")" else 1.0 / _EMPHASIS
        for number, span in enumerate(self._spans[first:], first):
            self._spans[number] = Span(span.text, span.weight * weight)
        if any(span.weight > WEIGHT_MAX + 1e-6 for span in self._spans[first:]):
            strongest = max(span.weight for span in self._spans[first:])
            self._refuse(
                opened, f"nested weights multiply to {strongest:.3g}, at most {WEIGHT_MAX:g}."
            )

    def _end_part(self, place: int) -> None:
        if self._open:
            opened = self._open[-1][0]
            bracket = self._prompt[opened]
            inside = "" if place == len(self._prompt) else " before the ' | ' of a blend"
            self._refuse(
                opened,
                f"the bracket is not closed{inside}; add {quoted(_OTHER[bracket])}, or write "
                f"\\{bracket} for the character.",
            )
        blend = bool(self._parts) or place < len(self._prompt) or self._share is not None
        if blend and not any(span.text.strip() for span in self._spans):
            self._refuse(self._began, "a part of the blend is empty; write \\| for the character.")
        share = 1.0 if self._share is None else self._share
        self._parts.append((_merged(self._spans), share))
        self._spans, self._share, self._began = [], None, place + 1

    def _number(self, place: int, text: str, most: float, what: str, example: str) -> float:
        value = float(text) if _IS_NUMBER.fullmatch(text) else -1.0
        if not 0.0 <= value <= most:
            said = f"{what} {quoted(text)} is not allowed" if text else f"the {what} is missing"
            negative = text.startswith("-") and _IS_NUMBER.fullmatch(text)
            rest = " What should not be drawn goes into negative_prompt." if negative else ""
            self._refuse(
                place,
                f"{said}; write a number from 0 to {most:g}, as in {example}, or \\: for the "
                f"character.{rest}",
            )
        return value

    def _refuse(self, place: int, why: str) -> NoReturn:
        shown = _shortened(self._prompt[place:].lstrip())
        at = f"at character {place + 1}, {quoted(shown)}" if shown else "at its end"
        raise InvalidPrompt(f"prompt, {at}: {why}")


def _shortened(text: str) -> str:
    return text[:_SHOWN] + ("…" if len(text) > _SHOWN else "")


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    """Neighbours of one weight as one span."""
    merged: list[Span] = []
    for span in spans:
        if merged and merged[-1].weight == span.weight:
            span = Span(merged.pop().text + span.text, span.weight)
        merged.append(span)
    return tuple(merged)
