"""The looks: what the model learns to draw, as classical non-photorealistic rendering.

Each is a function from a photo to its drawing, both float32 (H, W, 3) RGB in [0, 1]. They are drawn
for pictures of about 256 to 512 pixels. A style added here, with its words in words.py, is learnt
at the next training.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.nano.autoencoder import PATTERN_PERIOD, paper
from engines.nano.training.looks.filters import (
    Picture,
    blurred,
    colour,
    dabs,
    ink,
    luminance,
    mixed,
    ramp,
    relit,
    saturated,
    simplified,
    slope,
    steps,
)

Style = Callable[[Picture], Picture]

# Pixels mirrored around a picture, so that its border is drawn like its middle.
_MARGIN = PATTERN_PERIOD


def photo(picture: Picture) -> Picture:
    """The camera's picture."""
    return picture


def anime(picture: Picture) -> Picture:
    """Cel shading: few tones with clear edges, bright clean colours, thin violet lines."""
    flat = simplified(picture, 4, 0.16)
    light = np.clip(luminance(flat), 0.0, 1.0) ** 0.78
    cel = steps(blurred(light, 1.0), 4, 7.0)
    shade = 0.12 * light + 0.88 * (0.14 + 0.86 * cel)
    base = saturated(relit(flat, shade), 1.75)
    lines = ink(blurred(luminance(picture), 0.7), 1.0, 0.014, 46.0)
    return mixed(colour(0.13, 0.07, 0.20), base, lines)


def sketch(picture: Picture) -> Picture:
    """Pencil on paper: dodged tones and graphite lines."""
    light = luminance(np.asarray(cv2.bilateralFilter(picture, 5, 0.1, 3), np.float32))
    dodged = np.clip(light / (blurred(light, 7.0) + 0.02), 0.0, 1.0) ** 2.4
    lines = ink(blurred(luminance(picture), 0.6), 0.8, 0.010, 34.0)
    shade = 0.80 + 0.20 * np.clip(blurred(light, 2.0) * 1.6, 0.0, 1.0)
    tone = np.clip(dodged * (0.2 + 0.8 * lines) * shade, 0.0, 1.0)
    return mixed(colour(0.15, 0.15, 0.18), colour(0.975, 0.965, 0.94), np.float32(1) * tone)


def watercolor(picture: Picture) -> Picture:
    """Transparent washes with pigment at their edges, on warm paper."""
    wash = dabs(dabs(np.asarray(cv2.bilateralFilter(picture, 5, 0.1, 3), np.float32), 3), 3)
    light = blurred(luminance(wash), 0.9)
    pool = np.clip(blurred(light, 3.0) - light, 0.0, 1.0)  # pigment dries on the dark side
    halo = np.clip(light - blurred(light, 3.0), 0.0, 1.0)  # and leaves paper on the light one
    pale = saturated(0.26 + 0.74 * np.clip(wash, 0.0, 1.0) ** 0.62, 1.9)
    pale = np.clip(pale, 0.0, 1.0) ** (1.0 + 8.0 * pool[..., None])
    bare = np.clip(3.4 * halo + 2.4 * (blurred(light, 1.5) - 0.66), 0.0, 0.9)
    pale = mixed(np.asarray(pale, np.float32), colour(1.0, 1.0, 1.0), bare)
    lines = ink(blurred(luminance(picture), 0.6), 0.9, 0.014, 26.0)
    drawn = mixed(pale, colour(0.30, 0.20, 0.24), 0.55 * (1.0 - lines))
    return np.asarray(drawn * colour(1.0, 0.985, 0.95), np.float32)


def oil(picture: Picture) -> Picture:
    """Thick paint: dabs of colour with light on their ridges."""
    paint = mixed(dabs(dabs(picture, 3), 3), dabs(picture, 1), 0.3)
    light = luminance(paint)
    right, down = slope(blurred(light, 0.7))
    # The brush follows the edges: paint is smeared along them and stands out across them.
    angle = np.arctan2(right, -down)
    ridges = np.sin(9.0 * blurred(light, 1.2) * np.pi + 3.0 * angle)
    relief = np.clip(2.2 * (right + down), -0.22, 0.22) + 0.035 * ridges
    rich = saturated(np.clip(paint, 0.0, 1.0) ** 0.92, 1.8)
    rich = np.clip((rich - 0.5) * 1.18 + 0.5 + relief[..., None], 0.0, 1.0)
    return np.asarray(np.clip(rich * colour(1.04, 0.99, 0.90), 0.0, 1.0), np.float32)


def comic(picture: Picture) -> Picture:
    """Three tones, loud colours, fat black lines, printed dots in the mid tones."""
    flat = simplified(picture, 3, 0.18)
    light = blurred(luminance(flat), 1.0)
    tone = steps(np.clip((light - 0.5) * 1.25 + 0.55, 0.0, 1.0), 3, 9.0)
    base = saturated(relit(flat, 0.15 + 0.82 * tone), 2.3)
    dots = _cut(_patterns(light)[0], 2.2 * light - 0.75)
    middle = np.clip(1.0 - np.abs(light - 0.38) * 5.0, 0.0, 1.0)
    base = mixed(base, np.asarray(base * 0.62, np.float32), middle * dots)
    lines = ink(blurred(luminance(picture), 0.8), 1.4, 0.010, 46.0)
    solid = np.clip((blurred(luminance(picture), 1.0) - 0.11) * 16.0, 0.0, 1.0)
    return mixed(colour(0.03, 0.02, 0.05), base, lines * solid)


def neon(picture: Picture) -> Picture:
    """Glowing edges over a dark violet city."""
    calm = np.asarray(cv2.bilateralFilter(picture, 7, 0.16, 5), np.float32)
    light = blurred(luminance(calm), 0.8)
    right, down = slope(light)
    edge = np.hypot(right, down) / (0.25 + blurred(light, 10.0))
    glow = np.clip((edge - 0.03) * 8.0, 0.0, 1.0) ** 0.9
    stops = [colour(0.05, 0.85, 1.0), colour(1.0, 0.12, 0.75), colour(1.0, 0.65, 0.25)]
    lit = glow[..., None] * ramp(blurred(light, 2.0), stops)
    halo = 0.75 * blurred(lit, 4.0) + 0.55 * blurred(lit, 1.2)
    dark = np.stack([0.16 * light + 0.05 * light**2, 0.06 * light, 0.26 * light + 0.05], -1)
    dark += 0.10 * calm**1.5
    lit = 1.0 - (1 - np.clip(dark, 0, 1)) * (1 - np.clip(lit, 0, 1)) * (1 - np.clip(halo, 0, 1))
    return np.asarray(lit, np.float32)


def brush(picture: Picture) -> Picture:
    """Ink and brush on rice paper: black strokes and grey washes."""
    light = luminance(dabs(picture, 4))
    wash = steps(np.clip(light * 1.15, 0.0, 1.0), 3, 4.0)
    lines = ink(blurred(luminance(picture), 1.2), 2.2, 0.008, 40.0)
    tone = np.clip((0.45 + 0.6 * wash) * (0.1 + 0.9 * lines), 0.0, 1.0)
    return mixed(colour(0.07, 0.07, 0.09), colour(0.95, 0.92, 0.85), np.float32(1) * tone)


def blueprint(picture: Picture) -> Picture:
    """White lines on blue paper, with a grid."""
    light = luminance(picture)
    lines = 1.0 - ink(blurred(light, 0.7), 1.0, 0.010, 44.0)
    faint = 0.22 * steps(blurred(light, 1.5), 4, 4.0)
    grid = np.float32(0.16) * _patterns(light)[4]
    drawn = np.clip(lines + faint + grid, 0.0, 1.0)
    return mixed(colour(0.05, 0.20, 0.48), colour(0.93, 0.97, 1.0), np.float32(1) * drawn)


def chalk(picture: Picture) -> Picture:
    """Coloured chalk on a blackboard."""
    light = luminance(picture)
    lines = 1.0 - ink(blurred(light, 0.8), 1.2, 0.008, 60.0)
    dust = 0.62 * np.clip(blurred(light, 1.0), 0.0, 1.0) ** 1.6
    pale = 0.52 + 0.48 * saturated(simplified(picture, 2, 0.16), 2.2)
    board = colour(0.11, 0.17, 0.15)
    return mixed(board, np.asarray(pale, np.float32), np.clip(lines + dust, 0.0, 0.95))


def engraving(picture: Picture) -> Picture:
    """Copperplate: black lines that swell with the shadow, on cream paper."""
    light = np.clip(luminance(simplified(picture, 2, 0.12)) ** 0.85, 0.0, 1.0)
    _, rows, down, up, _ = _patterns(light)
    first = 1.0 - _cut(0.5 + 0.5 * rows, light + 0.22, 14.0)
    second = 1.0 - _cut(0.5 + 0.5 * down, light + 0.62, 14.0)
    third = 1.0 - _cut(0.5 + 0.5 * up, light + 0.86, 14.0)
    lines = ink(blurred(luminance(picture), 0.7), 0.9, 0.012, 36.0)
    paper = np.asarray(first * second * third * lines, np.float32)
    return mixed(colour(0.12, 0.09, 0.07), colour(0.96, 0.92, 0.82), paper)


def thermal(picture: Picture) -> Picture:
    """A heat camera: dark violet to white."""
    light = blurred(luminance(picture), 1.2)
    stops = [
        colour(0.02, 0.01, 0.12),
        colour(0.30, 0.02, 0.55),
        colour(0.80, 0.12, 0.38),
        colour(0.98, 0.50, 0.10),
        colour(1.0, 0.92, 0.35),
        colour(1.0, 1.0, 0.95),
    ]
    return ramp(np.asarray(np.clip(light * 1.1 - 0.03, 0.0, 1.0), np.float32), stops)


STYLES: dict[str, Style] = {
    style.__name__: style
    for style in (
        photo, anime, sketch, watercolor, oil, comic, neon, brush, blueprint, chalk, engraving,
        thermal,
    )
}  # fmt: skip


def drawn(name: str, picture: Picture) -> Picture:
    """A photo in the style `name`, up to its border."""
    margin = (_MARGIN, _MARGIN, _MARGIN, _MARGIN)
    around = cv2.copyMakeBorder(picture, *margin, cv2.BORDER_REFLECT_101)
    inner = slice(_MARGIN, -_MARGIN)
    found = STYLES[name](np.asarray(around, np.float32))[inner, inner]
    return np.asarray(np.clip(found, 0.0, 1.0), np.float32)


def _patterns(light: Picture) -> NDArray[np.float32]:
    """The sheet of paper under a picture, as the model's decoder has it."""
    return np.asarray(paper(*light.shape).numpy(), np.float32)


def _cut(pattern: Picture, threshold: Picture, sharpness: float = 8.0) -> Picture:
    """1 where the pattern stands out above the threshold, softly."""
    return np.asarray(1.0 / (1.0 + np.exp(-sharpness * (pattern - threshold))), np.float32)
