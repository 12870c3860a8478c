"""Room for long prompts costs nothing that can be seen, and what is in it is read by all."""

from functools import cache

import numpy as np
import pytest

from engines.api import EngineSpec, Params
from engines.build import build
from tests.engines.pictures import moving_picture

pytestmark = pytest.mark.slow  # builds seven engines

SIZE = 128
LONG = "dark city, anime, cel shading, " * 12  # two chunks


@cache
def picture(backend, chunks, text):
    spec = EngineSpec(
        width=SIZE,
        height=SIZE,
        guidance_mode="full",
        precision="float32",
        backend=backend,
        prompt_chunks=chunks,
    )
    engine = build(spec)
    look = Params(prompt=engine.encode(text), negative=engine.encode("photo"), guidance_scale=1.5)
    assert look.prompt.tokens_TD.shape[0] == 77 * chunks
    shown = engine.run(next(moving_picture(SIZE, SIZE)), look).astype(int)
    engine.close()
    return shown


@pytest.mark.parametrize("chunks", [2, 3])
@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_room_that_is_not_needed_changes_no_picture(backend, chunks):
    text = "anime, (cel shading:1.3)"
    apart = np.abs(picture(backend, chunks, text) - picture(backend, 1, text))
    assert apart.max() <= 1


def test_backends_agree_on_a_long_prompt():
    apart = np.abs(picture("openvino", 2, LONG) - picture("torch", 2, LONG))
    assert apart.max() <= 2
    other = picture("torch", 2, "watercolor painting, " * 14 + LONG)
    assert np.abs(picture("torch", 2, LONG) - other).mean() > 2, "the beginning is read, too"


def test_what_is_added_at_the_end_of_a_long_prompt_is_read():
    longer = picture("torch", 2, LONG + "watercolor painting, soft washes, pale colors")
    assert np.abs(picture("torch", 2, LONG) - longer).mean() > 2
