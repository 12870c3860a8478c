"""Words: a look's values as JSON, and back. Prompts travel as text: each side encodes them itself.

A prompt is a text; or {"arc": [from, to, share]}, on its way from one to another; or {"blend":
[[prompt, share], …]}. Both may be nested, as a fade is that begins within another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from engines.api import Embedding, Params, Words
from engines.errors import InvalidSpec
from engines.prompts import blend, crossfade
from engines.ranges import LCM_INDEX, why_not_t_index
from streamcam.errors import UsageError
from streamcam.remote.wire import Misspoken

LONGEST_PROMPT = 4096  # characters
_DEEPEST = 12
_MOST_PARTS = 16
_MOST_NODES = 64  # texts, arcs and blends in one prompt
_MOST_SEEDS = 8
_KEYS = {"prompt", "negative", "strength", "guidance", "delta", "seed", "seed_mix", "t_index"}


def dump(params: Params) -> bytes:
    """As JSON. Raises `UsageError` where an embedding does not say what it was made of."""
    table: dict[str, Any] = {
        "prompt": _written(params.prompt.words),
        "negative": _written(params.negative.words),
        "strength": params.strength,
        "guidance": params.guidance_scale,
        "delta": params.delta,
        "seed": params.seed,
    }
    if params.seed_mix is not None:
        table["seed_mix"] = params.seed_mix
    if params.t_index is not None:
        table["t_index"] = params.t_index
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def load(values: bytes, encode: Callable[[str], Embedding], steps: int) -> Params:
    """What `dump` wrote, for an engine of `steps` that encodes by `encode`.

    Raises `Misspoken` for what `dump` cannot have written, and what the engine says to a look that
    it cannot show: `EngineError`.
    """
    table = _table(values)
    numbers = [table.get(key) for key in ("strength", "guidance", "delta")]
    if not all(_is_number(one) for one in numbers) or not _is_seed(table.get("seed")):
        raise Misspoken("strength, guidance, delta and seed must be numbers.")
    t_index = _indices(table["t_index"], steps) if "t_index" in table else None
    mix = _mix(table["seed_mix"]) if "seed_mix" in table else None
    prompt, negative = (_whole(table.get(key)) for key in ("prompt", "negative"))
    try:
        return Params(
            prompt=_embedded(prompt, encode),
            negative=_embedded(negative, encode),
            strength=float(table["strength"]),
            guidance_scale=float(table["guidance"]),
            delta=float(table["delta"]),
            seed=table["seed"],
            seed_mix=mix,
            t_index=t_index,
        )
    except InvalidSpec as error:
        raise Misspoken(str(error)) from error


def _table(values: bytes) -> Mapping[str, Any]:
    try:
        table = json.loads(values, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Misspoken("a look's values are no JSON.") from None
    if not isinstance(table, dict) or not table.keys() <= _KEYS:
        raise Misspoken(f"a look's values are a table of {', '.join(sorted(_KEYS))}.")
    return table


def _no_number(name: str) -> float:
    raise ValueError(name)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _is_seed(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _indices(value: object, steps: int) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(_is_seed(one) for one in value):
        raise Misspoken("t_index must be a list of whole numbers.")
    problem = why_not_t_index(value, steps)
    if problem or not all(LCM_INDEX.least <= one <= LCM_INDEX.most for one in value):
        raise InvalidSpec(f"t_index {value} {problem or f'must be {LCM_INDEX}.'}")
    return tuple(value)


def _mix(value: object) -> tuple[tuple[int, float], ...]:
    if isinstance(value, list) and 0 < len(value) <= _MOST_SEEDS:
        pairs = [tuple(one) for one in value if isinstance(one, list) and len(one) == 2]
        if len(pairs) == len(value) and all(_is_seed(s) and _is_number(w) for s, w in pairs):
            return tuple((seed, float(weight)) for seed, weight in pairs)
    raise Misspoken(f"seed_mix must be 1 to {_MOST_SEEDS} pairs of a seed and its weight.")


def _written(words: Words | None) -> object:
    if words is None:
        raise UsageError("this prompt cannot be sent: it does not say what it was made of.")
    if isinstance(words, str):
        return words
    if words[0] == "arc":
        return {"arc": [_written(words[1]), _written(words[2]), words[3]]}
    return {"blend": [[_written(part), share] for part, share in words[1]]}


def _whole(given: object) -> Words:
    """Raises `Misspoken`. Nothing is encoded before all of it is known to be right."""
    words = _read(given, _DEEPEST)
    if _count(words) > _MOST_NODES:
        raise Misspoken(f"a prompt has at most {_MOST_NODES} parts.")
    return words


def _count(words: Words) -> int:
    if isinstance(words, str):
        return 1
    inside = words[1:3] if words[0] == "arc" else [part for part, _ in words[1]]
    return 1 + sum(_count(one) for one in inside)


def _read(given: object, depth: int) -> Words:
    if isinstance(given, str) and len(given) <= LONGEST_PROMPT:
        return given
    if depth and isinstance(given, dict) and len(given) == 1:
        (kind, inside), *_ = given.items()
        if kind == "arc" and isinstance(inside, list) and len(inside) == 3:
            start, end = (_read(one, depth - 1) for one in inside[:2])
            return ("arc", start, end, _share(inside[2]))
        if kind == "blend" and isinstance(inside, list) and 0 < len(inside) <= _MOST_PARTS:
            pairs = [one for one in inside if isinstance(one, list) and len(one) == 2]
            if len(pairs) == len(inside):
                parts = tuple((_read(one, depth - 1), _share(share)) for one, share in pairs)
                return ("blend", parts)
    raise Misspoken(
        f"a prompt is a text of at most {LONGEST_PROMPT} characters, an arc or a blend."
    )


def _share(value: object) -> float:
    if not _is_number(value) or not 0.0 <= value <= 1.0:  # type: ignore[operator]  # it is one
        raise Misspoken("a share must be a number from 0 to 1.")
    return float(value)  # type: ignore[arg-type]


def _embedded(words: Words, encode: Callable[[str], Embedding]) -> Embedding:
    if isinstance(words, str):
        return encode(words)
    if words[0] == "arc":
        return crossfade(_embedded(words[1], encode), _embedded(words[2], encode), words[3])
    return blend([(_embedded(part, encode), share) for part, share in words[1]])
