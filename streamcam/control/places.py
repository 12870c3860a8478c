"""Places: where values stand in a preset and in the look of it that plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamcam.control.numbered import BLEND, LORAS, NUMBERED
from streamcam.control.values import Scope, Takes, values
from streamcam.errors import UsageError, quoted
from streamcam.looks.aim import shares_in, with_shares_in
from streamcam.looks.look import Look
from streamcam.looks.wave import OFF
from streamcam.presets import Preset


def values_in(preset: Preset, look: Look) -> dict[str, Any]:
    """Every value that can be changed, by key."""
    found = {}
    for key, value in values().items():
        if value.takes is Takes.FRAME and not key.startswith(NUMBERED):
            found[key] = _value_in(look if value.scope is Scope.LOOK else preset, key)
    shares = shares_in(look.prompt)
    numbered = {BLEND: shares, LORAS: look.lora_weights}
    return found | {
        f"{prefix}{number}": one
        for prefix, there in numbered.items()
        for number, one in enumerate(there, 1)
    }


def with_values(preset: Preset, found: Mapping[str, Any]) -> Preset:
    """A preset with these values, by key, which were checked; nothing of it is read anew."""
    top: dict[str, Any] = {}
    tables: dict[str, dict[str, Any]] = {}
    for key, one in found.items():
        table, _, name = key.partition(".")
        if name:
            tables.setdefault(table, {})[name] = one
        else:
            top[key] = one
    for table, changed in tables.items():
        before = getattr(preset, table)
        plain = {name: one for name, one in changed.items() if not name.startswith(NUMBERED)}
        for name in changed.keys() - plain.keys():
            inner, _, number = name.partition(".")
            plain[inner] = {**getattr(before, inner), **plain.get(inner, {}), number: changed[name]}
        top[table] = before.model_copy(update=plain)
    return preset.model_copy(update=top)


def prompt_with(prompt: str, played: Mapping[str, float]) -> str:
    """`prompt` with these shares, by key, instead of its own. Raises `UsageError` for a part that
    it has not, and `EngineError`."""
    shares = shares_in(prompt)
    for key, share in played.items():
        number = int(key.removeprefix(BLEND))
        if number > len(shares):
            parts = f"{len(shares)} parts" if shares else "one part"
            raise UsageError(
                f"{key} = {share:g} is not allowed: the prompt that plays has {parts}; parts stand "
                "between bars: anime::2 | film noir."
            )
        shares[number - 1] = share
    return with_shares_in(prompt, shares)


def loras_with(look: Look, played: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """The live LoRAs of `look` with these weights, by key, instead of its own. Raises `UsageError`
    for one that it has not."""
    loras = list(look.loras)
    for key, weight in played.items():
        number = int(key.removeprefix(LORAS))
        if number > len(loras):
            names = ", ".join(quoted(source) for source, _ in loras)
            there = f"has {len(loras)} live LoRAs: {names}" if loras else "has no live LoRA"
            raise UsageError(f"{key} = {weight:g} is not allowed: the preset that plays {there}.")
        loras[number - 1] = (loras[number - 1][0], weight)
    return tuple(loras)


def _value_in(holder: Look | Preset, key: str) -> Any:  # noqa: ANN401  # of whatever kind
    found: Any = holder
    for name in key.split("."):
        found = found.get(name, OFF) if isinstance(found, dict) else getattr(found, name)
    return found
