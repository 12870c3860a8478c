"""What a preset's [mask] costs: the same pictures finished with the mask and without, by turns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from statistics import median
from time import process_time

import cv2
import numpy as np

from engines.api import Engine
from streamcam.flow.infer.engine_input import EngineInput
from streamcam.flow.post.finish import Finish
from streamcam.frames import Frame, MadeOf, Pixels
from streamcam.looks.aim import encoded
from streamcam.options import Options, view_for
from streamcam.pipeline.masks import Masks
from streamcam.pipeline.workers import finish_for

_FRAMES = 12
_ROUNDS = 8  # the first of which warms up


def mask_ms(options: Options, engine: Engine, clip: Sequence[Pixels]) -> float:
    """Milliseconds of processor time that the mask adds to a picture that is shown, as a median;
    0.0 without a mask. `clip`: (height, width, 3) each, made as large as the outputs are."""
    with closing(Masks(realtime=True)) as masks:
        masking = masks.use(options.preset.mask)
        if masking is None:
            return 0.0
        sides = finish_for(options.preset, options), finish_for(options.preset, options)
        sides[1].masked.masking = masking
        frames = [_enlarged(pixels, options) for pixels in clip[:_FRAMES]]
        pictures = _pictures(options, engine, frames)
        added: list[float] = []
        for number in range(_FRAMES * _ROUNDS):
            at = number % len(frames)
            newest = Frame(frames[at], number, number / 30)
            picture = replace(pictures[at], captured_at=number / 30)
            without, beside = (_seconds(finish, picture, newest) for finish in sides)
            added.append(beside - without)
    return median(added[_FRAMES:]) * 1e3


def _seconds(finish: Finish, picture: Frame, newest: Frame) -> float:
    began = process_time()
    finish.current(picture, newest)
    return process_time() - began


def _pictures(options: Options, engine: Engine, frames: list[Pixels]) -> list[Frame]:
    fit = EngineInput((engine.spec.width, engine.spec.height), view_for(options.preset, options))
    params = encoded(options.preset.look(), engine.encode)
    made = []
    for number, pixels in enumerate(frames):
        given, placement = fit(pixels)
        styled = np.asarray(engine.run(given, params), np.uint8)
        made_of = MadeOf(given, params, pixels)
        made.append(Frame(styled, number, 0.0, placement=placement, made_of=made_of))
    return made


def _enlarged(pixels: Pixels, options: Options) -> Pixels:
    form = options.format
    size = (form.width, form.height)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)
