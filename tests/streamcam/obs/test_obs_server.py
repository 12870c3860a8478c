"""Where OBS has written down its WebSocket server, on each system and by each version."""

import json
import sys
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.obs import server
from streamcam.obs.server import FoundObs, ObsServer, find_obs, read_settings

JSON = {
    "alerts_enabled": False,
    "auth_required": True,
    "first_load": False,
    "server_enabled": True,
    "server_password": "geheim",
    "server_port": 4460,
}
INI = """\ufeff[General]
FirstRun=true
Pre19Defaults=false

[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort=4461
AuthRequired=true
ServerPassword=a=b%c;d
"""


@pytest.fixture
def processes(monkeypatch):
    """The programs that run: name, file and command line of each."""
    listed: list[SimpleNamespace] = []
    monkeypatch.setattr(psutil, "process_iter", lambda _: iter(listed))

    def start(name, exe="", cmdline=()):
        info = {"name": name, "exe": exe, "cmdline": cmdline}
        listed.append(SimpleNamespace(info=info))

    return start


@pytest.fixture
def home(tmp_path, monkeypatch, processes):
    """The user's, empty."""
    own = tmp_path / ".config" / "obs-studio"
    monkeypatch.setattr(server, "user_config_path", lambda *_, **__: own)
    return tmp_path


def write_json(folder, **changes):
    path = folder / "plugin_config" / "obs-websocket" / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(JSON | changes))


def write_ini(folder, text=INI):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "global.ini").write_text(text, encoding="utf-8")


def test_both_files_are_read(tmp_path):
    write_ini(tmp_path)
    assert read_settings(tmp_path) == ObsServer(4461, "a=b%c;d", enabled=True)
    write_json(tmp_path)  # of a newer OBS, which has taken the other's values over
    assert read_settings(tmp_path) == ObsServer(4460, "geheim", enabled=True)


def test_no_password_is_wanted(tmp_path):
    write_json(tmp_path / "new", auth_required=False)
    write_ini(tmp_path / "old", INI.replace("AuthRequired=true", "AuthRequired=false"))
    assert read_settings(tmp_path / "new").password == ""
    assert read_settings(tmp_path / "old").password == ""


@pytest.mark.parametrize(
    "text",
    ["", "[General]\nFirstRun=true\n", "ServerPort=1\n", "[OBSWebSocket\n", "\x00\x01", "[a]\nb\n"],
)
def test_a_file_that_says_nothing_is_none(tmp_path, text):
    write_ini(tmp_path, text)
    assert read_settings(tmp_path) is None


@pytest.mark.parametrize("port", [0, -1, 65536, "x", None, 1e99])
def test_a_port_that_is_none_is_the_usual_one(tmp_path, port):
    write_json(tmp_path / "new", server_port=port)
    assert read_settings(tmp_path / "new").port == 4455
    if isinstance(port, int):
        write_ini(tmp_path / "old", f"[OBSWebSocket]\nServerPort={port}\n")
        assert read_settings(tmp_path / "old").port == 4455


@given(st.binary(max_size=200))
def test_whatever_lies_there_raises_nothing(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("obs")
    path = folder / "plugin_config" / "obs-websocket" / "config.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    (folder / "global.ini").write_bytes(data)
    read_settings(folder)


def test_nothing_is_found_where_obs_never_ran(home):
    assert find_obs(environment={"HOME": str(home)}) == FoundObs(running=False, servers=())


@pytest.mark.skipif(sys.platform != "linux", reason="packages of Linux")
def test_flatpak_and_snap_have_folders_of_their_own(home):
    write_json(home / ".var/app/com.obsproject.Studio/config/obs-studio", server_port=1)
    write_json(home / "snap/obs-studio/current/.config/obs-studio", server_port=2)
    write_json(home / ".config/obs-studio", server_port=3)
    found = find_obs(environment={"HOME": str(home)}).servers
    assert [one.port for one in found] == [3, 1, 2]


def test_a_portable_obs_has_its_files_beside_it(home, processes):
    write_json(home / "OBS" / "config" / "obs-studio")
    processes("obs64.exe", str(home / "OBS" / "bin" / "64bit" / "obs64.exe"))
    found = find_obs(environment={"HOME": str(home)})
    assert found == FoundObs(True, (ObsServer(4460, "geheim", enabled=True),))


def test_what_obs_was_started_with_counts(home, processes):
    write_json(home / ".config/obs-studio", server_enabled=False)
    processes("bash", "/bin/bash", ["bash", "--websocket_port", "1"])
    options = ["--websocket_port", "4470", "--websocket_password", "neu", "--websocket_port"]
    processes("obs", "/usr/bin/obs", ["obs", *options])
    found = find_obs(environment={"HOME": str(home)})
    assert found == FoundObs(True, (ObsServer(4470, "neu", enabled=True),))


def test_what_the_user_says_counts_more(home, processes):
    processes("obs", "/usr/bin/obs", ["obs", "--websocket_port", "4470"])
    environment = {"HOME": str(home), "STREAMCAM_OBS_PASSWORD": "mine"}
    assert find_obs(5000, environment).servers == (ObsServer(5000, "mine", enabled=True),)


def test_a_running_obs_without_files_is_tried_at_its_usual_port(home, processes):
    processes("obs", None, None)  # as for another user's process
    found = find_obs(environment={"HOME": str(home)})
    assert found == FoundObs(True, (ObsServer(4455),))


def test_the_password_is_not_shown():
    assert "geheim" not in repr(FoundObs(True, (ObsServer(4455, "geheim"),)))
