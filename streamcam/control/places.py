"""Places: where values stand in a preset and in the look of it that plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamcam.control.values import BLEND, Scope, Takes, values
from streamcam.errors import UsageError
from streamcam.looks.aim import shares_in, with_shares_in
from streamcam.looks.look import Look
from streamcam.looks.wave import OFF
from streamcam.presets import Preset


def values_in(preset: Preset, look: Look) -> dict[str, Any]:
    """Every value that can be changed, by key."""
    found = {}
    for key, value in values().items():
        if value.takes is Takes.FRAME and not key.startswith(BLEND):
            found[key] = _value_in(look if value.scope is Scope.LOOK else preset, key)
    shares = shares_in(look.prompt)
    return found | {f"{BLEND}{number}": share for number, share in enumerate(shares, 1)}


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
        plain = {name: one for name, one in changed.items() if not name.startswith(BLEND)}
        parts = {name.removeprefix(BLEND): changed[name] for name in changed.keys() - plain.keys()}
        if parts:
            plain["blend"] = before.blend | parts
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


def _value_in(holder: Look | Preset, key: str) -> Any:  # noqa: ANN401  # of whatever kind
    found: Any = holder
    for name in key.split("."):
        found = found.get(name, OFF) if isinstance(found, dict) else getattr(found, name)
    return found
