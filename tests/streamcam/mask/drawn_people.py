"""People as drawings whose alpha is exact, before textured rooms that move: what masks are tested
with. No network knows these, so its mask is imitated: small, soft, and trembling from frame to
frame."""

from types import SimpleNamespace

import cv2
import numpy as np

SIZE = (640, 360)
_FINE = 3  # times the size, at which shapes are drawn


def settings(**stated):
    """A preset's [mask], as its readers see it."""
    plain = {
        "source": "green",
        "person": "styled",
        "background": "styled",
        "colour": "#2040ff",
        "picture": "",
        "plate": "",
        "look": "",
    }
    return SimpleNamespace(**plain | stated)


def alpha(left=0.0, hair=True, size=SIZE, seed=3):
    """(height, width) float32, exact to 1/9 of a pixel: a head with strands of hair on shoulders,
    `left` pixels to the right of the middle."""
    width, height = size
    scale = _FINE * height / 360
    canvas = np.zeros((height * _FINE, width * _FINE), np.uint8)
    middle = (width / 2 + left) * _FINE
    head = (middle, 150 * scale)
    if hair:
        strands = np.random.default_rng(seed)
        for angle in np.linspace(np.pi * 0.95, np.pi * 2.05, 70):
            length = (78 + 16 * strands.random()) * scale
            bend = angle + 0.15 * strands.standard_normal()
            tip = (head[0] + length * np.cos(bend), head[1] - 6 * scale + length * np.sin(bend))
            root = (head[0] + 50 * scale * np.cos(angle), head[1] + 50 * scale * np.sin(angle))
            ends = [tuple(round(float(at)) for at in end) for end in (root, tip)]
            cv2.line(canvas, *ends, 255, max(round(1.2 * scale / _FINE * 2), 1))
    centre = tuple(round(float(at)) for at in head)
    cv2.ellipse(canvas, centre, (int(56 * scale), int(70 * scale)), 0, 0, 360, 255, -1)
    body = (round(middle), int(360 * scale))
    cv2.ellipse(canvas, body, (int(140 * scale), int(140 * scale)), 0, 0, 360, 255, -1)
    small = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def texture(seed, low, high, grain=2.0, size=(SIZE[0] + 200, SIZE[1] + 40)):
    """(height, width, 3) uint8 of random light between two levels."""
    rng = np.random.default_rng(seed)
    light = cv2.GaussianBlur(rng.random((size[1], size[0], 3), np.float32), (0, 0), grain)
    return cv2.normalize(light, None, low, high, cv2.NORM_MINMAX).astype(np.uint8)


def over(front, share, behind):
    """A composite, as a camera would see it."""
    mixed = share[:, :, None] * front + (1.0 - share[:, :, None]) * behind
    return (mixed + 0.5).astype(np.uint8)


def person(size=SIZE):
    """Skin and hair: warm, and darker than rooms."""
    light = texture(11, 20, 110, size=size)[:, :, :1]
    return (light * np.array([1.0, 0.75, 0.6])).astype(np.uint8)


def scene(number, step=2.0, room=None, sway=1.5, noise=0.0):
    """Frame `number` of somebody who sways before a room that moves: picture and exact alpha."""
    width, height = SIZE
    share = alpha(left=sway * 12 * np.sin(number / 6))
    whole = texture(5, 120, 230) if room is None else room
    left = 20 + round(step * number) % 160
    behind = whole[20 : 20 + height, left : left + width]
    picture = over(person(), share, behind)
    if noise:
        grains = np.random.default_rng(number).normal(0.0, noise, picture.shape)
        picture = np.clip(picture + grains + 0.5, 0, 255).astype(np.uint8)
    return picture, share


class Imitated:
    """A mask source as a network is one: what `masks` says, small and soft, with edges that tremble
    by half a pixel of 256 and shares that waver."""

    exact = False

    def __init__(self, tremble=0.5, waver=0.06, seed=1):
        self._rng = np.random.default_rng(seed)
        self._tremble, self._waver = tremble, waver
        self.truth = None

    def raw(self, truth):
        small = cv2.resize(truth, (256, 144), interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(small, (0, 0), 1.5)
        away = cv2.GaussianBlur(self._rng.standard_normal((144, 256, 2)), (0, 0), 6.0)
        away *= self._tremble / away.std()
        rows, columns = np.mgrid[:144, :256].astype(np.float32)
        x, y = (columns + away[:, :, 0]), (rows + away[:, :, 1])
        moved = cv2.remap(soft, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
        waves = cv2.GaussianBlur(self._rng.standard_normal((144, 256)), (0, 0), 3.0)
        edge = 4.0 * moved * (1.0 - moved)
        moved = moved + edge * waves * self._waver / waves.std()
        return np.clip(moved, 0.0, 1.0).astype(np.float32)

    def look_at(self, picture):
        return self.raw(self.truth)

    def shares(self, colours):
        raise NotImplementedError

    def clean(self, colours):
        pass
