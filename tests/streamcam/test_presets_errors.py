"""Presets: what is said about what a file may not say. One line, with key, value and the fix."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.errors import UsageError
from streamcam.presets import Preset, load_preset


def save(folder: Path, text: str) -> Path:
    path = folder / "look.toml"
    path.write_text(text, encoding="utf-8")
    return path


BAD = {
    "strength = 1.7": "strength = 1.7 is not allowed: must be a number above 0 and at most 1.",
    "strength = 0": "strength = 0 is not allowed: must be a number above 0 and at most 1.",
    'strength = "1"': 'strength = "1" is not allowed: must be a number above 0 and at most 1.',
    "strength = nan": "strength = nan is not allowed: must be a number above 0 and at most 1.",
    "steps = 99": "steps = 99 is not allowed: must be a whole number from 1 to 8.",
    "steps = true": "steps = true is not allowed: must be a whole number from 1 to 8.",
    'steps = "1"': 'steps = "1" is not allowed: must be a whole number from 1 to 8.',
    "steps = 1.5": "steps = 1.5 is not allowed: must be a whole number from 1 to 8.",
    "seed = -1": "seed = -1 is not allowed: must be a whole number from 0 to 4294967295.",
    'guidance_mode = "ful"': 'guidance_mode = "ful" is not allowed: must be one of none, self, '
    "onetime, full.",
    'precision = "int8"': 'precision = "int8" is not allowed: must be one of auto, float32, '
    "bfloat16, float16, fp8.",
    'size = "449x256"': 'size = "449x256" is not allowed: width 449 must be a multiple of 16 from '
    "128 to 1280, for example 448.",
    'size = "big"': 'size = "big" is not allowed: must be auto or WIDTHxHEIGHT in pixels, for '
    "example 448x256.",
    "size = 448": 'size = 448 is not allowed: must be text like "auto" or "448x256".',
    't_index = "45"': 't_index = "45" is not allowed: must be a list.',
    "t_index = [50]": "t_index[0] = 50 is not allowed: must be a whole number from 0 to 49.",
    "t_index = [40, 45]": "t_index = [40, 45] is not allowed: it needs one entry for each of steps "
    "= 1.",
    "steps = 2\nt_index = [45, 40]": "t_index = [45, 40] is not allowed: it must rise: the "
    "strongest noise comes first.",
    'model = ""': 'model = "" is not allowed: must be text of 1 to 200 characters.',
    'fused_loras = ["c"]\n[loras]\n"a" = 1': "fused_loras: unknown LoRA 'c'. Known: a.",
    "[loras]\nlcm = 1\n[looks.b]\nloras = {lcm = 0}": "looks.b.loras: unknown live LoRA 'lcm'. "
    "Known: none.",
    "[loras]\n'a/b' = 9": "loras.'a/b' = 9 is not allowed: must be a number from -4 to 4.",
    "[loras]\n'C:\\a' = 9": "loras.'C:\\a' = 9 is not allowed: must be a number from -4 to 4.",
    "size = 'C:\\a.toml'": "size = 'C:\\a.toml' is not allowed: must be auto or WIDTHxHEIGHT "
    "in pixels, for example 448x256.",
    'loras = "a/b"': 'loras = "a/b" is not allowed: must be a table.',
    'batching = "batch"': 'batching = "batch" is not allowed: must be one of auto, stream, '
    "sequential.",
    'execution = "fast"': 'execution = "fast" is not allowed: must be one of auto, eager, graph, '
    "compile.",
    'family = ""': 'family = "" is not allowed: must be text of 1 to 200 characters.',
    "schedule = 3": "schedule = 3 is not allowed: must be a list of 1 to 64 entries.",
    "schedule = []": "schedule = [] is not allowed: must be a list of 1 to 64 entries.",
    "schedule = [3]": "schedule[0] = 3 is not allowed: must be a table.",
    'schedule = [{look = "look"}]': "schedule[0].seconds is missing: it must be a number from 0.1 "
    "to 86400.",
    'schedule = [{look = "look", seconds = 0}]': "schedule[0].seconds = 0 is not allowed: must be "
    "a number from 0.1 to 86400.",
    'schedule = [{look = "look", secs = 1}]': "schedule[0].seconds is missing: it must be a number "
    "from 0.1 to 86400. Further problems in this file: 1.",
    'schedule = [{look = "look", seconds = 1, fade = 1}]': "in [schedule[0]]: unknown key 'fade'. "
    "Known: look, seconds.",
    'schedule = [{look = "look", seconds = 1}, {look = "noit", seconds = 1}]\n[looks]\n'
    'noir = "b"': "schedule[1].look: unknown look 'noit'. Did you mean 'noir'? Known: look, noir.",
    "gate = 3": "gate = 3 is not allowed: must be a table.",
    "[gate]\nthreshold = 2": "gate.threshold = 2 is not allowed: must be a number from 0 to 1.",
    '[gate]\npolicy = "never"': 'gate.policy = "never" is not allowed: must be one of similarity, '
    "hysteresis, always.",
    "[gate]\ntreshold = 1": "in [gate]: unknown key 'treshold'. Did you mean 'threshold'? Known: "
    "calm_frames, max_skip, policy, rest, threshold.",
    '[output]\nsize = "3x3"': 'output.size = "3x3" is not allowed: width and height must be even '
    "numbers from 64 to 7680.",
    '[output]\nsize = "source"': 'output.size = "source" is not allowed: must be auto or '
    "WIDTHxHEIGHT in pixels, for example 1280x720.",
    "[output]\nsize = 720": 'output.size = 720 is not allowed: must be text like "auto" or '
    '"1280x720".',
    '[output]\nmirror = "yes"': 'output.mirror = "yes" is not allowed: must be true or false.',
    "[output]\nfps = 0": "output.fps = 0 is not allowed: must be auto or a number from 1 to 240.",
    "[looks]\nb = 5": "looks.b = 5 is not allowed: must be text of at most 2000 characters or a "
    "table.",
    "[looks.b]\nstrength = 9": "looks.b.strength = 9 is not allowed: must be a number above 0 and "
    "at most 1.",
    "[looks.b]\nstregth = 1": "in [looks.b]: unknown key 'stregth'. Did you mean 'strength'? "
    "Known: delta, guidance, loras, negative_prompt, prompt, seed, strength, variation, "
    "variation_seed.",
    '[looks]\n"" = "b"': 'the name "" in [looks] must be one line of 1 to 40 characters.',
    '[looks]\n"a\\nb" = "b"': r'the name "a\nb" in [looks] must be one line of 1 to 40 characters.',
    '[looks]\n"a b" = 3': "looks.'a b' = 3 is not allowed: must be text of at most 2000 characters "
    "or a table.",
    '[looks]\nlook = "b"': "looks.look has the preset's own name, which stands for the base look. "
    "Give it another.",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_not_allowed_is_named(text: str, tmp_path: Path) -> None:
    path = save(tmp_path, f'prompt = "a"\n{text}\n')
    with pytest.raises(UsageError) as caught:
        load_preset(path)
    assert str(caught.value) == f"{path}: {BAD[text]}"


@pytest.mark.parametrize(
    ("looks", "shown", "said"),
    [
        ("noir", "noire", r"unknown look or curtain 'noire'. Did you mean 'noir'\? Known: card, "),
        ("card", "card", "card is a curtain, and a look of this preset. Give the look another"),
    ],
)
def test_a_scene_has_one_look_or_curtain(tmp_path: Path, looks: str, shown: str, said: str) -> None:
    text = f'prompt = "a"\n[looks]\n{looks} = "b"\n[obs.scenes]\n"My scene" = "{shown}"'
    with pytest.raises(UsageError, match=rf"look\.toml: obs\.scenes\.'My scene': {said}"):
        load_preset(save(tmp_path, text))


def test_unknown_key_suggests_the_nearest(tmp_path: Path) -> None:
    path = save(tmp_path, 'prompt = "a"\nstrenght = 1\n')
    with pytest.raises(UsageError, match=r"look\.toml: unknown key 'strenght'. Did you mean 'stre"):
        load_preset(path)


def test_a_prompt_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"look\.toml: prompt is missing"):
        load_preset(save(tmp_path, "steps = 1"))


def test_a_prompt_of_10_kB_is_refused_without_being_repeated(tmp_path: Path) -> None:
    path = save(tmp_path, f'prompt = "{"a cat, " * 1500}"')
    with pytest.raises(
        UsageError, match=r"10500 characters\) is not allowed: .* most 2000"
    ) as caught:
        load_preset(path)
    assert len(str(caught.value)) < 300


def test_further_problems_are_counted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Further problems in this file: 1\.$"):
        load_preset(save(tmp_path, 'prompt = "a"\nsteps = 99\nstrength = 7\n'))


@given(
    st.dictionaries(
        st.sampled_from([*Preset.model_fields, "other"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=8), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_no_table_ends_in_anything_but_a_preset_or_one_line(table: dict) -> None:
    path = Path("presets", "look.toml")
    try:
        said = Preset.from_table(table, path).name
    except UsageError as error:
        said = str(error).removeprefix(f"{path}: ")
        assert said != str(error)  # noqa: PT017  # both ends are right ones
    assert said
    assert "\n" not in said
