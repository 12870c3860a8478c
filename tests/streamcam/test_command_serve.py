"""The real `streamcam serve` on Ray, and the real command as its laptop."""

import importlib.util
import socket
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from real_command import Command

HAS_RAY = importlib.util.find_spec("ray") is not None
OWN = "this machine's own shows the picture"
PATIENCE = 240  # seconds for Ray to start, and for a replica


@pytest.fixture
def command(tmp_path):
    opened = []

    def start(*arguments, **environment):
        opened.append(Command(tmp_path, *arguments, **environment))
        return opened[-1]

    yield start
    for one in reversed(opened):
        one.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def heard_beyond_this_machine(processes):
    """Names of the processes that listen on other addresses than loopback."""
    found = set()
    for one in processes:
        try:
            listening = [
                link.laddr.ip for link in one.net_connections("tcp") if link.status == "LISTEN"
            ]
            if {ip.removeprefix("::ffff:") for ip in listening} - {"127.0.0.1", "::1"}:
                found.add(
                    one.cmdline()[0].split(":")[2]
                    if one.cmdline()[0].startswith("ray::")
                    else one.name()
                )
        except psutil.NoSuchProcess:
            continue
    return found


def shown_by(laptop, whose):
    """Wait until that one shows the laptop's picture. A busy machine may answer too late now and
    then, so the laptop may have left the server before it is killed: the last line counts."""
    end = time.perf_counter() + PATIENCE
    while True:
        lines = [line for line in laptop.said if "shows the picture" in line]
        if lines and whose in lines[-1]:
            return
        assert laptop.process.poll() is None, (laptop.said, laptop.errors)
        assert time.perf_counter() < end, (whose, laptop.said)
        time.sleep(0.05)


def until(command, text, after=0):
    end = time.perf_counter() + PATIENCE
    while not any(text in line for line in command.said[after:]):
        assert command.process.poll() is None, (command.said, command.errors)
        assert time.perf_counter() < end, (command.said, command.errors)
        time.sleep(0.05)
    return next(line for line in command.said[after:] if text in line)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="the extra `serve` is not installed")
@pytest.mark.timeout(900)
def test_a_laptop_is_served_and_nothing_is_left_behind(command):
    port = free_port()
    server = command("serve", "--backend", "null", "--size", "256x144", "--port", str(port))
    until(server, "laptops:")
    folder = next(Path("/tmp").glob(f"ray-*/session_*_{server.process.pid}")).parent
    processes = psutil.Process(server.process.pid).children(recursive=True)
    # One port of a replica, which asks for Ray's token: see streamcam/serve/README.md.
    assert heard_beyond_this_machine(processes) <= {"ServeReplica"}

    laptop = command(
        *("--source", "demo", "--output", "null", "--backend", "null", "--size", "256x144"),
        *("--no-web", "--engine", f"ws://127.0.0.1:{port}"),
    )
    until(laptop, f"at ws://127.0.0.1:{port} shows the picture")
    status = command("serve", "status")
    assert status.end() == 0
    assert "256x144" in status.said[0]
    assert "1 of 8 seats taken" in status.said[0]
    metrics = until(server, "metrics:").split()[-1]
    end = time.perf_counter() + PATIENCE
    while b"ray_streamcam_pictures" not in urllib.request.urlopen(metrics).read():
        assert time.perf_counter() < end
        time.sleep(0.5)

    # A replica that dies takes its sessions along: the laptop goes on alone until Ray has another.
    for one in processes:
        if "ServeReplica" in " ".join(one.cmdline()):
            one.kill()
    shown_by(laptop, OWN)
    shown_by(laptop, f"at ws://127.0.0.1:{port} shows")
    processes += psutil.Process(server.process.pid).children(recursive=True)

    assert server.stop() == 0
    shown_by(laptop, OWN)
    assert laptop.stop() == 0
    assert laptop.errors == []
    assert not [line for line in server.errors if "(raylet)" not in line]  # of the one that died
    assert not [one for one in psutil.wait_procs(processes, timeout=30)[1] if one.is_running()]
    assert not folder.exists()


def test_a_server_without_ray_is_a_line_with_the_fix(command, tmp_path):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "whole = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'ray' else whole(name, *more)\n"
    )
    server = command("serve", PYTHONPATH=str(tmp_path / "without"))
    assert server.end() == 2
    assert len(server.errors) == 1
    assert "which is not installed: pip install 'streamcam[serve]'." in server.errors[0]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--preset", "no such"), "unknown preset"),
        (("--config", "missing.toml"), "missing.toml does not exist"),
        (("--config", "wrong.toml"), "wrong.toml: seats = 0 is not allowed"),
        (("--listen", "203.0.113.7"), "must be an address of this machine"),
        (("--port", "{taken}"), "cannot be listened on"),
        (("nonsense",), "unknown action 'nonsense'"),
    ],
)
def test_what_cannot_be_is_refused_before_ray_is_loaded(command, tmp_path, flags, said):
    (tmp_path / "wrong.toml").write_text("seats = 0\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        server = command("serve", *(flag.replace("{taken}", number) for flag in flags))
        assert server.end() == 2
    assert len(server.errors) == 1
    assert said in server.errors[0]


def test_no_server_is_a_line(command):
    status = command("serve", "status")
    assert status.end() == 2
    assert "no streamcam serve runs here" in status.errors[0]
