"""Presets: the shipped ones, what a file may say, and what is said about what it may not."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import streamcam
from engines.api import Embedding, EngineSpec, Params
from engines.errors import InvalidSpec
from streamcam.errors import UnknownChoice, UsageError
from streamcam.looks.look import Schedule
from streamcam.presets import (
    Preset,
    find,
    json_schema,
    load_preset,
    preset_names,
    shipped_presets,
    user_presets,
)

SHIPPED = (
    "anime",
    "blueprint",
    "chalk",
    "comic",
    "engraving",
    "ink",
    "neon",
    "noir",
    "oil",
    "sketch",
    "storybook",
    "thermal",
    "vaporwave",
    "vintage",
    "watercolor",
)


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own presets, empty, instead of those of whoever runs the tests."""
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setattr(find, "user_presets", lambda: folder)
    return folder


def save(folder: Path, text: str, name: str = "look") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_presets_are_these() -> None:
    assert preset_names() == sorted(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_preset(name: str) -> None:
    preset = load_preset(name)
    first_line = (shipped_presets() / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
    assert preset.name == name == preset.look().name
    assert first_line.startswith("# ")
    assert preset.negative_prompt
    assert 3 <= len(preset.look_names) <= 5
    for look in preset.look_names:
        assert preset.look(look).name == look


def test_no_two_shipped_looks_share_a_prompt() -> None:
    presets = [load_preset(name) for name in SHIPPED]
    prompts = [one.look(look).prompt for one in presets for look in (None, *one.look_names)]
    assert len(set(prompts)) == len(prompts)


def test_only_presets_lie_among_the_shipped_ones() -> None:
    assert {path.suffix for path in shipped_presets().iterdir()} == {".toml"}


def test_an_installed_wheel_has_its_own_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "streamcam"
    shutil.copytree(shipped_presets(), package / "_presets")
    monkeypatch.setattr(streamcam, "__file__", str(package / "__init__.py"))
    assert shipped_presets() == package / "_presets"
    assert load_preset("anime").path == package / "_presets" / "anime.toml"


def test_a_look_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        'prompt = "base"\nseed = 7\ncrossfade = 2\nt_index = [40]\n'
        '[looks]\nshort = "other"\nlong = {strength = 0.2, negative_prompt = "photo"}\n',
    )
    preset = load_preset(path)
    base, short, long = preset.look(), preset.look("short"), preset.look("long")
    assert preset.look("look") == base
    assert (base.name, base.prompt, base.seed, base.t_index) == ("look", "base", 7, (40,))
    assert (short.prompt, short.seed, short.crossfade, short.t_index) == ("other", 7, 2.0, (40,))
    assert (long.prompt, long.strength, long.negative_prompt) == ("base", 0.2, "photo")
    assert long.t_index is None  # it would win over the strength that the look sets


SCHEDULE = """
prompt = "base"
crossfade = 2
{inline}
[looks]
noir = {{prompt = "film noir", seed = 9}}
{tables}
"""


@pytest.mark.parametrize(
    "form",
    [
        {"inline": 'schedule = [{look = "noir", seconds = 20}, {look = "look", seconds = 0.5}]'},
        {"tables": '[[schedule]]\nlook="noir"\nseconds=20\n[[schedule]]\nlook="look"\nseconds=0.5'},
    ],
)
def test_a_schedule_lists_looks_and_how_long_they_are_on(tmp_path: Path, form) -> None:
    preset = load_preset(save(tmp_path, SCHEDULE.format(**{"inline": "", "tables": "", **form})))
    schedule = preset.showing()
    assert isinstance(schedule, Schedule)
    assert [(turn.look, turn.seconds) for turn in schedule.turns] == [
        (preset.look("noir"), 20.0),
        (preset.look(), 0.5),
    ]
    assert preset.showing("look") == schedule, "the preset's own name stands for it"
    assert preset.showing("noir") == preset.look("noir")
    again = Preset.model_validate(json.loads(preset.model_dump_json(exclude_none=True)))
    assert again.schedule == preset.schedule


def test_without_a_schedule_the_presets_own_name_is_its_look(tmp_path: Path) -> None:
    preset = load_preset(save(tmp_path, 'prompt = "base"\n[looks]\nnoir = "b"'))
    assert preset.showing() == preset.showing("look") == preset.look()
    with pytest.raises(UnknownChoice):
        preset.showing("other")


def test_a_schedule_may_go_through_64_looks(tmp_path: Path) -> None:
    entries = ", ".join(f'{{look = "l{number % 7}", seconds = 1}}' for number in range(64))
    looks = "\n".join(f"l{number} = {{seed = {number}}}" for number in range(7))
    preset = load_preset(save(tmp_path, f'prompt = "a"\nschedule = [{entries}]\n[looks]\n{looks}'))
    assert len(preset.showing().turns) == 64


def test_scenes_of_obs_have_looks_and_curtains(tmp_path: Path) -> None:
    text = """
prompt = "a"
[looks]
noir = "b"
[obs.scenes]
"Be right back" = "card"
Talk = "look"
"Night: late" = "noir"
"""
    assert load_preset(save(tmp_path, text)).obs.scenes == {
        "Be right back": "card",
        "Talk": "look",
        "Night: late": "noir",
    }
    assert load_preset(save(tmp_path, 'prompt = "a"')).obs.scenes == {}


def test_loras_keep_their_order(tmp_path: Path) -> None:
    loras = '[loras]\n"owner/b" = 0.8\n"a.safetensors" = 1'
    preset = load_preset(save(tmp_path, f'prompt = "a"\nmodel = "m.safetensors"\n{loras}'))
    assert list(preset.loras.items()) == [("owner/b", 0.8), ("a.safetensors", 1.0)]


def test_a_backslash_asks_for_the_other_quotes(tmp_path: Path) -> None:
    assert load_preset(save(tmp_path, r"prompt = 'a \(cat\)'")).prompt == r"a \(cat\)"
    with pytest.raises(UsageError, match="stands in 'single quotes'"):
        load_preset(save(tmp_path, r'prompt = "a \(cat\)"'))


def test_unknown_look_suggests_the_nearest() -> None:
    with pytest.raises(UnknownChoice, match=r"'sunst'\. Did you mean 'sunset'"):
        Preset(prompt="a", looks={"sunset": "b"}).look("sunst")


def test_names_go_by_any_case_and_unknown_ones_suggest_the_nearest() -> None:
    assert load_preset("Anime") == load_preset("anime")
    with pytest.raises(UnknownChoice, match=r"unknown preset 'watercolour'\. Did you mean 'wat"):
        load_preset("watercolour")


def test_own_presets_go_before_shipped_ones(user_folder: Path) -> None:
    save(user_folder, 'prompt = "mine"', "anime")
    save(user_folder, 'prompt = "new"', "zebra")
    assert load_preset("anime").prompt == "mine"
    assert load_preset("zebra").path == user_folder / "zebra.toml"
    assert preset_names() == sorted((*SHIPPED, "zebra"))


def test_own_presets_lie_in_the_users_configuration() -> None:
    assert user_presets().name == "presets"
    assert user_presets().parent.name == "streamcam"


def test_a_path_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, 'prompt = "a"')
    monkeypatch.chdir(tmp_path)
    for way in (path, str(path), "look.toml", "./look.toml"):
        assert load_preset(way).prompt == "a"
    with pytest.raises(UsageError, match=r"'other\.toml' does not exist.*anime"):
        load_preset("other.toml")


def test_presets_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Preset(prompt="a").prompt = "b"


def test_a_preset_survives_being_written_and_read() -> None:
    for name in SHIPPED:
        preset = load_preset(name)
        again = Preset.model_validate(json.loads(preset.model_dump_json(exclude_none=True)))
        assert again.model_dump() == preset.model_dump()


def test_the_schema_knows_every_key() -> None:
    schema = json_schema()
    json.dumps(schema)
    assert set(schema["properties"]) == set(Preset.model_fields)
    assert schema["required"] == ["prompt"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["size"]["default"] == "auto"
    output = schema["$defs"]["OutputFormat"]["properties"]["size"]
    assert output["default"] == "auto"
    assert re.fullmatch(output["pattern"], "auto")
    assert re.fullmatch(output["pattern"], "1280x720")
    assert "null" not in json.dumps(schema)


def test_defaults_are_those_of_engine_and_look() -> None:
    preset, spec = Preset(prompt="a"), EngineSpec()
    for key in ("steps", "guidance_mode", "precision", "family", "autoencoder", "execution"):
        assert getattr(preset, key) == getattr(spec, key), key
    assert tuple(preset.loras.items()) == spec.loras


@given(
    st.sampled_from(["strength", "guidance", "delta"]),
    st.floats(-1, 25) | st.sampled_from([0.0, 1.0, 2.0, 20.0, float("nan"), float("inf")]),
)
def test_ranges_are_those_of_the_engine(key: str, value: float) -> None:
    prompt = Embedding(np.zeros((1, 1), np.float32))
    name = {"guidance": "guidance_scale"}.get(key, key)
    try:
        Params(prompt=prompt, negative=prompt, **{name: value})
    except InvalidSpec:
        with pytest.raises(ValidationError):
            Preset(**{"prompt": "a", key: value})
    else:
        assert getattr(Preset(**{"prompt": "a", key: value}), key) == value
