"""Scenes whose motion is exact: a large picture, seen through a window that moves."""

import cv2
import numpy as np


def ground(width=900, height=700, seed=1, grain=3.0):
    """(height, width, 3) soft random light of all levels, in colours that change slowly, as in
    photographs."""
    rng = np.random.default_rng(seed)
    light = cv2.GaussianBlur(rng.random((height, width), np.float32), (0, 0), grain)
    light = cv2.normalize(light, None, 0, 220, cv2.NORM_MINMAX)
    colours = cv2.GaussianBlur(rng.random((height, width, 3), np.float32), (0, 0), 15.0)
    colours = cv2.normalize(colours, None, 0, 35, cv2.NORM_MINMAX)
    return (light[:, :, None] + colours.reshape(height, width, 3)).astype(np.uint8)


def seen(picture, left, top, size):
    """The window of `size` (width, height) at a place of `picture`, maybe between pixels."""
    width, height = size
    centre = (left + (width - 1) / 2, top + (height - 1) / 2)
    return cv2.getRectSubPix(picture, size, centre)


def pan(count, size, step=(4.0, 1.0), picture=None):
    """`count` frames of a camera that turns by `step` pixels a frame."""
    whole = ground() if picture is None else picture
    return [seen(whole, 20 + step[0] * i, 20 + step[1] * i, size) for i in range(count)]


def grainy(frame, sigma, seed):
    """`frame` as a sensor with noise of `sigma` levels sees it."""
    noise = np.random.default_rng(seed).normal(0.0, sigma, frame.shape)
    return np.clip(frame + noise + 0.5, 0, 255).astype(np.uint8)


def shrunk(frame, size):
    """`frame` at the engine's size."""
    return np.ascontiguousarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def inverted(picture):
    """A look that is a local function of the camera."""
    return 255 - picture


def posterised(picture):
    """A look that amplifies small differences, as line drawings do."""
    return np.where(picture > 120, 230, 20).astype(np.uint8)


def rgb_of(pair):
    """A pair's planes, Y, Cr, Cb and luma, as a picture."""
    return cv2.cvtColor(np.ascontiguousarray(pair[:, :, :3]), cv2.COLOR_YCrCb2RGB)
