"""The local server: page, figures, switches, and what it refuses."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import fields
from pathlib import Path
from unittest.mock import Mock

import pytest
from starlette.responses import Response

import streamcam.web.page
from engines.errors import InvalidPrompt
from streamcam.control.doors import Doors
from streamcam.errors import SinkFailed
from streamcam.sink.web import WebSink
from streamcam.stats import Snapshot
from streamcam.web.guard import Guard
from streamcam.web.runtime import saved
from streamcam.web.server import Site, WebServer


def test_the_page_is_self_contained(http):
    answer = http.get("/")
    page = answer.body.decode()
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "{{" not in page
    assert http.token in page
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self';" in policy
    assert f"connect-src 'self' ws://127.0.0.1:{http.port};" in policy
    assert not re.findall(r"<script(?! type=.module. src=./page/)|<style|\sstyle=|\son\w+=\"", page)
    texts = [page] + [http.get(f"/page/{name}").body.decode() for name in PARTS]
    for text in texts:
        elsewhere = r"https?://(?!www\.w3\.org/2000/svg|127\.0\.0\.1:8737/\?clean)"
        assert re.findall(elsewhere, text) == []


def test_every_part_of_the_page_is_sent_as_what_it_is(http):
    page = http.get("/").body.decode()
    asked = set(re.findall(r"/page/([\w.]+)", page))
    for name in PARTS:
        answer = http.get(f"/page/{name}")
        asked |= set(re.findall(r'from "\./([\w.]+)"', answer.body.decode()))
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        assert (answer.status, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        assert answer.headers["cache-control"] == "no-cache"
        assert http.token not in answer.body.decode()
    assert asked == set(PARTS)


@pytest.mark.parametrize(
    "name", ["page.html", "__init__.py", "..", "%2e%2e", "%2e%2e%2fapp.py", ""]
)
def test_nothing_else_of_the_program_is_sent(http, name):
    answer = http.get(f"/page/{name}")
    assert (answer.status, list(answer.json)) == (404, ["error"])


def test_every_control_of_the_page_has_a_name(http):
    page = http.get("/").body.decode()
    for tag, said in re.findall(r"(<(?:button|a|img|canvas)\b[^>]*>)(\w*)", page):
        assert said or re.search(r"aria-label=|alt=", tag), tag
    for tag in re.findall(r"<(?:input|textarea|select)\b[^>]*>", page):
        assert f'<label for="{re.search(r"id=.([^ ]+).", tag)[1].strip(chr(34))}"' in page, tag
    assert all(f'id="{name}"' in page for name in re.findall(r'aria-\w+by="(\w[\w-]*)', page))


def test_stats_are_those_of_the_program(http, program):
    program.stats.count("out")
    program.stats.took("motion", 0.05)
    found = http.get("/api/stats").json
    assert set(found) == {field.name for field in fields(Snapshot)}
    assert (found["frames_out"], found["motion_latency_ms_p50"]) == (1, 50.0)


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
        "outputs": ["virtualcam:/dev/video10", "web"],
        "size": [1280, 720],
        "fps": 30,
        "scenes": {"Be right back": "card"},
        "keys": {key: f"look {key}" for key in "0123456789"}
        | {"f": "curtain freeze", "c": "curtain card", "o": "curtain off"}
        | {"t": "tap", "u": "undo", "r": "redo", "p": "plate"},
    }


def test_a_look_and_a_preset_are_switched(http, program):
    assert http.post("/api/look", {"name": "golden hour"}).json["look"] == "golden hour"
    assert http.post("/api/preset", {"name": "noir"}).json["preset"] == "noir"
    assert program.preset_name == "noir"
    assert http.post("/api/curtain", {"name": "card"}).json["curtain"] == "card"
    assert program.curtain == "card"


def test_the_source_is_changed_to_one_of_the_list(http, program):
    found = http.get("/api/devices").json
    assert (found["source"], [one["choice"] for one in found["sources"]]) == (
        "demo",
        ["camera:0", "demo"],
    )
    assert found["outputs"] == [{"choice": "web", "what": "a page on this machine", "where": ""}]
    answer = http.post("/api/source", {"name": "camera:0"})
    assert answer.json == {"label": "camera:0, 640x360 at 30 fps"}
    assert http.get("/api/devices").json["source"] == "camera:0"
    refused = http.post("/api/source", {"name": "/etc/passwd"})
    assert (refused.status, refused.json["error"][:33]) == (
        400,
        "unknown source '/etc/passwd'. Kno",
    )
    assert http.post("/api/source", {"name": "demo"}, X_Streamcam_Token="guess").status == 403
    assert program.source == "camera:0"


def test_previews_are_told_and_sent(http):
    assert http.get("/api/previews").json == {"previews": {"ink": 7}}
    answer = http.get("/preview.jpg?look=ink&number=7")
    assert (answer.status, answer.headers["content-type"], answer.body) == (
        200,
        "image/jpeg",
        b"a JPEG",
    )
    for query in ("", "?look=anime", "?look=%00%ff"):
        missing = http.get(f"/preview.jpg{query}")
        assert (missing.status, list(missing.json)) == (404, ["error"])
    assert http.get("/preview.jpg?look=ink", Host="evil.example").status == 403


def test_looks_are_arranged(http, program):
    wanted = [{"name": "warm", "was": "golden hour"}, {"name": "new"}]
    answer = http.post("/api/looks", {"looks": wanted})
    assert (answer.status, answer.json["looks"]) == (200, ["anime", "warm", "new"])
    assert program.preset.look("warm").prompt == "warm light"
    assert http.post("/api/undo", {}).json == {"undone": "looks"}
    assert program.look_names() == ["anime", "ink", "golden hour"]
    for body in ({}, {"looks": [{"was": "ink"}]}, {"looks": "ink"}, {"looks": [{"name": ""}]}):
        answer = http.post("/api/looks", body)
        assert (answer.status, "the body must be" in answer.json["error"]) == (400, True)
    refused = http.post("/api/looks", {"looks": [{"name": "a", "was": "nothing"}]})
    assert refused.json["error"].startswith("unknown look of preset anime 'nothing'")
    assert http.post("/api/looks", {"looks": []}, X_Streamcam_Token="guess").status == 403
    assert program.look_names() == ["anime", "ink", "golden hour"]


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
    for path in ["/", "/page/main.js", "/stream.mjpg", "/snapshot.jpg", "/api/stats", "/api/state"]:
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


@pytest.mark.parametrize("text", ["LocalHost:{port}", "localhost.:{port}", "127.0.0.1.:{port}"])
def test_a_host_may_be_written_in_other_ways(http, text):
    host = text.format(port=http.port)
    assert http.get("/", Host=host).status == 200
    assert http.get("/", Host=host, Origin=f"HTTP://{host.lower()}").status == 200
    assert http.post("/api/look", {"name": "ink"}, Host=host).status == 200
    assert http.get("/", Host=f"{host}0").status == 403
    assert http.get("/", Host=host, Origin=f"https://{host}").status == 403


@pytest.mark.parametrize(
    ("status", "port", "headers"),
    [
        (200, 80, {"host": "127.0.0.1"}),
        (200, 80, {"host": "localhost", "origin": "http://localhost"}),
        (200, 80, {"host": "localhost", "origin": "http://localhost:80"}),
        (200, 80, {"host": "[::1]:80"}),
        (403, 80, {"host": "localhost:8080"}),
        (403, 80, {"host": "localhost", "origin": "http://localhost:8080"}),
        (403, 80, {"host": "localhost", "origin": "http://127.0.0.1"}),
        (403, 80, {"host": "evil.example"}),
        (403, 80, {"host": "localhost.evil.example"}),
        (403, 80, {"host": "localhost.."}),
        (403, 80, {"host": "x@localhost"}),
        (403, 80, {"host": "localhost", "origin": "null"}),
        (403, 80, {"host": "localhost", "origin": "localhost"}),
        (403, 8737, {"host": "localhost"}),
        (403, 8737, {"host": "localhost:08737"}),
        (403, 8737, {"host": "localhost:8737:8737"}),
    ],
)
def test_the_port_may_be_left_out_where_it_is_80(status, port, headers):
    async def app(scope, receive, send):
        await Response(status_code=200)(scope, receive, send)

    assert asyncio.run(status_of(Guard(app, "token"), port, headers)) == status


async def status_of(app, port, headers):
    """Of the answer to a GET, without a server: nobody may listen on port 80 here."""
    sent = []
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": raw}

    async def send(message):
        sent.append(message)

    await app(scope | {"server": ("127.0.0.1", port)}, None, send)
    return sent[0]["status"]


STREAMS = ["/stream.mjpg", "/stream.mkv"]
API = [
    "/openapi.json",
    "/api/stats",
    "/api/state",
    "/api/devices",
    "/api/instance",
    "/api/values",
    "/api/control",
    "/api/previews",
]
PARTS = sorted(
    one.name
    for one in Path(streamcam.web.page.__file__).parent.iterdir()
    if one.suffix in (".js", ".css")
)
READ = ["/", "/page/main.js", *API, "/snapshot.jpg", *STREAMS]


@pytest.mark.parametrize("path", READ)
def test_head_is_get_without_the_body(http, film, sink, monkeypatch, path):
    counted = []
    watch = WebSink.watch
    monkeypatch.setattr(WebSink, "watch", lambda self: counted.append(1) or watch(self))
    head = http.ask("HEAD", path)
    assert (head.status, head.body, counted) == (200, b"", [])
    connection, got = http.open(path)
    same = ("content-type", "cache-control", "x-frame-options")
    assert [head.headers.get(name) for name in same] == [got.getheader(name) for name in same]
    if "content-length" in head.headers and path not in ("/api/stats", "/api/control"):  # change
        assert head.headers["content-length"] == got.getheader("content-length")
    got.close()
    connection.close()
    assert http.ask("HEAD", path, Host="evil.example").status == 403


def test_every_get_route_is_known_here(web, http):
    http.get("/")  # loads the app
    routes = web._server.config.app.routes
    ways = {(one.path, method) for one in routes for method in getattr(one, "methods", ())}
    known = {path.replace("main.js", "{name}") for path in READ} | {"/phone.svg", "/preview.jpg"}
    assert {path for path, method in ways if method == "GET"} == known
    assert {path for path, method in ways if method == "HEAD"} == known


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "OPTIONS"])
def test_other_methods_are_told_which_ones_there_are(http, method):
    for path, allowed in (("/", "GET, HEAD"), ("/api/look", "POST"), ("/stream.mjpg", "GET, HEAD")):
        answer = http.ask(method, path)
        if method == "OPTIONS":
            assert (answer.status, answer.body) == (204, b"")
            assert answer.headers["allow"] == f"{allowed}, OPTIONS"
        else:
            assert (answer.status, answer.headers["allow"]) == (405, allowed)
            assert answer.json == {"error": f"{path} answers {allowed} alone"}
    assert http.ask(method, "/nothing").json == {"error": "there is no /nothing here"}


def test_another_page_gets_no_leave_to_ask(http):
    """A preflight, which a browser sends before a request with our token's header."""
    asked = {"Access_Control_Request_Method": "POST", "Origin": "http://evil.example"}
    answer = http.ask("OPTIONS", "/api/look", **asked)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_breaks_in_a_switch_is_said(http, program, monkeypatch):
    for error, status, said in (
        (InvalidPrompt("prompt, at its end: a part is empty."), 400, "prompt, at its end: a part"),
        (SinkFailed("the disk is full"), 400, "the disk is full"),
        (KeyError("bug"), 500, "/api/look failed: KeyError: 'bug'"),
    ):
        monkeypatch.setattr(program, "select_look", Mock(side_effect=error))
        answer = http.post("/api/look", {"name": "ink"})
        assert answer.status == status
        assert answer.json["error"].startswith(said)
    assert http.get("/").status == 200


def test_without_the_page_there_are_the_controls_alone(program, sink, folder, make_client):
    web = WebServer(Doors(program), sink, Site(page=False, port=0))
    web.start()
    try:
        (running,) = saved(folder)
        http = make_client(web.port, running.token)
        for path in ("/", "/snapshot.jpg", *STREAMS):
            assert http.get(path).status == 404
        assert http.get("/api/instance").json == {"pid": os.getpid(), "preset": "anime"}
        assert http.post("/api/curtain", {"name": "card"}).status == 200
        assert http.post("/api/curtain", {"name": "live"}, X_Streamcam_Token="guess").status == 403
        assert http.get("/api/state", Host="evil.example").status == 403
        assert program.curtain == "card"
    finally:
        web.stop()


@pytest.mark.parametrize("path", ["/", "/api/state", "/nothing", "/docs", "/openapi.json"])
def test_no_other_page_can_hold_or_read_ours(http, path):
    answer = http.get(path)
    assert answer.status == (404 if path in ("/nothing", "/docs") else 200)
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers
