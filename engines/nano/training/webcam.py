"""What a cheap camera does to a picture before the model sees it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.nano.training.filters import Picture


def filmed(picture: Picture, random: np.random.Generator) -> Picture:
    """Now and then softened, noisy (more in the dark) and compressed; float32 in [0, 1]."""
    seen = picture
    if random.random() < 0.3:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), random.uniform(0.4, 1.1)), np.float32)
    if random.random() < 0.5:
        strength = random.uniform(0.004, 0.035)
        grain = random.standard_normal(seen.shape, np.float32) * strength
        seen = seen + grain * (1.3 - 0.6 * seen)
    if random.random() < 0.3:
        seen = _compressed(np.clip(seen, 0.0, 1.0), int(random.integers(35, 92)))
    return np.asarray(np.clip(seen, 0.0, 1.0), np.float32)


def _compressed(picture: NDArray[np.float32], quality: int) -> Picture:
    """Through JPEG and back."""
    levels = np.ascontiguousarray((picture * 255.0 + 0.5).astype(np.uint8))
    _, coded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED), np.float32) / np.float32(255)
