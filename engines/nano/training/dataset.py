"""The data set: scenes and their drawings in every style, as arrays on disk that training maps.

A folder with `photo.npy` and one file a style, each (N, side, side, 3) uint8 RGB, row by row the
same scenes. Row n depends on the seed and n alone, so a set can be made by several processes, go on
where it was stopped, and be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from random import Random

import cv2
import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor

from engines.nano.training.looks.styles import STYLES, drawn
from engines.nano.training.pictures import SOURCES, Pictures, Source

Place = tuple[int, int, int]  # row, top, left

SIDE = 256
_DONE = "done.npy"
_ROWS_A_TASK = 8


def make(
    folder: Path,
    count: int,
    seed: int,
    processes: int,
    tell: Callable[[int], None],
    sources: tuple[Source, ...] = SOURCES,
) -> None:
    """Draw rows that are not there yet; `tell` hears how many there are now.

    Raises FileNotFoundError for pictures that are missing, ValueError for a set of another size.
    """
    Pictures(sources)  # what is missing is said before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    done = _open(folder / _DONE, (count,))
    for style in STYLES:
        _open(folder / f"{style}.npy", (count, SIDE, SIDE, 3))
    left = [row for row in range(count) if not done[row]]
    tasks = [
        (folder, sources, seed, left[first : first + _ROWS_A_TASK])
        for first in range(0, len(left), _ROWS_A_TASK)
    ]
    tell(count - len(left))
    with get_context("spawn").Pool(processes) as pool:
        for rows in pool.imap_unordered(_draw, tasks):
            done[rows] = 1
            done.flush()
            tell(int(done.sum()))


class DataSet:
    """The rows of a folder: drawings[style] is (N, side, side, 3) uint8 RGB.

    On the CPU they are mapped and stay on disk; a GPU gets a copy of them all.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        """Raises FileNotFoundError for a folder that `make` has not finished."""
        if not (folder / _DONE).is_file() or not np.load(folder / _DONE).all():
            raise FileNotFoundError(
                f"{folder} holds no finished data set: python -m engines.nano.training data"
            )
        self.device = device
        # "c": torch wants arrays that could be written; nothing ever is.
        self.drawings = {
            style: torch.from_numpy(np.load(folder / f"{style}.npy", mmap_mode="c")).to(device)
            for style in STYLES
        }

    def __len__(self) -> int:
        return len(self.drawings["photo"])

    def pieces(self, styles: Sequence[str], places: Sequence[Place], side: int) -> Tensor:
        """One square a style and place, BCHW in [0, 1], channels last."""
        found = [
            self.drawings[style][row, top : top + side, left : left + side]
            for style, (row, top, left) in zip(styles, places, strict=True)
        ]
        return torch.stack(found).permute(0, 3, 1, 2).float() / 255.0


def _open(file: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    if not file.is_file():
        return open_memmap(file, "w+", np.dtype(np.uint8), shape)
    found = open_memmap(file, "r+")
    if found.shape != shape:
        raise ValueError(f"{file} is {found.shape}, not {shape}: take another folder, or delete it")
    return found


@cache
def _pictures(sources: tuple[Source, ...]) -> Pictures:
    """Of this process, which is one of many."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    return Pictures(sources)


def _draw(task: tuple[Path, tuple[Source, ...], int, list[int]]) -> list[int]:
    folder, sources, seed, rows = task
    files = {style: np.load(folder / f"{style}.npy", mmap_mode="r+") for style in STYLES}
    for row in rows:
        scene = _pictures(sources).scene(Random(f"{seed} {row}"), SIDE)
        picture = scene.astype(np.float32) / 255.0
        for style, file in files.items():
            file[row] = (drawn(style, picture) * 255.0 + 0.5).astype(np.uint8)
    return rows
