"""The WebSocket: every change and the figures for each viewer, values from who has the token."""

import json
import socket
import time
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from streamcam.web import feed
from streamcam.web.runtime import saved


@pytest.fixture
def watch(web, folder):
    """Open a feed; `token`: True for that of the program."""
    (running,) = saved(folder)
    sockets = ExitStack()

    def opened(token=True, origin=None, host="127.0.0.1"):
        query = f"?token={running.token}" if token is True else f"?token={token}" if token else ""
        address = f"ws://{host}:{web.port}/api/feed{query}"
        reached = socket.create_connection(("127.0.0.1", web.port))
        return sockets.enter_context(connect(address, sock=reached, origin=origin, proxy=None))

    with sockets:
        yield opened


def until(one, wanted):
    """The next message that `wanted` agrees to."""
    end = time.perf_counter() + 30
    while time.perf_counter() < end:
        found = json.loads(one.recv(timeout=30))
        if wanted(found):
            return found
    pytest.fail("it never came")


def test_first_everything_then_what_changes(watch, program):
    one = watch(token=False)
    first = json.loads(one.recv(timeout=30))
    assert first.keys() == {
        "preset",
        "look",
        "looks",
        "curtain",
        "undo",
        "redo",
        "values",
        "stats",
    }
    assert first["values"] == program.settings
    assert first["stats"]["look"] == "anime"
    program.change_values({"strength": 0.7})
    assert until(one, lambda m: "values" in m)["values"] == {"strength": 0.7}
    program.select_look("ink")
    news = until(one, lambda m: "look" in m)
    assert news["look"] == "ink"
    assert "preset" not in news
    del program.settings["prompt"]
    assert until(one, lambda m: "values" in m)["values"] == {"prompt": None}
    until(one, lambda m: m.keys() == {"stats"})


def test_values_come_in_by_it(watch, program):
    one, other = watch(), watch(token=False)
    one.send('{"values": {"strength": 0.9}}')
    assert until(other, lambda m: m.get("values") == {"strength": 0.9})
    one.send('{"values": {"strength": 9}}')
    refused = until(one, lambda m: "refused" in m)["refused"]
    assert refused == "strength = 9 is not allowed: must be a number above 0 and at most 1."
    for text in ("", "[]", '{"values": 3}', '{"look": "ink"}', "[" * 9000):
        one.send(text)
        assert until(one, lambda m: "refused" in m)["refused"].startswith("a message must be")
    assert program.settings["strength"] == 0.9


@pytest.mark.parametrize("token", [None, "guess", "%C3%A9"])
def test_without_the_token_it_only_tells(watch, program, token):
    one = watch(token=token)
    one.send('{"values": {"strength": 0.9}}')
    assert "token" in until(one, lambda m: "refused" in m)["refused"]
    assert program.settings["strength"] == 0.5


def test_a_message_that_is_too_long_ends_it(watch, program):
    one = watch()
    one.send(json.dumps({"values": {"prompt": "x" * 20_000}}))
    with pytest.raises(ConnectionClosed):
        until(one, lambda _: False)
    assert program.settings["prompt"] == "anime"


@pytest.mark.parametrize(
    ("origin", "host"),
    [("http://evil.example", "127.0.0.1"), ("null", "localhost"), (None, "evil.example")],
)
def test_other_pages_are_refused(watch, origin, host):
    with pytest.raises(InvalidStatus) as caught:
        watch(origin=origin, host=host)
    assert caught.value.response.status_code == 403


def test_our_own_page_may(watch, web):
    assert watch(origin=f"http://127.0.0.1:{web.port}").recv(timeout=30)


def test_one_who_reads_slowly_misses_what_was_in_between(watch, program):
    slow, quick = watch(token=False), watch(token=False)
    for number in range(200):
        program.settings["prompt"] = f"{number} " + "x" * 1990
        if number % 20 == 0:
            until(quick, lambda m: "values" in m)
    last = program.settings["prompt"]
    seen = 0
    while True:
        seen += 1
        message = json.loads(slow.recv(timeout=30))
        if message.get("values", {}).get("prompt") == last:
            break
    assert seen < 150


def test_there_is_room_for_so_many(watch, monkeypatch):
    monkeypatch.setattr(feed, "MOST_FEEDS", 1)
    first = watch()
    first.recv(timeout=30)
    with pytest.raises(ConnectionClosed) as caught:
        watch().recv(timeout=30)
    assert caught.value.rcvd.code == 1013
    first.close()
    for _ in range(100):
        try:
            assert watch().recv(timeout=30)
        except ConnectionClosed:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the room was never free again")


def test_the_end_of_the_program_ends_it(watch, web):
    one = watch()
    one.recv(timeout=30)
    web.stop()
    with pytest.raises(ConnectionClosed):
        until(one, lambda _: False)
