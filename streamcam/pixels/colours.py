"""What a picture's numbers mean as light, by the labels of ITU-T H.273, and what a screen shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

GAMMA = 2.4  # of a screen (ITU-R BT.1886): from light to numbers and back
HLG_PEAK = 1000.0 / 203.0  # the screen that HLG is graded for; 1.0 is paper white
HLG_BEND = 0.2  # such a screen shows light times its luminance to this power (ITU-R BT.2100)
LUMINANCE_2020 = (0.2627, 0.6780, 0.0593)
LUMINANCE_709 = (0.2126, 0.7152, 0.0722)

_SRGB, _PQ, _HLG = 13, 16, 18  # transfers
_BT709, _BT2020 = 1, 9  # primaries
_PQ_PEAK = 10_000.0 / 203.0  # paper white is 203 nits (ITU-R BT.2408)
# From this number on (1.0 is paper white) what is brighter comes ever closer to 255. Paper white
# becomes 252, 300 nits 254, 1000 nits 255: a highlight stays apart from paper, and SDR inside HDR
# stays what it is.
_KNEE = 0.98

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
# Chromaticities (x, y) of red, green, blue and white.
_PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {
    _BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), _C),  # NTSC of 1953
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),  # PAL
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),  # NTSC
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),  # SMPTE 240M
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),  # film
    _BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    10: ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3)),  # XYZ
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),  # cinema's P3
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),  # Display P3
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),  # EBU 3213
}
_BRADFORD = np.array(
    [(0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)]
)


@dataclass(frozen=True, slots=True)
class Light:
    """How numbers are to be read: the curve to light, and the primaries (a number of H.273)."""

    transfer: Literal["pq", "hlg", "gamma", "srgb"]
    primaries: int


def light(transfer: int, primaries: int) -> Light | None:
    """What these labels mean; None: a screen shows such numbers as they are.

    The curves of SDR (BT.709, sRGB, gamma 2.2 …) are shown as they are, as by players: all of
    them were graded by eye on a screen. HDR without known primaries has those of BT.2020, SDR
    without known ones those of a screen.
    """
    if transfer in (_PQ, _HLG):
        known = primaries if primaries in _PRIMARIES else _BT2020
        return Light("pq" if transfer == _PQ else "hlg", known)
    if primaries in _PRIMARIES and primaries != _BT709:
        return Light("srgb" if transfer == _SRGB else "gamma", primaries)
    return None


def to_light(numbers: Values, transfer: str) -> Values:
    """Light for numbers from 0 to 1 of one channel; 1.0 is paper white. HLG: what the camera saw,
    to be bent by `HLG_BEND` and brightened by `HLG_PEAK`.
    """
    if transfer == "pq":
        root = numbers ** (1 / 78.84375)
        base = np.maximum(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)
        return np.asarray(base ** (1 / 0.1593017578125) * _PQ_PEAK, np.float64)
    if transfer == "hlg":
        bright = (np.exp((numbers - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(numbers <= 0.5, numbers**2 / 3, bright)
    if transfer == "srgb":
        return np.where(numbers <= 0.04045, numbers / 12.92, ((numbers + 0.055) / 1.055) ** 2.4)
    return numbers**GAMMA


def to_numbers(light: Values, transfer: str) -> Values:
    """Numbers from 0 to 1 that a screen shows as this light: SDR goes back the way it came."""
    if transfer == "srgb":
        bright = 1.055 * light ** (1 / 2.4) - 0.055
        return np.where(light <= 0.0031308, light * 12.92, bright)
    return light ** (1 / GAMMA)


def roll_off(brightest: Values) -> Values:
    """By what to multiply light whose strongest channel is this, so that it fits a screen."""
    number = np.maximum(brightest, 1e-12) ** (1 / GAMMA)
    over = np.maximum(number - _KNEE, 0.0) / (1 - _KNEE)
    shown = np.minimum(number, _KNEE) + (1 - _KNEE) * over / (1 + over)
    return np.asarray((shown / number) ** GAMMA, np.float64)


def to_bt709(primaries: int) -> Values:
    """The 3x3 matrix from light of these primaries to light of BT.709, white to white."""
    there = _to_xyz(_PRIMARIES[primaries])
    here = _to_xyz(_PRIMARIES[_BT709])
    white = _BRADFORD @ there.sum(1)
    screen_white = _BRADFORD @ here.sum(1)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(screen_white / white) @ _BRADFORD
    return np.asarray(np.linalg.inv(here) @ adapted @ there, np.float64)


def _to_xyz(chromaticities: tuple[tuple[float, float], ...]) -> Values:
    columns = np.array([(x, y, 1 - x - y) for x, y in chromaticities]).T
    white = columns[:, 3] / columns[1, 3]
    return np.asarray(columns[:, :3] * np.linalg.solve(columns[:, :3], white), np.float64)
