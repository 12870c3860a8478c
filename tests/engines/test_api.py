"""EngineSpec and Params refuse what cannot work, naming the value and the fix."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import Embedding, EngineSpec, Params
from engines.errors import InvalidSpec

EMBEDDING = Embedding(np.zeros((2, 3), np.float32))


@given(width=st.integers(-100, 2000), height=st.integers(-100, 2000))
def test_sizes_are_multiples_of_16_from_128_to_1280(width, height):
    legal = all(side % 16 == 0 and 128 <= side <= 1280 for side in (width, height))
    if legal:
        spec = EngineSpec(width=width, height=height)
        assert (spec.width, spec.height) == (width, height)
    else:
        with pytest.raises(InvalidSpec, match=f"size {width}x{height}.*for example"):
            EngineSpec(width=width, height=height)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("steps", 9),
        ("guidance_mode", "half"),
        ("batching", "parallel"),
        ("precision", "int4"),
        ("threads", -1),
    ],
)
def test_spec_names_the_field_that_is_wrong(field, value):
    with pytest.raises(InvalidSpec, match=f"{field}.*{value}"):
        EngineSpec(**{field: value})


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("strength", 0.0, "strength 0.0"),
        ("strength", 1.5, "strength 1.5"),
        ("strength", float("nan"), "strength nan"),
        ("guidance_scale", -1.0, "guidance -1.0"),
        ("guidance_scale", float("inf"), "guidance inf"),
        ("delta", 3.0, "delta 3.0"),
        ("seed", -1, "seed -1"),
        ("seed", 2**32, "seed 4294967296"),
    ],
)
def test_params_name_the_field_that_is_wrong(field, value, said):
    with pytest.raises(InvalidSpec, match=said):
        Params(prompt=EMBEDDING, negative=EMBEDDING, **{field: value})


def test_api_loads_no_framework():
    code = (
        "import sys, engines.api, engines.build\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'openvino', 'onnx', 'cv2'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
