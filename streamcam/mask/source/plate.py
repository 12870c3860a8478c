"""Mask source `plate`: what differs from a picture of the empty room is the person. The camera must
stand still."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from streamcam.config import user_folder
from streamcam.errors import UsageError, quoted, reason
from streamcam.frames import Pixels
from streamcam.frames.geometry import Size, View
from streamcam.mask import MaskSettings, MaskSource, NoMask, Plane
from streamcam.mask.source import existing

_Colours = NDArray[np.float32]

_WIDTH = 320  # pixels at which pictures are compared
_LEAST, _MOST = 14.0, 40.0  # levels of difference, in a window: none of the person, all of it
_WINDOW = (5, 5)
_GAINS = (0.5, 2.0)  # by which the light may have changed since
_MOVED = 0.85  # share of the picture that differs where the camera was moved, or the light went
_SPREAD = np.ones((3, 3), np.uint8)  # by which windows reach beyond the person
_HOLES = np.ones((7, 7), np.uint8)  # of a person as bright as the wall, which are filled


def user_plate() -> Path:
    """Where the picture of the empty room is kept that was taken last."""
    return user_folder() / "plate.png"


def keep_plate(picture: Pixels) -> Path:
    """Keep (height, width, 3) RGB as that. Raises `UsageError`."""
    path = user_plate()
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    draft = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data.tobytes() if done else b"")
        draft.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {reason(error)}.") from error
    return path


def open_source(settings: MaskSettings) -> MaskSource:
    """Raises `UsageError`: no such file, no picture."""
    path = Path(settings.plate).expanduser() if settings.plate else user_plate()
    what = "a picture of the empty room"
    if not settings.plate:
        what += ", or leave the picture while streamcam runs and press p, which takes one"
    return Plate(read_picture(existing(path, "mask.plate", what), "mask.plate"))


def read_picture(path: Path, key: str) -> Pixels:
    """(height, width, 3) RGB. Raises `UsageError`."""
    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
    except (OSError, cv2.error) as error:
        raise UsageError(f"{key} {quoted(str(path))}: {reason(error)}.") from error
    if picture is None:
        raise UsageError(f"{key} {quoted(str(path))} is no picture: give a PNG or JPEG file.")
    return np.asarray(picture, np.uint8)


class Plate:
    """Used by one thread at a time."""

    exact = False

    def __init__(self, empty: Pixels) -> None:
        """(height, width, 3): the whole picture of the camera, as large as it likes."""
        self._whole = empty
        self._empty = np.zeros((1, 1, 3), np.float32)  # at the size that is compared
        self._for: Size | None = None
        self._person: Plane | None = None  # of the frame before

    def look_at(self, picture: Pixels) -> Plane:
        height, width = picture.shape[:2]
        size = (_WIDTH, max(round(_WIDTH * height / width), 8))
        if size != self._for:
            self._for, self._person = size, None
            seen = View(size).place((self._whole.shape[1], self._whole.shape[0])).visible
            part = np.ascontiguousarray(seen.of(self._whole))
            self._empty = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        now = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
        apart = np.abs(now - self._empty * self._light(now)).max(axis=2)
        apart = np.asarray(cv2.blur(apart, _WINDOW), np.float32)
        share: Plane = (apart - np.float32(_LEAST)) / np.float32(_MOST - _LEAST)
        closed = cv2.morphologyEx(np.clip(share, 0.0, 1.0), cv2.MORPH_CLOSE, _HOLES)
        mask = np.asarray(cv2.erode(closed, _SPREAD), np.float32)
        if float(mask.mean()) > _MOVED:
            self._person = None
            raise NoMask(
                "the camera was moved or the light changed since the picture of the empty room was "
                "taken: press p to take another"
            )
        self._person = mask
        return mask

    def shares(self, colours: Pixels) -> Plane:
        raise NotImplementedError("the difference to a plate is not one of single colours")

    def clean(self, colours: Pixels) -> None:
        """Nothing is known of the background's light."""

    def _light(self, now: _Colours) -> _Colours:
        """By how much each colour is brighter than on the plate, where nobody was just now."""
        ratios = (now + 1.0) / (self._empty + 1.0)
        ratios = ratios[::4, ::4].reshape(-1, 3)
        if self._person is not None:
            nobody = self._person[::4, ::4].reshape(-1) < 0.1
            ratios = ratios[nobody] if int(nobody.sum()) > 50 else ratios
        return np.asarray(np.clip(np.median(ratios, axis=0), *_GAINS), np.float32)
