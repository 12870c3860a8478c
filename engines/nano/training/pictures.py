"""The pictures that the model learns from: those of Debian packages, with their licences.

Pictures of people are left out: the shipped model has learnt from no face.
Nothing is downloaded here; `missing` says what to install (README.md beside this file).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_LETTERS = "ABCDEFGHKLMNPRSTUVXYZabcdefghkmnoprstuvxyz0123456789 "
_SMALLEST = 480  # pixels of the short side of a wallpaper that is used
_FLAT = 14.0  # standard deviation below which there is nothing to draw
_LEFT_OUT = "people"  # a folder of stamps
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Source:
    """A Debian package (bookworm) of pictures. Cutouts are objects on a transparent ground."""

    package: str
    folder: Path
    licence: str
    kind: Literal["wallpapers", "cutouts"] = "wallpapers"


_LOMIRI = "CC-BY-4.0, CC-BY-SA-4.0, CC-BY-SA-3.0, CC0-1.0"
SOURCES = (
    Source("mate-backgrounds", Path("/usr/share/backgrounds/mate"), "CC-BY-SA-4.0, GPL-2+"),
    Source("gnome-backgrounds", Path("/usr/share/backgrounds/gnome"), "CC-BY-SA-3.0"),
    Source("plasma-workspace-wallpapers", Path("/usr/share/wallpapers"), "GPL-2+"),
    Source("lomiri-wallpapers-16.04", Path("/usr/share/backgrounds"), _LOMIRI),
    Source("lomiri-wallpapers-20.04", Path("/usr/share/backgrounds"), _LOMIRI),
    Source("ukui-wallpapers", Path("/usr/share/backgrounds"), "CC-BY-SA-3.0"),
    Source("tuxpaint-stamps-default", Path("/usr/share/tuxpaint/stamps"), "GPL-2", "cutouts"),
)


def missing() -> list[str]:
    """Packages that are not installed."""
    docs = Path("/usr/share/doc")
    return [source.package for source in SOURCES if not (docs / source.package).is_dir()]


class Pictures:
    """Scenes made of the pictures: a piece of a wallpaper, objects before it, sometimes text."""

    def __init__(self, sources: Sequence[Source] = SOURCES) -> None:
        """Lists the files; reads each when it is first wanted. Raises FileNotFoundError."""
        self.wallpapers = _wallpapers(source for source in sources if source.kind == "wallpapers")
        self.cutouts = _files(source for source in sources if source.kind == "cutouts")
        if not self.wallpapers or not self.cutouts:
            raise FileNotFoundError(
                "no pictures to learn from: apt-get install --no-install-recommends "
                + " ".join(source.package for source in sources)
            )
        self._read: dict[Path, Pixels] = {}

    def scene(self, random: Random, side: int) -> Pixels:
        """(side, side, 3) RGB uint8."""
        scene = self._piece(random, side)
        flat = float(scene.std(axis=(0, 1)).max()) < _FLAT
        for _ in range(random.choice((1, 2)) if flat else random.choice((0, 0, 1, 1, 2))):
            self._put_cutout(scene, random)
        if random.random() < 0.15:
            _put_text(scene, random)
        return _exposed(scene, random)

    def _piece(self, random: Random, side: int) -> Pixels:
        """Between a close crop and the whole height of a wallpaper."""
        wallpaper = self._open(random.choice(self.wallpapers))
        height, width = wallpaper.shape[:2]
        shortest = min(height, width)
        cut = int(min(side, shortest) * (shortest / min(side, shortest)) ** random.random())
        top, left = random.randint(0, height - cut), random.randint(0, width - cut)
        piece = wallpaper[top : top + cut, left : left + cut, :3]
        scaled = cv2.resize(piece, (side, side), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(scaled[:, ::-1] if random.random() < 0.5 else scaled, np.uint8)

    def _put_cutout(self, scene: Pixels, random: Random) -> None:
        cutout = self._open(random.choice(self.cutouts))
        if cutout.shape[2] != 4:  # no transparency: it would be a box
            return
        side = scene.shape[0]
        scale = side * random.uniform(0.35, 1.0) / max(cutout.shape[:2])
        small = cv2.resize(cutout, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = min(small.shape[0], side), min(small.shape[1], side)
        top, left = random.randint(0, side - height), random.randint(0, side - width)
        place = scene[top : top + height, left : left + width]
        opacity = small[:height, :width, 3:].astype(np.float32) / 255.0
        place[...] = place + (small[:height, :width, :3] - place.astype(np.float32)) * opacity

    def _open(self, file: Path) -> Pixels:
        if file not in self._read:
            found = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            if found is None:
                raise FileNotFoundError(f"{file} cannot be read as a picture")
            if found.dtype != np.uint8:
                found = (found / 256).astype(np.uint8)
            if found.ndim == 2:  # grey
                found = np.repeat(found[..., None], 3, -1)
            shrink = 1400 / max(found.shape[:2])
            if shrink < 1.0:  # a hundred of them stay in memory
                found = cv2.resize(found, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            order = [2, 1, 0, 3][: found.shape[2]]
            self._read[file] = np.ascontiguousarray(found[..., order])
        return self._read[file]


def _wallpapers(sources: Iterable[Source]) -> list[Path]:
    """One file of each wallpaper: the packages bring some in many sizes, in one folder."""
    found: dict[Path, Path] = {}
    for file in _files(sources):
        image = cv2.imread(str(file), cv2.IMREAD_REDUCED_COLOR_8)
        if image is None or min(image.shape[:2]) * 8 < _SMALLEST:
            continue
        one = file.parent if file.parent.name.startswith("images") else file
        if one not in found or file.stat().st_size > found[one].stat().st_size:
            found[one] = file
    return sorted(found.values())


def _files(sources: Iterable[Source]) -> list[Path]:
    found = {
        file
        for source in sources
        for file in source.folder.rglob("*")
        if file.suffix.lower() in _ENDINGS and _LEFT_OUT not in file.parts and file.is_file()
    }
    return sorted(found)


def _put_text(scene: Pixels, random: Random) -> None:
    """A few letters, as on a screen or a sign."""
    side = scene.shape[0]
    letters = "".join(random.choice(_LETTERS) for _ in range(12))
    place = (random.randint(0, side // 3), random.randint(side // 8, side))
    shade = tuple(random.choice((0, 40, 220, 255)) for _ in range(3))
    font = random.choice((cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX))
    cv2.putText(scene, letters, place, font, random.uniform(0.4, 1.4), shade, 2, cv2.LINE_AA)


def _exposed(scene: Pixels, random: Random) -> Pixels:
    """From a dim room to a bright day, in warm and in cold light."""
    light = random.uniform(0.35, 1.15) if random.random() < 0.4 else 1.0
    tint = np.array([random.uniform(0.92, 1.08) for _ in range(3)], np.float32)
    gamma = random.uniform(0.85, 1.2)
    levels = (np.arange(256, dtype=np.float32)[:, None] / 255.0) ** gamma * light * tint
    table = (np.clip(levels, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return np.stack([table[:, i][scene[..., i]] for i in range(3)], -1)
