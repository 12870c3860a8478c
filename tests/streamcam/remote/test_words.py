import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import Embedding, Params
from engines.errors import InvalidPrompt, InvalidSpec
from engines.prompts import blend, crossfade
from streamcam.clock.tempo import Tempo
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox
from streamcam.remote.wire import LARGEST_VALUES, Misspoken
from streamcam.remote.words import dump, load

PLAIN = {"strength": 0.5, "guidance": 1.0, "delta": 1.0, "seed": 2, "prompt": "a", "negative": ""}


def there(prompt):
    """As an engine elsewhere reads it, by its own model: it keeps no words."""
    if "refused" in prompt:
        raise InvalidPrompt("no such prompt.")
    rng = np.random.default_rng(list(prompt.encode()))
    return Embedding(rng.normal(size=(7, 5)).astype(np.float32))


def here(prompt):
    return Embedding(there(prompt).tokens_TD, words=prompt)


def written(**changed):
    return json.dumps(PLAIN | changed).encode()


def test_an_engine_elsewhere_gets_the_prompt_that_is_on_its_way_here():
    box = ParamsBox(here, Look("a", "a sunny day", crossfade=1.0))
    box.read(0.0)
    box.set(Look("b", "a dark night::2 | snow", "red", crossfade=1.0, seed=5))
    box.read(0.0)
    halfway = box.read(0.4)
    box.set(Look("c", "rain", strength=0.7, crossfade=1.0))  # a fade within a fade
    for now in (0.4, 0.5, 0.9, 1.3, 2.0):
        params = box.read(now)
        got = load(dump(params), there, steps=1)
        np.testing.assert_allclose(got.prompt.tokens_TD, params.prompt.tokens_TD, atol=1e-5)
        np.testing.assert_allclose(got.negative.tokens_TD, params.negative.tokens_TD, atol=1e-5)
        for name in ("strength", "guidance_scale", "delta", "seed", "seed_mix", "t_index"):
            assert getattr(got, name) == getattr(params, name), name
    assert halfway.prompt.words[0] == "arc"


def test_the_shares_of_a_blend_are_played():
    box = ParamsBox(here, Look("a", "ink | oil", crossfade=0.0))
    box.read(0.0)
    box.change({"prompt": "ink::3 | oil::1"})
    params = box.read(0.1)
    got = load(dump(params), there, steps=1)
    np.testing.assert_allclose(got.prompt.tokens_TD, params.prompt.tokens_TD, atol=1e-5)
    assert box.tempo == Tempo()


@given(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=15))
def test_fades_within_fades_stay_short(shares):
    """Whoever changes the words all the time sends no longer a look for it."""
    now = here("0")
    for number, share in enumerate(shares, 1):
        now = crossfade(now, here(str(number)), share)
    params = Params(prompt=now, negative=blend([(here("x"), 0.5), (here("y"), 0.5)]))
    data = dump(params)
    assert len(data) < LARGEST_VALUES / 10
    load(data, there, steps=1)


def test_a_table_of_steps_fits_the_engine():
    values = written(t_index=[16, 32])
    assert load(values, there, steps=2).t_index == (16, 32)
    with pytest.raises(InvalidSpec, match="t_index"):
        load(values, there, steps=1)
    with pytest.raises(InvalidSpec, match="t_index"):
        load(written(t_index=[99]), there, steps=1)


def test_what_the_engine_says_to_a_prompt_is_passed_on():
    with pytest.raises(InvalidPrompt):
        load(written(prompt="refused"), there, steps=1)


deep = "a"
for _ in range(13):
    deep = {"arc": [deep, "a", 0.5]}
wide = {"blend": [[{"blend": [["a", 0.1]] * 16}, 0.1]] * 16}


@pytest.mark.parametrize(
    "values",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 30_000,
        written(more=1),
        written(prompt=None),
        written(prompt=["a"]),
        written(prompt="a" * 5000),
        written(prompt={"arc": ["a", "b", 2.0]}),
        written(prompt={"arc": ["a", "b"]}),
        written(prompt={"arc": ["a", "b", True]}),
        written(prompt={"blend": []}),
        written(prompt={"blend": [["a", 0.5]] * 17}),
        written(prompt={"other": ["a", "b", 0.5]}),
        written(prompt=deep),
        written(prompt=wide),
        written(strength="0.5"),
        written(strength=2.0),
        written(strength=float("nan")),
        written(guidance=float("inf")),
        written(guidance=10**400),
        written(seed=1.5),
        written(seed=-1),
        written(seed=True),
        written(seed_mix=[]),
        written(seed_mix=[[1, 0.5]]),
        written(seed_mix=[[1, 0.5, 2]]),
        written(seed_mix=[[1, 0.1]] * 9),
        written(t_index="1"),
        written(t_index=[1.5]),
    ],
)
def test_what_was_never_written_here_is_refused_in_a_line(values):
    with pytest.raises(Misspoken) as refused:
        load(values, there, steps=1)
    assert "\n" not in str(refused.value)


@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
        lambda inside: (
            st.lists(inside, max_size=4)
            | st.dictionaries(st.sampled_from(["arc", "blend", "x"]), inside, max_size=2)
        ),
    ).map(lambda one: json.dumps(PLAIN | {"prompt": one}).encode())
)
def test_any_values_are_a_look_or_refused(values):
    try:
        load(values, there, steps=1)
    except (Misspoken, InvalidSpec):
        return
