"""Batches: pieces of the data set as the model meets them, with prompts for what they become."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from engines.nano.autoencoder import PATTERN_PERIOD
from engines.nano.training.dataset import SIDE, DataSet, Place
from engines.nano.training.looks.codes import named
from engines.nano.training.looks.styles import STYLES
from engines.nano.training.looks.tones import TONES, toned
from engines.nano.training.looks.words import prompt
from engines.nano.training.webcam import filmed

_LOOKS = [name for name in STYLES if name != "photo"]


_Asked = tuple[list[str], list[str]]


@dataclass(frozen=True, slots=True)
class Batch:
    """B pieces on the device that trains, images in [−1, 1], channels last.

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


def batch(data: DataSet, size: int, crop: int, random: Random, takes: int = 1) -> Batch:
    """`size` pieces of crop × crop pixels; with 2 takes the second half is the first, filmed again.

    Pieces start where the paper's patterns do, so that they lie as they do in a whole picture.
    Uses torch's random numbers too.
    """
    places = [_place(len(data), crop, random) for _ in range(size // takes)]
    asked = [_choice(random) for _ in places]
    prompts = [_said(looks, tones, random) for looks, tones in asked]
    names_BN = torch.tensor([named(*choice) for choice in asked])
    with torch.no_grad(), torch.autocast(data.device.type, enabled=False):
        clean = data.pieces(["photo"] * len(places), places, crop)
        wanted = _drawings(data, asked, places, crop)
        return Batch(
            seen_BCHW=_centred(filmed(clean.repeat(takes, 1, 1, 1))),
            clean_BCHW=_centred(clean.repeat(takes, 1, 1, 1)),
            wanted_BCHW=_centred(wanted.repeat(takes, 1, 1, 1)),
            named_BN=names_BN.to(data.device).repeat(takes, 1),
            prompts=prompts * takes,
        )


def _drawings(data: DataSet, asked: list[_Asked], places: list[Place], crop: int) -> Tensor:
    """What is asked for at each place, BCHW in [0, 1]."""
    wanted = data.pieces([looks[0] for looks, _ in asked], places, crop)
    blends = [row for row, (looks, _) in enumerate(asked) if len(looks) == 2]
    if blends:
        others = [asked[row][0][1] for row in blends]
        other = data.pieces(others, [places[row] for row in blends], crop)
        wanted[blends] = torch.lerp(wanted[blends], other, 0.5)
    for tone in TONES:
        rows = [row for row, (_, tones) in enumerate(asked) if tone in tones]
        if rows:
            wanted[rows] = toned(tone, wanted[rows])
    return wanted


def _place(rows: int, crop: int, random: Random) -> Place:
    places = (SIDE - crop) // PATTERN_PERIOD + 1
    top, left = (PATTERN_PERIOD * random.randrange(places) for _ in range(2))
    return random.randrange(rows), top, left


def _choice(random: Random) -> _Asked:
    """One look, sometimes two, sometimes with a tone or two; now and then none."""
    tones = random.sample(list(TONES), random.choices((0, 1, 2), (60, 33, 7))[0])
    chance = random.random()
    if chance < 0.1:
        return ["photo"], tones
    if chance < 0.2:
        return random.sample(_LOOKS, 2), tones
    return [random.choice(_LOOKS)], tones


def _said(looks: list[str], tones: list[str], random: Random) -> str:
    neutral = looks == ["photo"] and not tones and random.random() < 0.5
    return "" if neutral else prompt(looks, tones, random)


def _centred(picture_BCHW: Tensor) -> Tensor:
    """From [0, 1] to [−1, 1]."""
    return (picture_BCHW * 2.0 - 1.0).contiguous(memory_format=torch.channels_last)
