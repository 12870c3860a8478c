"""Frames that a mask's source does not look at: what they have instead is as good."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn_people import SIZE, Imitated, alpha, scene, settings

from streamcam.frames.geometry import View
from streamcam.mask.between import Between
from streamcam.mask.composer import Composer
from streamcam.mask.masking import open_masking

FRAMES = 24


class Counted(Imitated):
    """Counts its looks."""

    looks = 0

    def look_at(self, picture):
        self.looks += 1
        return super().look_at(picture)


def luma(picture):
    return cv2.cvtColor(cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA), 7)


def filmed(sway, step):
    """Looks, and mean error of alpha and flicker against the exact ones."""
    masking = open_masking(settings(background="transparent"), None)
    source = Counted()
    made = Composer(View(SIZE), replace(masking, source=source), lambda _: None)
    found, exact = [], []
    for number in range(FRAMES):
        picture, source.truth = scene(number, step=step, sway=sway, noise=2.0)
        made.compose(255 - picture, picture)
        found.append(made.cut_out[:, :, 3].astype(np.float32) / 255)
        exact.append(source.truth)
    found, exact = np.array(found[6:]), np.array(exact[6:])
    flicker = np.abs(np.diff(found, axis=0) - np.diff(exact, axis=0)).mean()
    return source.looks, np.abs(found - exact).mean(axis=(1, 2)).max(), flicker


@pytest.mark.parametrize(("sway", "step"), [(0.0, 0.0), (0.5, 1.0), (1.5, 0.0)])
def test_masks_are_as_good_with_fewer_looks(monkeypatch, sway, step):
    looks, worst, flicker = filmed(sway, step)
    monkeypatch.setattr(Between, "mask", lambda *_: None)
    always, worst_of_all, flicker_of_all = filmed(sway, step)
    assert always == FRAMES
    assert looks < 0.9 * FRAMES
    assert worst < 1.1 * worst_of_all
    assert flicker < 1.1 * flicker_of_all


def test_a_still_picture_is_looked_at_now_and_then():
    between, (picture, share) = Between(), scene(0)
    mask = cv2.resize(share, (256, 144))
    between.looked(luma(picture), mask)
    held = [between.mask(luma(picture), share) for _ in range(4)]
    assert all(one is mask for one in held[:3])
    assert held[3] is None


def test_what_comes_into_the_picture_is_looked_at():
    """Whether near the person or far away; but not a face that talks."""
    between, (picture, share) = Between(), scene(0)
    for where, known in (((20, 20), False), ((300, 250), True)):
        between.looked(luma(picture), cv2.resize(share, (256, 144)))
        changed = picture.copy()
        cv2.circle(changed, where, 18, (255, 0, 0) if known else (0, 0, 0), -1)
        found = between.mask(luma(changed), share)
        assert (found is not None) is known


def test_another_picture_is_looked_at():
    between, (picture, share) = Between(), scene(0)
    between.looked(luma(picture), cv2.resize(share, (256, 144)))
    assert between.mask(luma(np.ascontiguousarray(picture[::-1])), share) is None
    between.forget()
    assert between.mask(luma(picture), share) is None


def test_a_mask_moves_as_far_as_the_person():
    """By a fraction of what the network's pixels are, to the exact place."""
    flat = np.full((SIZE[1], SIZE[0], 3), 210, np.float32)
    lumas, shares = [], []
    for left in (0.0, 3.0):
        share = alpha(left=left)
        shares.append(share)
        lumas.append(luma((flat * (1 - 0.6 * share[:, :, None])).astype(np.uint8)))
    between = Between()
    small = [cv2.resize(one, (256, 144), interpolation=cv2.INTER_AREA) for one in shares]
    between.looked(lumas[0], small[0])
    moved = between.mask(lumas[1], shares[0])
    assert np.abs(moved - small[1]).mean() < 0.5 * np.abs(small[0] - small[1]).mean()
