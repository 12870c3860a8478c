"""How photographs move in the demo clip: soft regions that turn, shift and blink; hand-held unrest.

A map says for every pixel of the picture where in the photograph it comes from. Warps take the
map apart from the photograph, so they chain, and the photograph is sampled once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]  # (height, width)
Map = tuple[Plane, Plane]  # x and y of the source pixel for every pixel of the picture


WIDTH, HEIGHT = 640, 360
FINE = 2  # pictures are rendered this much larger and averaged down


@dataclass(frozen=True)
class Bump:
    """A soft ellipse in pixels of the photograph; `height` is 1 for what is nearest."""

    x: float
    y: float
    across: float
    down: float
    height: float = 1.0

    def weight(self, at: Map) -> Plane:
        """0 … height, falling off smoothly to nothing at about twice the radius."""
        squared = ((at[0] - self.x) / self.across) ** 2 + ((at[1] - self.y) / self.down) ** 2
        return np.asarray(self.height * np.exp(-squared), np.float32)


@dataclass(frozen=True)
class Eye:
    """An eye's outline: centre and half axes in pixels of the photograph, tilt in degrees."""

    x: float
    y: float
    across: float
    down: float
    tilt: float = 0.0


def wave(time: float, *periods: float) -> float:
    """Hand-held unrest, about -1 … 1: a few sines whose periods do not fit each other."""
    return sum(np.sin(2 * np.pi * time / p + 1.7 * p) for p in periods) / len(periods)


def smooth(x: float) -> float:
    """0 below 0, 1 above 1, without a corner in between."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def smooth_plane(x: Plane) -> Plane:
    """`smooth` for arrays."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)


def pulse(time: float, at: float, seconds: float) -> float:
    """Rises from 0 to 1 and falls again, `seconds` long, its middle at `at`."""
    return smooth(1.6 * (1 - 2 * abs(time - at) / seconds))


def turned(at: Map, region: Bump, pivot: tuple[float, float], degrees: float) -> Map:
    """Turn what lies in `region` about `pivot`; the rim stretches."""
    angle = np.radians(degrees) * np.sqrt(region.weight(at))
    dx, dy = at[0] - pivot[0], at[1] - pivot[1]
    cos, sin = np.cos(angle), np.sin(angle)
    return pivot[0] + cos * dx + sin * dy, pivot[1] - sin * dx + cos * dy


def moved(at: Map, region: Bump, dx: float, dy: float) -> Map:
    """Shift what lies in `region`."""
    weight = region.weight(at)
    return at[0] - dx * weight, at[1] - dy * weight


def looking(at: Map, eye: Eye, aside: float, closed: float) -> Map:
    """Move the iris `aside` pixels and close the lids: 0 open … 1 closed."""
    cos, sin = np.cos(np.radians(eye.tilt)), np.sin(np.radians(eye.tilt))
    dx, dy = at[0] - eye.x, at[1] - eye.y
    x, y = (cos * dx + sin * dy) / eye.across, (cos * dy - sin * dx) / eye.down
    x = x - aside / eye.across * np.clip(1 - x * x - y * y, 0, 1)
    # The lids meet below the middle. Their outline covers the ellipse and ends softly.
    below = y > 0.3
    lid = np.clip(1 - (x / 1.5) ** 2, 0, 1) ** 1.5 * np.where(below, 0.8, 1.3) + 1e-4
    s = np.abs(y - 0.3) / lid  # 0 where the lids meet, 1 on the lid, 2 where stretched skin ends
    gap = 1 - 0.94 * closed
    opened = np.where(s < gap, s / gap, 1 + (s - gap) / (2 - gap))
    y = np.where(s < 2, 0.3 + np.where(below, 1, -1) * opened * lid, y)
    dx, dy = x * eye.across, y * eye.down
    mx, my = eye.x + cos * dx - sin * dy, eye.y + sin * dx + cos * dy
    return mx.astype(np.float32), my.astype(np.float32)


@dataclass(frozen=True)
class View:
    """Where the camera looks: centre and width of the view in pixels of the photograph."""

    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Scene:
    """One photograph and how it comes alive. Times are seconds since the scene's start.

    start, end  on the film; it dissolves in before `start` and out after `end`
    views       the camera goes from the first to the second
    sway        how far near things move against far ones, pixels
    life        warps the map before the photograph is looked up
    finish      paints over the picture (H, W, 3) float32 0 … 1, given the unwarped map
    """

    photo: Plane
    start: float
    end: float
    views: tuple[View, View]
    depth: tuple[Bump, ...]
    sway: float
    life: Callable[[Map, float], Map]
    finish: Callable[[Plane, Map, float], Plane] = lambda picture, _at, _time: picture
    saturation: float = 1.15


def unit_grid() -> Map:
    """x -0.5 … 0.5 from left to right; y in the same unit."""
    x = (np.arange(WIDTH * FINE, dtype=np.float32) + 0.5) / (WIDTH * FINE) - 0.5
    y = ((np.arange(HEIGHT * FINE, dtype=np.float32) + 0.5) - HEIGHT * FINE / 2) / (WIDTH * FINE)
    return tuple(np.meshgrid(x, y))  # type: ignore[return-value]


GRID = unit_grid()


def camera(scene: Scene, t: float) -> Map:
    """Where each pixel looks: path, hand-held unrest, roll and parallax."""
    along = smooth((t + 1) / (scene.end - scene.start + 2))
    first, second = scene.views
    width = first.width + along * (second.width - first.width)
    roll = np.radians(1.3 * wave(t, 5.3, 3.1))
    gx, gy = GRID
    x = first.x + along * (second.x - first.x) + width * (np.cos(roll) * gx - np.sin(roll) * gy)
    y = first.y + along * (second.y - first.y) + width * (np.sin(roll) * gx + np.cos(roll) * gy)
    x += width * 0.008 * wave(t, 2.9, 1.7)
    y += width * 0.007 * wave(t, 2.3, 1.5)
    sx, sy = scene.sway * wave(t, 5.0), 0.6 * scene.sway * wave(t, 4.1)
    mx, my = x, y
    for _ in range(2):  # depth belongs to the photograph, not to the view: a fixed point
        depth = sum(bump.weight((mx, my)) for bump in scene.depth)
        mx, my = x - sx * depth, y - sy * depth
    return np.asarray(mx, np.float32), np.asarray(my, np.float32)


def render(scene: Scene, t: float) -> Plane:
    """(HEIGHT, WIDTH, 3) float32, 0 … 1, RGB."""
    at = camera(scene, t)
    mx, my = scene.life(at, t)
    picture = cv2.remap(scene.photo, mx, my, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    picture = scene.finish(picture, at, t)
    picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    gx = cv2.resize(GRID[0], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    gy = cv2.resize(GRID[1], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    lamp = np.exp(-((gx - 0.4 * wave(t, 6.1)) ** 2 + (gy - 0.15 * wave(t, 4.3)) ** 2) / 0.12)
    light = 0.88 + 0.26 * lamp - 0.35 * (gx * gx + gy * gy)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + scene.saturation * (picture - grey)
    picture = np.clip(picture * light[..., None], 0, 1)
    return np.asarray(0.75 * picture + 0.25 * picture * picture * (3 - 2 * picture), np.float32)
