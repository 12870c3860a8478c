"""The local server: page, figures, switches, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from streamcam.stats import Snapshot


def test_the_page_is_self_contained(http):
    answer = http.get("/")
    page = answer.body.decode()
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg|127\.0\.0\.1:8737/\?clean)", page) == []
    assert "{{" not in page
    assert http.token in page
    nonce = re.search(r"script-src 'nonce-([^']+)'", answer.headers["content-security-policy"])[1]
    assert page.count(f'nonce="{nonce}"') == 2  # its style and its script
    assert f"nonce-{nonce}" not in http.get("/").headers["content-security-policy"]


def test_every_control_of_the_page_has_a_name(http):
    page = http.get("/").body.decode()
    for tag in re.findall(r"<(?:button|a|img|canvas)\b[^>]*>", page):
        assert re.search(r"aria-label=|alt=", tag), tag


def test_stats_are_those_of_the_program(http, program):
    program.stats.count("out")
    program.stats.took("latency", 0.05)
    found = http.get("/api/stats").json
    assert set(found) == {field.name for field in fields(Snapshot)}
    assert (found["frames_out"], found["latency_ms_p50"]) == (1, 50.0)


def test_state_tells_what_can_be_chosen(http):
    assert http.get("/api/state").json == {
        "preset": "anime",
        "presets": ["anime", "broken", "noir"],
        "look": "anime",
        "looks": ["anime", "ink", "golden hour"],
        "curtain": "live",
        "notice": "",
        "picture": True,
        "viewers": 0,
    }


def test_a_look_and_a_preset_are_switched(http, program):
    assert http.post("/api/look", {"name": "golden hour"}).json["look"] == "golden hour"
    assert http.post("/api/preset", {"name": "noir"}).json["preset"] == "noir"
    assert program.preset_name == "noir"
    assert http.post("/api/curtain", {"name": "card"}).json["curtain"] == "card"
    assert program.curtain == "card"


@pytest.mark.parametrize(
    ("path", "name", "reason"),
    [
        ("/api/look", "inc", "unknown look 'inc'. Did you mean 'ink'?"),
        ("/api/preset", "broken", "broken.toml: strength = 9"),
        ("/api/curtain", "cart", "unknown curtain 'cart'. Did you mean 'card'?"),
    ],
)
def test_what_cannot_be_switched_to_is_explained(http, path, name, reason):
    answer = http.post(path, {"name": name})
    assert answer.status == 400
    assert answer.json["error"].startswith(reason)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"ink"', {}, {"name": ""}, {"name": 3}, {"name": "x" * 201}]
)
def test_a_body_that_is_no_choice_is_refused(http, program, body):
    answer = http.post("/api/look", body)
    assert answer.status == 400
    assert "name" in answer.json["error"]
    assert program.stats.snapshot().look == "anime"


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"X_Streamcam_Token": None}),
        (403, {"X_Streamcam_Token": "guess"}),
        (403, {"Origin": "http://evil.example"}),
        (403, {"Origin": "null"}),
        (403, {"Sec_Fetch_Site": "cross-site"}),
        (415, {"Content_Type": "text/plain"}),
        (415, {"Content_Type": "application/x-www-form-urlencoded"}),
        (413, {"Content_Length": "99999999"}),
    ],
)
def test_posts_from_elsewhere_change_nothing(http, program, status, headers):
    answer = http.post("/api/look", {"name": "ink"}, **headers)
    assert answer.status == status
    assert answer.json["error"]
    assert program.stats.snapshot().look == "anime"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1"},  # the port is missing
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": ""},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"},
    ],
)
def test_requests_from_elsewhere_see_nothing(http, headers):
    given = {k: v.format(port=http.port) for k, v in headers.items()}
    for path in ["/", "/stream.mjpg", "/snapshot.jpg", "/api/stats", "/api/state"]:
        answer = http.get(path, **given)
        assert answer.status == 403, path
        assert list(answer.json) == ["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:{port}"},
        {"Host": "[::1]:{port}"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Host": "localhost:{port}", "Origin": "http://localhost:{port}"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},  # a link on another site
    ],
)
def test_our_own_requests_pass(http, headers):
    given = {k: v.format(port=http.port) for k, v in headers.items()}
    assert http.get("/", **given).status == 200


@pytest.mark.parametrize("path", ["/", "/api/state", "/nothing", "/docs", "/openapi.json"])
def test_no_other_page_can_hold_or_read_ours(http, path):
    answer = http.get(path)
    assert answer.status == (404 if path in ("/nothing", "/docs", "/openapi.json") else 200)
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers
