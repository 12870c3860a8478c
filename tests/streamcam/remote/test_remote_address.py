import os

import pytest

from streamcam.errors import UsageError
from streamcam.remote.address import parse
from streamcam.remote.published import found_at, ports, published

GIVEN = "a token that was given"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where servers publish themselves."""
    monkeypatch.setattr("streamcam.remote.published.user_runtime_path", lambda *_, **__: tmp_path)
    monkeypatch.setenv("STREAMCAM_TOKEN", GIVEN)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "url", "local"),
    [
        ("ws://192.168.1.5", "ws://192.168.1.5:8738", False),
        ("ws://192.168.1.5:9000/", "ws://192.168.1.5:9000", False),
        ("wss://engine.example.org", "wss://engine.example.org:443", False),
        ("ws://localhost", "ws://localhost:8738", True),
        ("ws://[::1]:80", "ws://[::1]:80", True),
    ],
)
def test_addresses(text, url, local):
    address = parse(text)
    assert (address.url, address.local, address.token) == (url, local, GIVEN)
    assert GIVEN not in repr(address)


@pytest.mark.parametrize(
    "text",
    [
        "engine.example.org",
        "http://engine.example.org",
        "ws://",
        "ws://host:99999",
        "ws://host:x",
        "ws://[::1",
        "ws://host/path",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="--engine"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["ws://secret@host", "ws://host/?token=secret", "ws://host#secret"]
)
def test_a_token_in_the_address_is_refused_and_not_repeated(text):
    with pytest.raises(UsageError, match="STREAMCAM_TOKEN") as refused:
        parse(text)
    assert "secret" not in str(refused.value)


def test_a_server_on_this_machine_need_not_be_given_its_token(monkeypatch, folder):
    monkeypatch.delenv("STREAMCAM_TOKEN")
    with published("192.168.1.4", 8738, "its own"):
        assert parse("ws://127.0.0.1").token == parse("ws://192.168.1.4").token == "its own"
        assert ports() == [8738]
        if os.name == "posix":
            assert [oct(path.stat().st_mode & 0o777) for path in folder.iterdir()] == ["0o600"]
        with pytest.raises(UsageError, match="STREAMCAM_TOKEN"):
            parse("ws://192.168.1.5")
    assert found_at(8738) == ("", "")
    with pytest.raises(UsageError, match="STREAMCAM_TOKEN"):
        parse("ws://127.0.0.1")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"token": 1, "pid": 1}', '{"token": "x"}', "[" * 100_000]
)
def test_a_damaged_file_holds_no_token(folder, content):
    (folder / "serve-8738.json").write_text(content)
    assert found_at(8738) == ("", "")


def test_the_file_of_another_server_stays(folder):
    with published("127.0.0.1", 8738, "first"):
        with published("127.0.0.1", 8738, "second"):
            pass
        other = f'{{"address": "a", "token": "third", "pid": {os.getpid()}}}'
        (folder / "serve-8738.json").write_text(other)
    assert found_at(8738) == ("a", "third")


def test_a_server_that_was_killed_is_not_there(folder):
    (folder / "serve-8738.json").write_text('{"address": "a", "token": "old", "pid": 2147483646}')
    assert found_at(8738) == ("", "")
    assert ports() == []
