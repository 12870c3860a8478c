from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamcam.capture import Wanted, open_source
from streamcam.capture.demo import CLIP
from streamcam.errors import UsageError


@pytest.fixture(scope="module")
def film():
    """Every frame of the clip, a quarter of its size."""
    source = open_source("demo", Wanted(realtime=False, loop=False))
    small = []
    while True:
        try:
            frame = source.read()
        except EOFError:
            break
        small.append(cv2.resize(frame.pixels, (160, 90), interpolation=cv2.INTER_AREA))
    source.close()
    return source, small


def test_the_clip_is_small_and_its_pictures_are_credited():
    assert CLIP.stat().st_size <= 2_000_000
    credits_ = CLIP.with_name("demo_credits.txt").read_text()
    assert "CC0" in credits_
    for name in ("Stefan van der Walt", "Rachel Michetti", "public-domain-image.com"):
        assert name in credits_
    photo = Path(__file__).parents[2] / "data" / "photo.jpg"
    assert photo.name in photo.with_name("CREDITS.txt").read_text()
    assert cv2.imread(str(photo)).shape == (360, 640, 3)


def test_the_clip_is_what_the_first_picture_needs(film):
    source, small = film
    assert source.label == "demo clip, 640x360 at 30 fps"
    assert 12 <= len(small) / source.fps <= 20


def test_something_moves_all_the_time_and_the_loop_has_no_jump(film):
    _, small = film
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise([*small, small[0]])]
    assert min(steps) > 0.3
    assert steps[-1] < 2 * np.median(steps)
    assert max(steps) < 6 * np.median(steps)  # no cuts


def test_every_part_of_the_clip_has_contrast_and_colour(film):
    _, small = film
    for picture in small[::15]:
        assert picture.std() > 35
        assert np.ptp(picture.astype(int), axis=2).mean() > 15


def test_the_demo_takes_no_argument():
    with pytest.raises(UsageError, match="no argument"):
        open_source("demo:cats", Wanted())
