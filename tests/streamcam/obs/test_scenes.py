"""Which look or curtain a scene brings, and which curtain it takes away."""

from hypothesis import given
from hypothesis import strategies as st

from streamcam.looks.curtains import CURTAINS
from streamcam.obs.scenes import Scenes

TABLE = {"Game": "noir", "BRB": "card", "End": "off", "Open": "live"}


def play(*steps):
    """The changes of each step: a scene, and what hangs by then (None: what was asked for)."""
    scenes, curtain, found = Scenes(), "live", []
    for scene, hung in steps:
        curtain = hung or curtain
        asked = scenes.changes(scene, TABLE, curtain)
        for change in asked:
            curtain = change.name if change.kind == "curtain" else curtain
        found.append([(change.kind, change.name) for change in asked])
    return found


def test_a_scene_brings_its_look_and_another_keeps_it():
    assert play(("Game", None), ("Talk", None)) == [[("look", "noir")], []]


def test_a_scenes_curtain_goes_with_it():
    assert play(("BRB", None), ("Talk", None), ("BRB", None), ("End", None), ("Game", None)) == [
        [("curtain", "card")],
        [("curtain", "live")],
        [("curtain", "card")],
        [("curtain", "off")],
        [("look", "noir"), ("curtain", "live")],
    ]


def test_a_curtain_that_somebody_drew_stays():
    assert play(("Game", "freeze"), ("BRB", None), ("Talk", "off"), ("Game", None)) == [
        [("look", "noir")],
        [("curtain", "card")],
        [],
        [("look", "noir")],
    ]


def test_a_scene_that_says_live_opens_every_curtain():
    assert play(("Open", "off"), ("Open", None)) == [[("curtain", "live")], []]


@given(st.lists(st.tuples(st.sampled_from([*TABLE, "Talk"]), st.sampled_from([None, *CURTAINS]))))
def test_only_its_own_curtain_is_lifted(steps):
    scenes, curtain, ours = Scenes(), "live", ""
    for scene, by_hand in steps:
        curtain = by_hand or curtain
        if by_hand is not None and by_hand != ours:
            ours = ""
        before = curtain
        for change in scenes.changes(scene, TABLE, curtain):
            if change.kind == "curtain":
                curtain = change.name
        if before != "live" and curtain == "live":
            assert before == ours or TABLE.get(scene) == "live"
        if TABLE.get(scene) in CURTAINS:
            assert curtain == TABLE[scene]
            ours = "" if curtain == "live" else curtain
        elif before == ours:
            ours = ""
