"""Fitting: what somebody typed, another program sent or a knob says, as a value of its kind."""

from __future__ import annotations

from math import isfinite

from streamcam.control.values import Value

_WORDS = {"true": True, "on": True, "false": False, "off": False}


def typed(value: Value, text: str) -> object:
    """What somebody typed; as it is where it is none."""
    try:
        if value.kind == "number":
            return float(text)
        if value.kind == "integer":
            return int(text)
    except ValueError:
        return text
    return _WORDS.get(text.lower(), text) if value.kind == "switch" else text


def sent(value: Value, given: object) -> object:
    """What another program sent: faders send numbers with a point, for whatever value."""
    if not isinstance(given, int | float) or not isfinite(given):
        return given
    if value.kind == "choice":
        return value.choices[min(max(round(given), 0), len(value.choices) - 1)]
    fits: dict[str, object] = {
        "switch": given >= 0.5,
        "number": float(given),
        "integer": round(given),
    }
    return fits.get(value.kind, given)


def turned(value: Value, share: float) -> object:
    """How far a knob is turned, 0 … 1, over what is usually played."""
    if value.kind == "switch":
        return share >= 0.5
    if value.kind == "choice":
        return value.choices[min(int(share * len(value.choices)), len(value.choices) - 1)]
    most = value.usual
    if value.least is None or most is None:
        return share
    if value.kind == "integer":
        return round(value.least + share * (most - value.least))
    least = value.least + (most - value.least) / 1000 if value.above else value.least
    return least + share * (most - least)
