"""Infotext: what AUTOMATIC1111 and its kin write into a picture that they made.

a prompt, over as many lines as it has
Negative prompt: another
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Denoising strength: 0.5
"""

from __future__ import annotations

import re

from engines.ranges import SEED
from streamcam.presets.foreign import USUAL, Foreign, Table
from streamcam.presets.foreign.words import adopted

_SETTINGS = re.compile(r"^Steps: *\d", re.MULTILINE)
_NEGATIVE = re.compile(r"^Negative prompt:", re.MULTILINE)
_SETTING = re.compile(r'([A-Za-z][\w /-]*): *("(?:[^"\\]|\\.)*"|[^,\n]*)')
# Of a prompt that fits a few steps nothing is left of these; each with what to do instead.
_LEFT = {
    "Steps": "here steps are 1 to 8, and the model is made for them.",
    "CFG scale": "models of a few steps want guidance near 1.",
    "Sampler": "the model's own schedule is used.",
    "Model": "to have this model, give --model FILE.",
}


def is_infotext(text: str) -> bool:
    """Whether a text has the line of settings by which such programs know their own."""
    return _SETTINGS.search(text) is not None


def read_infotext(text: str) -> Foreign:
    """The look that was written into a picture."""
    settings, line = {}, list(_SETTINGS.finditer(text))
    if line:
        settings = {
            found[1].strip(): found[2].strip().strip('"')
            for found in _SETTING.finditer(text[line[-1].start() :])
        }
        text = text[: line[-1].start()]
    negative = _NEGATIVE.search(text)
    parts = (text, "") if negative is None else (text[: negative.start()], text[negative.end() :])
    prompt, said = adopted(parts[0])
    avoided, also_said = adopted(parts[1])
    table: Table = {"prompt": prompt, **USUAL}
    if avoided:
        table["negative_prompt"] = avoided
    return Foreign(table | _kept(settings), (*said, *also_said, *_left(settings)))


def _kept(settings: dict[str, str]) -> Table:
    table: Table = {}
    seed = settings.get("Seed", "")
    if seed.isdecimal() and int(seed) in range(int(SEED.most) + 1):
        table["seed"] = int(seed)
    # Of a second pass at a larger size it says nothing of what the look is.
    if "Hires upscale" not in settings and (strength := _strength_of(settings)):
        table["strength"] = strength
    return table


def _strength_of(settings: dict[str, str]) -> float | None:
    """That of a picture which was made from another; None: it was not, or it is no number."""
    try:
        strength = float(settings["Denoising strength"])
    except (KeyError, ValueError):
        return None
    return strength if 0 < strength <= 1 else None


def _left(settings: dict[str, str]) -> list[str]:
    return [f"{key} {settings[key]}: {why}" for key, why in _LEFT.items() if key in settings]
