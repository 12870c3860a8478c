"""Batches: pieces of the data set as the model meets them, with prompts for what they become."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from torch import Tensor

from engines.nano.autoencoder import PATTERN_PERIOD
from engines.nano.training.codes import named
from engines.nano.training.dataset import SIDE, DataSet
from engines.nano.training.filters import Picture
from engines.nano.training.styles import STYLES
from engines.nano.training.tones import TONES, toned
from engines.nano.training.webcam import filmed
from engines.nano.training.words import prompt

_LOOKS = [name for name in STYLES if name != "photo"]


@dataclass(frozen=True, slots=True)
class Batch:
    """B pieces, images in [−1, 1].

    seen_BCHW    what the camera gave
    clean_BCHW   the same before the camera spoilt it
    wanted_BCHW  the drawing that the prompt asks for
    named_BN     what it asks for, for `codes.Codes`
    """

    seen_BCHW: Tensor
    clean_BCHW: Tensor
    wanted_BCHW: Tensor
    named_BN: Tensor
    prompts: list[str]

    def to(self, device: torch.device) -> Batch:
        """On that device."""
        parts = (self.seen_BCHW, self.clean_BCHW, self.wanted_BCHW, self.named_BN)
        seen, clean, wanted, asked = (part.to(device) for part in parts)
        return Batch(seen, clean, wanted, asked, self.prompts)


def batch(data: DataSet, size: int, crop: int, random: Random, takes: int = 1) -> Batch:
    """`size` pieces of crop × crop pixels; with 2 takes the second half is the first, filmed again.

    Pieces start where the paper's patterns do, so that they lie as they do in a whole picture.
    """
    grain = np.random.default_rng(random.getrandbits(64))
    rows = [_piece(data, crop, random) for _ in range(size // takes)] * takes
    seen = _tensor([filmed(clean, grain) for clean, *_ in rows])
    clean = _tensor([clean for clean, *_ in rows])
    wanted = _tensor([wanted for _, wanted, *_ in rows])
    asked = torch.tensor([asked for *_, asked, _ in rows])
    return Batch(seen, clean, wanted, asked, [text for *_, text in rows])


def _piece(data: DataSet, crop: int, random: Random) -> tuple[Picture, Picture, list[float], str]:
    row = random.randrange(len(data))
    places = (SIDE - crop) // PATTERN_PERIOD + 1
    top, left = (PATTERN_PERIOD * random.randrange(places) for _ in range(2))

    def piece(style: str) -> Picture:
        found = data.drawings[style][row, top : top + crop, left : left + crop]
        return np.asarray(found, np.float32) / np.float32(255)

    looks, tones = _choice(random)
    wanted = np.asarray(sum(piece(look) for look in looks) / len(looks), np.float32)
    for tone in tones:
        wanted = toned(tone, wanted)
    neutral = looks == ["photo"] and not tones and random.random() < 0.5
    text = "" if neutral else prompt(looks, tones, random)
    return piece("photo"), wanted, named(looks, tones), text


def _choice(random: Random) -> tuple[list[str], list[str]]:
    """One look, sometimes two, sometimes with a tone or two; now and then none."""
    tones = random.sample(list(TONES), random.choices((0, 1, 2), (60, 33, 7))[0])
    chance = random.random()
    if chance < 0.1:
        return ["photo"], tones
    if chance < 0.2:
        return random.sample(_LOOKS, 2), tones
    return [random.choice(_LOOKS)], tones


def _tensor(pictures: list[Picture]) -> Tensor:
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return (stacked * 2.0 - 1.0).contiguous(memory_format=torch.channels_last)
