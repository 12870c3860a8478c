"""Saving what plays: the file says it, keeps its comments, and shows the same when it is read."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.errors import UsageError
from streamcam.presets import Preset, find, load_preset, save, save_preset

MINE = """\
# My evening look, do not touch!
prompt = "anime"   # the words
strength = 0.5     # as it is

crossfade = 2      # slow

[looks]
noir = "film noir"          # the dark one
oil = {prompt = "oil", strength = 0.9}  # thick

# outputs
[output]
mirror = true  # as in a mirror
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The user's presets."""
    user = tmp_path / "user"
    for module in (find, save):
        monkeypatch.setattr(module, "user_presets", lambda: user)
    return user


def running(folder, text=MINE, name="mine"):
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return load_preset(path)


def test_under_its_own_name_a_look_is_changed_where_it_stands(folder):
    preset = running(folder)
    saved = save_preset(preset, replace(preset.look(), strength=0.751, seed=7), "mine")
    text = (folder / "mine.toml").read_text("utf-8")
    assert text == MINE.replace("0.5     #", "0.751     #").replace(
        "# slow\n", "# slow\nseed = 7\n"
    )
    assert (saved.path, saved.look().strength) == (folder / "mine.toml", 0.751)
    assert saved.look("oil") == replace(preset.look("oil"), seed=7)


def test_a_look_of_looks_is_changed_there(folder):
    preset = running(folder)
    save_preset(preset, replace(preset.look("oil"), guidance=2.0, strength=0.8), "mine")
    preset = load_preset(folder / "mine.toml")
    saved = save_preset(preset, replace(preset.look("noir"), delta=0.5), "MINE")
    text = (folder / "mine.toml").read_text("utf-8")
    assert 'oil = {prompt = "oil", strength = 0.8, guidance = 2.0}  # thick' in text
    assert text.startswith(MINE[: MINE.index("noir")])
    assert 'noir = {prompt = "film noir", delta = 0.5}          # the dark one' in text
    assert saved.look("noir").delta == 0.5
    assert saved.look() == preset.look()
    assert "# as in a mirror" in text


def test_under_another_name_it_is_the_base_and_the_others_stay(folder):
    preset = running(folder)
    playing = replace(preset.look("noir"), strength=0.3, guidance=2.0)
    saved = save_preset(preset, playing, "evening")
    assert saved.path == folder / "evening.toml"
    assert saved.look() == replace(playing, name="evening")
    assert set(saved.looks) == {"mine", "oil"}
    for name in ("mine", "oil"):
        assert saved.look(name) == preset.look(name)
    assert saved.output.mirror
    assert (folder / "mine.toml").read_text("utf-8") == MINE
    assert "# My evening look" in (folder / "evening.toml").read_text("utf-8")


def test_a_file_that_is_overwritten_keeps_its_comments(folder):
    preset = running(folder)
    other = folder / "other.toml"
    other.write_text(
        '# Hers\nprompt = "x" # hm\nsteps = 4 # many\n[gate] # g\nmax_skip = 5 # five\n'
    )
    saved = save_preset(preset, preset.look(), "other")
    text = other.read_text("utf-8")
    assert text.startswith('# Hers\nprompt = "anime" # hm\nsteps = 1 # many\n')
    assert "[gate] # g\nmax_skip = 10 # five\n" in text
    assert saved.model_dump() == preset.model_dump()


def test_a_shipped_preset_is_never_overwritten(folder):
    preset = load_preset("anime")
    before = preset.path.read_bytes()
    saved = save_preset(preset, replace(preset.look(), strength=0.3), "anime")
    assert saved.path == folder / "anime.toml"
    assert preset.path.read_bytes() == before
    assert load_preset("anime").strength == 0.3
    assert saved.looks == preset.looks


def test_a_schedule_follows(folder):
    text = MINE.replace(
        "crossfade", 'schedule = [{look="noir", seconds=2}, {look="mine", seconds=3}]\ncrossfade'
    )
    preset = running(folder, text)
    saved = save_preset(preset, preset.look("noir"), "evening")
    assert [(entry.look, entry.seconds) for entry in saved.schedule] == [
        ("evening", 2),
        ("mine", 3),
    ]


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "a\\b", ".x", "x.", "a\nb", "x" * 41, "/etc/x", "x ", "c:x"]
)
def test_a_name_is_no_path(folder, name):
    preset = running(folder)
    with pytest.raises(UsageError, match="a preset cannot be called"):
        save_preset(preset, preset.look(), name)
    assert [one.name for one in folder.iterdir()] == ["mine.toml"]


def test_a_file_that_does_not_load_is_left(folder):
    preset = running(folder)
    (folder / "other.toml").write_text('prompt = "half')
    with pytest.raises(UsageError, match="not valid TOML"):
        save_preset(preset, preset.look(), "other")
    assert (folder / "other.toml").read_text() == 'prompt = "half'


def test_a_folder_that_cannot_be_written_is_said(folder):
    preset = Preset(prompt="a")
    folder.write_text("a file")
    with pytest.raises(UsageError, match=r"other.toml cannot be written: "):
        save_preset(preset, preset.look(), "other")


def test_a_link_leads_to_the_file_that_is_written(folder, tmp_path):
    preset = running(folder)
    kept = tmp_path / "dotfiles.toml"
    kept.write_text('prompt = "x"\n')
    (folder / "linked.toml").symlink_to(kept)
    save_preset(preset, preset.look(), "linked")
    assert (folder / "linked.toml").is_symlink()
    assert 'prompt = "anime"' in kept.read_text()


words = st.text(st.sampled_from("ab '\"\\\n#=[]é|"), max_size=8)
presets = st.fixed_dictionaries(
    {"prompt": words},
    optional={
        "strength": st.floats(0.001, 1.0),
        "seed": st.integers(0, 9),
        "steps": st.integers(1, 8),
        "size": st.sampled_from(["auto", "256x144"]),
        "loras": st.dictionaries(st.sampled_from(["a", "b.c"]), st.floats(-4, 4), max_size=2),
        "looks": st.dictionaries(
            st.sampled_from(["one", "two words", "x.y"]),
            words | st.fixed_dictionaries({}, optional={"prompt": words, "guidance": st.just(2.0)}),
            max_size=3,
        ),
        "gate": st.fixed_dictionaries({}, optional={"max_skip": st.integers(0, 20)}),
        "modulation": st.fixed_dictionaries(
            {},
            optional={
                "strength": st.just("sine 0.2 4 beats"),
                "blend": st.dictionaries(st.sampled_from("12"), st.just("walk 1 2 s"), max_size=2),
            },
        ),
    },
)
looks = st.fixed_dictionaries(
    {}, optional={"prompt": words, "strength": st.floats(0.001, 1.0), "variation": st.floats(0, 1)}
)


@settings(deadline=None, max_examples=60)
@given(presets, looks, st.data())
def test_what_is_saved_reads_as_it_played(tmp_path_factory, table, changes, data):
    folder = tmp_path_factory.mktemp("saved")
    preset = Preset.from_table(table, Path(folder / "mine.toml"))
    name = data.draw(st.sampled_from([preset.name, *preset.looks]))
    playing = replace(preset.look(name), **changes)
    weights = st.floats(-2, 2)
    loras = {source: data.draw(weights) for source, _ in playing.loras}
    playing = replace(playing, loras=tuple(loras.items()))
    target = data.draw(st.sampled_from(["mine", "other"]))
    with pytest.MonkeyPatch.context() as patch:
        for module in (find, save):
            patch.setattr(module, "user_presets", lambda: folder)
        saved = save_preset(preset, playing, target)
        again = save_preset(saved, saved.look(), target)
    shown = saved.look(name if target == "mine" else None)
    for key, value in vars_of(playing).items():
        found = getattr(shown, key)
        assert found == (pytest.approx(value, abs=1e-4) if isinstance(value, float) else value), key
    assert dict(shown.loras) == pytest.approx(loras, abs=1e-4)
    assert again.model_dump() == saved.model_dump()


def vars_of(look):
    keys = ("prompt", "negative_prompt", "strength", "guidance", "seed", "variation", "t_index")
    return {key: getattr(look, key) for key in keys}
