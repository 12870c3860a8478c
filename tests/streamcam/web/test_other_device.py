"""Another device: everything needs the token, which it brings along once; this machine sees no
difference."""

import re
import socket
from http.client import HTTPConnection

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from streamcam.control.doors import Doors
from streamcam.errors import UsageError
from streamcam.web import guard, listening
from streamcam.web.listening import check_address, own_addresses, take_port
from streamcam.web.runtime import saved
from streamcam.web.server import Site, WebServer

OTHER = "127.0.0.2"  # stands for an address of the network, which a machine need not have
PATHS = ["/", "/page/main.js", "/phone.svg", "/openapi.json", "/api/state", "/preview.jpg?look=ink"]


@pytest.fixture
def web(program, sink, film, folder, monkeypatch):
    monkeypatch.setattr(guard, "_is_here", lambda address: address == "127.0.0.1")
    running = WebServer(Doors(program), sink, Site(port=0, preset="anime", address=OTHER))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def ask(web, folder):
    """GET, or with a body POST, over the other address."""

    def asked(path, body=None, host=None, **headers):
        connection = HTTPConnection(OTHER, web.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given |= {"Host": host} if host else {}
        given |= {"Content-Type": "application/json"} if body else {}
        connection.request("POST" if body else "GET", path, body, given)
        answer = connection.getresponse()
        answer.text = answer.read().decode("utf-8", "replace") if "stream" not in path else ""
        connection.close()
        return answer

    return asked


@pytest.fixture
def token(web, folder):
    return saved(folder)[0].token


def test_without_the_token_nothing_is_seen(ask):
    for path in [*PATHS, "/snapshot.jpg", "/stream.mjpg", "/stream.mkv", "/?token=guess", "/x"]:
        answer = ask(path)
        assert answer.status == 403, path
        assert "this device is not known" in answer.text or "stream" in path
        assert answer.getheader("set-cookie") is None


def test_the_token_is_brought_once_and_kept(web, ask, token):
    assert web.phone == f"http://{OTHER}:{web.port}/?token={token}"
    first = ask(f"/?token={token}")
    assert (first.status, first.getheader("location"), first.text) == (303, "/", "")
    cookie = first.getheader("set-cookie")
    assert cookie == f"streamcam-{web.port}={token}; HttpOnly; Path=/; SameSite=lax"
    kept = cookie.partition(";")[0]
    for path in PATHS:
        assert ask(path, Cookie=kept).status == 200, path
    page = ask("/", Cookie=kept)
    assert f"connect-src 'self' ws://{OTHER}:{web.port};" in page.getheader(
        "content-security-policy"
    )
    assert ask("/api/state", Cookie=f"streamcam-{web.port}=guess").status == 403
    assert ask("/api/state", Cookie=f"streamcam-1={token}").status == 403


def test_a_cookie_alone_changes_nothing(ask, token, program, web):
    kept = f"streamcam-{web.port}={token}"
    body = b'{"name": "card"}'
    assert ask("/api/curtain", body, Cookie=kept).status == 403
    assert ask("/api/curtain", body, Cookie=kept, X_Streamcam_Token="guess").status == 403
    assert program.curtain == "live"
    assert ask("/api/curtain", body, X_Streamcam_Token=token).status == 200
    assert program.curtain == "card"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example", "[::1]"])
def test_another_name_is_refused(web, ask, token, host):
    kept = f"streamcam-{web.port}={token}"
    assert ask("/api/state", host=f"{host}:{web.port}", Cookie=kept).status == 403


def test_another_page_is_refused(web, ask, token):
    kept = f"streamcam-{web.port}={token}"
    assert ask("/api/state", Cookie=kept, Origin="http://evil.example").status == 403
    assert ask("/api/state", Cookie=kept, Sec_Fetch_Site="cross-site").status == 403


def test_its_feed_needs_the_token_too(web, token):
    def feed(**headers):
        reached = socket.create_connection((OTHER, web.port))
        address = f"ws://{OTHER}:{web.port}/api/feed"
        return connect(address, sock=reached, additional_headers=headers, proxy=None)

    with pytest.raises(InvalidStatus, match="403"), feed():
        pass
    with feed(Cookie=f"streamcam-{web.port}={token}") as one:
        assert '"values"' in one.recv(timeout=30)


def test_this_machine_needs_no_token_to_look(web, make_client, token):
    http = make_client(web.port, token)
    assert http.get("/api/state").status == 200
    assert http.get(f"/?token={token}").status == 200
    code = http.get("/phone.svg")
    assert (code.status, code.headers["content-type"]) == (200, "image/svg+xml")
    assert re.search(rb'<svg xmlns="http://www.w3.org/2000/svg" width="\d+" height', code.body)
    assert b"<script" not in code.body


def test_without_listen_there_is_no_code_and_no_other_socket(program, sink, folder, make_client):
    running = WebServer(Doors(program), sink, Site(port=0))
    running.start()
    try:
        assert running.phone == ""
        assert make_client(running.port, "").get("/phone.svg").status == 404
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((OTHER, running.port))
    finally:
        running.stop()


def test_an_address_must_be_this_machines(monkeypatch):
    monkeypatch.setattr(listening, "own_addresses", lambda: {"192.168.1.5": "eth0"})
    assert check_address("192.168.1.5") == "192.168.1.5"
    for text in ("0.0.0.0", "127.0.0.1", "192.168.1.6", "eth0", "localhost", ""):
        with pytest.raises(UsageError) as refused:
            check_address(text)
        assert str(refused.value).endswith("and there is 192.168.1.5 (eth0).")
    monkeypatch.setattr(listening, "own_addresses", dict)
    with pytest.raises(UsageError, match="and there is none"):
        check_address("192.168.1.5")


def test_own_addresses_are_none_of_this_machine_alone():
    assert not [address for address in own_addresses() if address.startswith("127.")]


def test_a_port_is_taken_on_both_or_on_none():
    with socket.create_server((OTHER, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is taken"):
            take_port(port, 1, OTHER)
        socket.create_server(("127.0.0.1", port)).close()  # it was let go
