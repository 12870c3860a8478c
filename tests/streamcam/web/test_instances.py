"""Who runs: one file each, what dead ones leave behind, and who is meant and reached."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.control.doors import Doors
from streamcam.errors import UsageError
from streamcam.web import client
from streamcam.web.client import Instance, NotReached
from streamcam.web.instances import addressed, ask_all, instances
from streamcam.web.runtime import Running, saved
from streamcam.web.server import Site, WebServer


@pytest.fixture
def other():
    """Another process that is alive."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def nobody():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def deaf():
    """A port on which somebody listens who never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def birth(pid):
    began = psutil.Process(pid).create_time()
    return began, began - psutil.boot_time()


def running(pid, port, born=None, **fields):
    known = {"token": "t", "preset": "noir", "outputs": ("virtualcam:/dev/video9",)}
    return Running(pid=pid, born=born or birth(pid), port=port, **(known | fields))


def curtain(name):
    return lambda one: one.send_curtain(name) and None


def test_an_instance_is_found_and_told(web, program):
    (found,) = instances()
    assert str(found) == f"{os.getpid()} (anime to web, a/b.mp4, port {web.port})"
    assert ask_all([found], curtain("card")) is None
    assert program.curtain == "card"
    assert found.send_look("ink").preset == "anime"
    assert program.stats.snapshot().look == "ink"
    program.preset_name = "noir"
    assert found.up_to_date().preset == "noir"
    refusal = ask_all([found], curtain("cart"))
    assert isinstance(refusal, UsageError)
    assert str(refusal).startswith("unknown curtain 'cart'. Did you mean 'card'?")


def test_a_second_one_that_comes_and_goes_takes_nothing_with_it(web, folder, other, nobody):
    second = running(other.pid, nobody)
    second.save(folder)
    assert [one.running.pid for one in instances()] == [os.getpid(), other.pid]
    second.forget(folder)
    assert [one.running.pid for one in instances()] == [os.getpid()]


def test_what_dead_ones_left_behind_is_removed(web, folder, other, nobody):
    other.kill()
    dead = running(other.pid, nobody)
    other.wait()
    dead.save(folder)
    assert [one.running.pid for one in instances()] == [os.getpid()]
    assert [one.pid for one in saved(folder)] == [os.getpid()]


def test_a_number_that_another_process_has_now(folder, other, nobody):
    running(other.pid, nobody, born=(1.0, 1.0)).save(folder)
    assert instances() == []
    assert saved(folder) == []


def test_a_clock_that_was_set_makes_nobody_another(folder, other, nobody):
    began, since_start = birth(other.pid)
    assert running(other.pid, nobody, born=(began - 86_400, since_start)).alive
    assert running(other.pid, nobody, born=(began, since_start - 86_400)).alive
    assert not running(other.pid, nobody, born=(began - 9, since_start - 9)).alive


def test_a_zombie_runs_no_more(folder, other):
    found = running(other.pid, 1)
    other.kill()
    while psutil.Process(other.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert not found.alive


def test_one_that_answers_runs_whatever_its_number_says(web, folder):
    """In a container the same number is another process, or none."""
    (path,) = folder.glob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"born": [1, 1]}))
    assert [one.running.pid for one in instances()] == [os.getpid()]


def test_one_that_is_deaf_is_named_and_keeps_nobody_waiting(
    web, program, folder, other, deaf, monkeypatch
):
    monkeypatch.setattr(client, "_TIMEOUT_SECONDS", 0.5)
    running(other.pid, deaf).save(folder)
    found = instances()
    assert len(found) == 2
    failure = ask_all(found, curtain("off"))
    assert program.curtain == "off"
    assert isinstance(failure, NotReached)
    assert str(failure) == (
        f"1 of 2 did not follow: process {other.pid} (noir to virtualcam:/dev/video9, port "
        f"{deaf}): it did not answer within 0.5 seconds."
    )


def test_one_whose_page_has_gone_is_not_reached(folder, other, nobody):
    running(other.pid, nobody).save(folder)
    failure = ask_all(instances(), curtain("off"))
    assert isinstance(failure, NotReached)
    assert str(failure).startswith(f"process {other.pid} (noir to virtualcam:/dev/video9, port ")
    assert f"nothing answers on port {nobody}: Connection refused" in str(failure)


def test_another_program_that_has_the_port_now(web, folder, other):
    running(other.pid, web.port).save(folder)
    its = instances()[-1]
    failure = ask_all([its], curtain("off"))
    assert isinstance(failure, NotReached)
    assert "answers: the token is not that of the running program" in str(failure)


STRANGE = [
    b"",
    b"\0\1",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
    b"HTTP/1.0 200 OK\r\n\r\n[1]",
    b"SSH-2.0-OpenSSH\r\n",
]


@pytest.mark.parametrize("answer", STRANGE)
def test_what_is_no_streamcam_is_not_reached(folder, other, answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running(other.pid, listener.getsockname()[1]).save(folder)
        talk = "import socket, sys; c = socket.socket(fileno=0).accept()[0]; c.recv(9999); "
        talk += f"c.sendall({answer!r}); c.close()"
        with subprocess.Popen([sys.executable, "-c", talk], stdin=listener.fileno()):
            failure = ask_all(instances(), curtain("off"))
    assert isinstance(failure, NotReached)
    assert "is not streamcam" in str(failure)


def test_who_ended_meanwhile_shows_nothing_any_more(folder, other, nobody):
    running(other.pid, nobody).save(folder)
    found = instances()
    other.kill()
    other.wait()
    failure = ask_all(found, curtain("off"))
    assert isinstance(failure, UsageError)
    assert str(failure).startswith("no streamcam is running")


@pytest.mark.parametrize(
    "to", ["anime", "ANIME", "web", "a/b.mp4", "b.mp4", "all", "ALL", None, "{pid}", "{port}"]
)
def test_who_is_meant(web, folder, other, nobody, to):
    second = running(other.pid, nobody)
    second.save(folder)
    to = to and to.format(pid=os.getpid(), port=web.port)
    everybody = to is None or to.lower() == "all"
    expected = [os.getpid(), other.pid] if everybody else [os.getpid()]
    assert [one.running.pid for one in addressed(to)] == expected


@pytest.mark.parametrize("to", ["noir", "virtualcam:/dev/video9", "virtualcam", "/dev/video9"])
def test_who_else_is_meant(web, folder, other, nobody, to):
    running(other.pid, nobody).save(folder)
    assert [one.running.pid for one in addressed(to)] == [other.pid]


def test_the_preset_that_counts_is_the_one_that_runs_now(web, program):
    program.preset_name = "neon"
    assert len(addressed("neon")) == 1
    with pytest.raises(UsageError, match=r"no streamcam that runs is called 'anime'. Running: \d+"):
        addressed("anime")


def test_nobody_runs(folder, monkeypatch):
    def nowhere():
        raise PermissionError

    for _ in range(2):
        for to in (None, "all", "anime", "1"):
            with pytest.raises(UsageError, match="no streamcam is running"):
                addressed(to)
        monkeypatch.setattr("streamcam.web.instances.runtime_folder", nowhere)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '{"pid": 1}', "[" * 100_000, "\0", '{"pid": 1e999}'],
)
def test_a_file_that_makes_no_sense_is_passed_over(web, folder, text):
    (folder / "1.json").write_text(text)
    assert [one.pid for one in saved(folder)] == [os.getpid()]


# Texts of any kind are slow to invent beside other work; it is files that are tested here.
@given(
    st.dictionaries(
        st.sampled_from(["pid", "born", "port", "token", "preset", "outputs"]),
        st.integers() | st.floats() | st.text() | st.lists(st.floats() | st.text(), max_size=3),
    )
)
def test_no_file_stops_anybody(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("run")
    sound = asdict(running(os.getpid(), 9))
    (folder / f"{os.getpid()}.json").write_text(json.dumps(sound | changes))
    for one in saved(folder):
        assert 0 < one.port < 65_536
        assert one.pid == os.getpid()
        assert one.alive in (True, False)


def test_files_are_for_their_user_alone(web, folder):
    (path,) = folder.iterdir()
    assert path.name == f"{os.getpid()}.json"
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_newer_program_of_the_same_number_keeps_its_file(web, folder):
    (mine,) = saved(folder)
    newer = replace(mine, token="newer")
    newer.save(folder)
    web.stop()
    assert saved(folder) == [newer]


def test_two_servers_of_one_process_do_not_meet(folder: Path, program):
    """They do not: a run is a process. The later one is found."""
    first, second = (WebServer(Doors(program), None, Site(port=0)) for _ in range(2))
    first.start()
    second.start()
    assert [one.port for one in saved(folder)] == [second.port]
    first.stop()
    assert [one.port for one in saved(folder)] == [second.port]
    second.stop()
    assert list(folder.iterdir()) == []


def test_an_instance_prints_its_outputs():
    assert Instance(running(os.getpid(), 80), "ink").names == {
        "ink", "virtualcam:/dev/video9", "virtualcam", "/dev/video9", "video9",
    }  # fmt: skip
