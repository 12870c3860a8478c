"""A connection to OBS: what is answered, what is refused, and how it is lost."""

import asyncio
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fake_obs import FakeObs

from streamcam.obs import connection
from streamcam.obs.connection import Connection, Denied, Kicked, Lost, NotThere, Refused
from streamcam.obs.server import ObsServer


def attempt(port, password="secret"):
    async def run():
        made = await Connection.open(ObsServer(port, password))
        await made.close()
        return made.version

    return asyncio.run(run())


@pytest.fixture
def quick(monkeypatch):
    """Nobody waits for long."""
    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(connection, "_ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(connection, "_LOADING_POLL", 0.01)


def test_it_says_who_is_there(obs):
    assert attempt(obs.port) == "29.0.2 (obs-websocket 5.1.0)"


def test_without_a_password():
    obs = FakeObs(password="")
    assert attempt(obs.port, "").startswith("29")
    assert attempt(obs.port, "one that OBS does not want").startswith("29")
    obs.close()


@pytest.mark.parametrize(("password", "which"), [("wrong", "another"), ("", "a")])
def test_the_wrong_password(obs, password, which):
    said = rf"it wants {which} password\. Copy it in OBS \(Tools → WebSocket Server Settings → Show"
    with pytest.raises(Refused, match=said):
        attempt(obs.port, password)


def test_nobody_is_there():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with pytest.raises(NotThere, match=f"nothing answers on port {port}$"):
        attempt(port)


def test_one_who_takes_connections_and_says_nothing(quick):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        port = one.getsockname()[1]
        with pytest.raises(NotThere, match=f"it did not answer on port {port}"):
            attempt(port)


def test_an_older_obs_waits_to_be_spoken_to(quick):
    obs = FakeObs(known=False)
    with pytest.raises(Refused, match=r"does not speak obs-websocket 5\. OBS 28 and newer does"):
        attempt(obs.port)
    obs.close()


def test_another_server_has_the_port():
    class Page(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.handle_request, daemon=True).start()
    with pytest.raises(Refused, match="does not speak obs-websocket 5"):
        attempt(server.server_port)
    server.server_close()


def test_a_proxy_is_not_asked(obs, monkeypatch):
    """websockets would take it, even to this machine."""
    for name in ("http_proxy", "https_proxy", "socks_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert attempt(obs.port).startswith("29")


def test_scenes_that_are_being_loaded_are_waited_for(obs, quick):
    obs.loading = 5
    assert attempt(obs.port).startswith("29")
    assert obs.loading == 0


def test_what_obs_does_not_do_is_told(with_obs):
    async def act(made):
        await made.ask("GetInputSettings", inputName="nothing")

    with pytest.raises(Denied, match=r"OBS does not do GetInputSettings: No source") as caught:
        with_obs(act)
    assert caught.value.code == connection.NO_SUCH


def test_a_scene_that_changes_is_noticed_at_once(obs, with_obs):
    async def act(made):
        assert await made.scene() == "Scene"
        assert not await made.other_scene(0.01)
        threading.Timer(0.05, obs.switch_to, ["BRB"]).start()
        assert await made.other_scene(60)
        assert await made.scene() == "BRB"
        assert not await made.other_scene(0.01)

    with_obs(act)


@pytest.mark.parametrize(
    ("loss", "kind"), [("close", Lost), ("cut", Lost), ("kick", Kicked)], ids=str
)
@pytest.mark.parametrize("doing", ["asking", "waiting"])
def test_a_connection_is_lost(obs, with_obs, loss, kind, doing):
    """Whoever waits for an answer hears of it then, and not after a time-out."""

    async def act(made):
        obs.silent = True
        threading.Timer(0.05, getattr(obs, loss)).start()
        with pytest.raises(kind):
            await (made.ask("GetVersion") if doing == "asking" else made.other_scene(300))
        with pytest.raises(kind):
            await made.ask("GetVersion")

    with_obs(act)


def test_an_obs_that_hangs_is_lost(obs, with_obs, quick):
    async def act(made):
        obs.silent = True
        with pytest.raises(Lost, match="does not answer any more"):
            await made.ask("GetVersion")

    with_obs(act)


def test_the_password_is_written_nowhere(obs, caplog):
    caplog.set_level(logging.DEBUG)
    obs.password = "Tr0ub4dor"
    assert attempt(obs.port, obs.password)
    with pytest.raises(Refused) as caught:
        attempt(obs.port, "Tr0ub4dor&3")
    assert len(caplog.records) > 0
    assert "Tr0ub4dor" not in caplog.text + str(caught.value)
