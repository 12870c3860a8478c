"""The looks of a preset in another order and under other names: what names them follows, and the
file keeps its comments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.errors import UnknownChoice, UsageError
from streamcam.presets import find, load_preset, save, save_preset
from streamcam.presets.arrangement import Place, arranged, with_looks_of

MINE = """\
# My evening look, do not touch!
prompt = "anime"   # the words
schedule = [
  {look = "noir", seconds = 5}, {look = "mine", seconds = 5}, {look = "oil", seconds = 5}]

[looks] # of an evening
# for late hours
noir = "film noir"          # the dark one
oil = {prompt = "oil", strength = 0.9}  # thick
"golden hour" = "gold"

# outputs
[output]
mirror = true  # as in a mirror

[obs.scenes]
Talk = "noir"
Break = "card"
Oil = "oil"
"""
SAME = [Place(name, name) for name in ("noir", "oil", "golden hour")]


@pytest.fixture
def preset(tmp_path, monkeypatch):
    for module in (find, save):
        monkeypatch.setattr(module, "user_presets", lambda: tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(MINE, "utf-8")
    return load_preset(path)


def saved(preset):
    """The file's text once `preset` is saved; it is read as what was saved."""
    again = save_preset(preset, preset.look(), "mine")
    assert [*again.looks] == [*preset.looks]
    assert again == preset
    return preset.path.read_text("utf-8")


def test_the_same_arrangement_changes_nothing(preset):
    after = arranged(preset, SAME, preset.look())
    assert after == preset
    assert saved(after) == MINE


def test_another_order_takes_the_comments_along(preset):
    after = arranged(preset, [SAME[2], SAME[1], SAME[0]], preset.look())
    assert after.look_names == ("golden hour", "oil", "noir")
    assert saved(after) == MINE.replace(
        """# for late hours
noir = "film noir"          # the dark one
oil = {prompt = "oil", strength = 0.9}  # thick
"golden hour" = "gold"
""",
        """"golden hour" = "gold"
oil = {prompt = "oil", strength = 0.9}  # thick
# for late hours
noir = "film noir"          # the dark one
""",
    )


def test_another_name_stays_in_its_place_and_what_names_the_look_follows(preset):
    after = arranged(preset, [Place("dark", "noir"), *SAME[1:]], preset.look())
    assert [one.look for one in after.schedule] == ["dark", "mine", "oil"]
    assert after.obs.scenes == {"Talk": "dark", "Break": "card", "Oil": "oil"}
    text = saved(after)
    assert 'dark = "film noir"          # the dark one\noil' in text
    assert "# for late hours\ndark" in text
    assert 'Talk = "dark"' in text


def test_two_looks_may_change_their_names(preset):
    after = arranged(preset, [Place("oil", "noir"), Place("noir", "oil"), SAME[2]], preset.look())
    assert (after.look("oil").prompt, after.look("noir").prompt) == ("film noir", "oil")
    assert [one.look for one in after.schedule] == ["oil", "mine", "noir"]
    saved(after)


def test_one_that_is_gone_is_gone_everywhere(preset):
    after = arranged(preset, SAME[1:], preset.look())
    assert [one.look for one in after.schedule] == ["mine", "oil"]
    assert after.obs.scenes == {"Break": "card", "Oil": "oil"}
    assert "noir" not in saved(after)
    alone = arranged(preset, [], preset.look())
    assert (alone.look_names, len(alone.schedule)) == ((), 1)
    saved(alone)


def test_a_new_one_is_what_plays(preset):
    look = preset.look("oil")
    after = arranged(preset, [Place("thin"), *SAME], look)
    assert (after.look("thin").prompt, after.look("thin").strength) == ("oil", 0.9)
    assert after.look_names[0] == "thin"
    text = saved(after)
    assert text.index("\nthin") < text.index("\nnoir")


def test_looks_with_headers_are_ordered_too(tmp_path):
    path = tmp_path / "mine.toml"
    text = 'prompt = "a"\n[looks]\nink = "ink" # pen\n[looks.neon] # bright\nprompt = "neon"\n'
    path.write_text(text + "strength = 0.3 # weak\n")
    preset = load_preset(path)
    after = arranged(preset, [Place("neon", "neon"), Place("ink", "ink")], preset.look())
    found = save_preset(after, after.look(), "mine")
    assert [*found.looks] == ["neon", "ink"]
    assert all(comment in path.read_text() for comment in ("# pen", "# bright", "# weak"))


def test_looks_that_are_put_back_leave_the_rest(preset):
    after = arranged(preset, SAME[:1], preset.look())
    mirrored = after.model_copy(update={"prompt": "other"})
    back = with_looks_of(mirrored, preset)
    assert (back.look_names, back.prompt) == (preset.look_names, "other")
    assert (back.schedule, back.obs) == (preset.schedule, preset.obs)


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([Place("noir", "noir"), Place("noir", "oil")], "looks: two cannot be called noir."),
        ([Place("a", "noir"), Place("b", "noir")], "looks: one of them is to be in two places."),
        ([Place("mine", "noir")], "looks: mine is the preset's own name"),
        ([Place("card", "noir")], "looks: card is a curtain that a scene of OBS draws."),
        ([Place("x" * 41)], "looks"),
        ([Place("two\nlines")], "looks"),
        ([Place("a", "nowhere")], "unknown look of preset mine 'nowhere'"),
        ([Place(f"look {number}") for number in range(101)], "a preset has at most 100 looks"),
    ],
)
def test_what_cannot_be_is_refused(preset, places, said):
    with pytest.raises((UsageError, UnknownChoice)) as refused:
        arranged(preset, places, preset.look())
    assert str(refused.value).startswith(said)


@given(st.permutations(["noir", "oil", "golden hour"]), st.booleans())
def test_any_order_is_saved_as_it_is(tmp_path_factory, order, added):
    path = tmp_path_factory.mktemp("any") / "mine.toml"
    path.write_text(MINE, "utf-8")
    preset = load_preset(path)
    places = [Place(f"{name} 2", name) for name in order] + [Place("new")] * added
    after = arranged(preset, places, preset.look("oil"))
    saved(after)
    text = path.read_text("utf-8")
    for comment in (
        "# for late hours",
        "# the dark one",
        "# thick",
        "# outputs",
        "# of an evening",
    ):
        assert text.count(comment) == 1, text
