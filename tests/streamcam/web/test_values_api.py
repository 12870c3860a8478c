"""Values over HTTP: what they are, what they may be, all of a change or none of it."""

import pytest

from streamcam.control.values import Takes, values
from streamcam.errors import UsageError
from streamcam.web.client import Instance, NotReached
from streamcam.web.runtime import saved


def test_every_value_is_there_with_what_it_may_be(http):
    found = http.get("/api/values").json
    assert found["values"] == {"strength": 0.5, "prompt": "anime", "gate.max_skip": 10}
    assert (found["preset"], found["look"]) == ("anime", "anime")
    settings = {one["key"]: one for one in found["settings"]}
    assert settings.keys() == values().keys()
    assert settings["strength"] == {
        "key": "strength",
        "kind": "number",
        "description": values()["strength"].description,
        "takes": "frame",
        "scope": "look",
        "least": 0,
        "most": 1,
        "above": True,
        "usual": 1,
        "step": 0.01,
    }
    assert (settings["guidance"]["most"], settings["guidance"]["usual"]) == (20, 4)
    assert (settings["seed"]["most"], settings["seed"]["usual"]) == (4294967295, 127)
    assert (settings["gate.rest"]["usual"], settings["gate.rest"]["step"]) == (60, 0.1)
    assert settings["steps"]["refusal"].startswith("needs another engine:")
    ranged = [one for one in settings.values() if one["kind"] in ("number", "integer")]
    for one in ranged:  # what a slider needs
        assert one["least"] < one["usual"] <= one["most"], one
        assert 50 <= (one["usual"] - one["least"]) / one["step"] <= 1000 or one["step"] == 1, one
    assert settings["crossfade"]["unit"] == "s"
    assert settings["gate.policy"]["choices"] == ["similarity", "hysteresis", "always"]
    assert settings["steps"]["takes"] == "engine"
    assert all(
        one["description"]
        for one in settings.values()
        if one["takes"] == "frame" and not one["key"].startswith("modulation.blend")
    )


def test_values_are_changed(http, program):
    answer = http.patch("/api/values", {"strength": 1, "gate.max_skip": 3})
    assert answer.status == 200
    assert answer.json["values"] == program.settings
    assert program.settings == {"strength": 1.0, "prompt": "anime", "gate.max_skip": 3}
    assert http.patch("/api/values", {}).status == 200


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (
            {"strength": 1.5},
            "strength = 1.5 is not allowed: must be a number above 0 and at most 1.",
        ),
        ({"prompt": "x", "strength": "much"}, 'strength = "much" is not allowed: must be a number'),
        ({"prompt": "x", "steps": 2}, "steps needs another engine"),
        ({"prompt": "x", "stregth": 2}, "unknown value 'stregth'. Did you mean 'strength'?"),
        (
            {"prompt": "x", "gate.max_skip": 1.5},
            "gate.max_skip = 1.5 is not allowed: must be a w",
        ),
        ({"prompt": "\ud800"}, "prompt = "),
        ({"\ud800": 1}, "unknown value "),
    ],
)
def test_a_value_out_of_range_is_422_and_changes_nothing(http, program, wanted, why):
    before = dict(program.settings)
    answer = http.patch("/api/values", wanted)
    assert answer.status == 422
    assert answer.json["error"].startswith(why)
    assert program.settings == before


def test_nan_is_no_number(http, program):
    answer = http.patch("/api/values", b'{"strength": NaN}')
    assert (answer.status, program.settings["strength"]) == (422, 0.5)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"strength"', b"3", b"null"])
def test_a_body_that_is_no_table_is_refused(http, body):
    answer = http.patch("/api/values", body)
    assert answer.status == 400
    assert answer.json["error"] == 'the body must be values by key: {"strength": 0.7}'


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"X_Streamcam_Token": "guess"}),
        (403, {"X_Streamcam_Token": None}),
        (403, {"Origin": "http://evil.example"}),
        (403, {"Host": "evil.example"}),
        (415, {"Content_Type": "text/plain"}),
    ],
)
def test_changes_from_elsewhere_change_nothing(http, program, status, headers):
    for method, path, body in (
        ("PATCH", "/api/values", {"strength": 0.9}),
        ("POST", "/api/save", {"name": "evening"}),
    ):
        assert http.send(method, path, body, **headers).status == status
    assert program.settings["strength"] == 0.5
    assert program.saved == []


def test_what_plays_is_saved(http, program):
    assert http.post("/api/save", {"name": "evening"}).json == {"path": "/home/me/evening.toml"}
    assert program.saved == ["evening"]
    answer = http.post("/api/save", {"name": "a/b"})
    assert (answer.status, answer.json["error"]) == (400, "a preset cannot be called 'a/b'")


def test_a_client_of_another_process(web, folder, program):
    (running,) = saved(folder)
    one = Instance(running, "anime")
    assert one.values()["strength"] == 0.5
    assert one.change_values({"strength": 0.7})["strength"] == 0.7
    with pytest.raises(UsageError, match=r"strength = 2 is not allowed: must be a number above 0"):
        one.change_values({"strength": 2})
    assert one.save("evening") == "/home/me/evening.toml"
    web.stop()
    with pytest.raises(NotReached):
        one.values()


def test_the_registry_knows_every_setting_of_the_schema():
    """What a preset gains is either played or says why not, on purpose."""
    takes = {kind: {key for key, one in values().items() if one.takes is kind} for kind in Takes}
    doors = {"control.osc", "control.midi", "control.link"}
    output = {"output.size", "output.fps", "output.quality", "output.audio"}
    pictures = {"mask.picture", "mask.plate"}
    assert takes[Takes.START] == output | doors
    assert takes[Takes.FILE] == {"t_index", "looks", "schedule", "obs.scenes", *pictures}
    assert takes[Takes.ENGINE] == {
        "steps", "guidance_mode", "model", "family", "autoencoder", "loras", "fused_loras",
        "size", "backend",
        "precision", "batching", "execution", "half_accumulation",
    }  # fmt: skip


def test_what_was_changed_is_taken_back_and_done_again(http, program):
    http.patch("/api/values", {"strength": 0.9})
    http.patch("/api/values", {"prompt": "noir", "gate.max_skip": 3})
    assert http.post("/api/undo", {}).json == {"undone": "prompt, gate.max_skip"}
    assert program.settings == {"strength": 0.9, "prompt": "anime", "gate.max_skip": 10}
    assert http.post("/api/undo", {}).json == {"undone": "strength"}
    answer = http.post("/api/undo", {})
    assert (answer.status, answer.json) == (400, {"error": "there is nothing to undo."})
    assert http.post("/api/redo", {}).json == {"undone": "strength"}
    assert program.settings["strength"] == 0.9
    assert http.post("/api/undo", {}, X_Streamcam_Token="guess").status == 403
    assert program.settings["strength"] == 0.9
