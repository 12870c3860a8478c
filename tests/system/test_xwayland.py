"""A Wayland session seen through its X server alone, as after su, in tmux or in a service."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numbered_card
import pytest
from debian import program
from numbered_card import AS_IT_IS, CLOSE, HEIGHT, PRESET, WIDTH, card
from pipewire_session import Session
from real_command import Command, wait_until
from shared_screen import Monitor, Portal

pytestmark = pytest.mark.system


@pytest.fixture
def xwayland(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Weston without a monitor, and what DISPLAY is in it."""
    folder = tmp_path_factory.mktemp("weston")
    folder.chmod(0o700)
    log = folder / "log"
    options = ("--backend=headless-backend.so", "--width=640", "--height=480", "--socket=wayland-9")
    weston = subprocess.Popen(
        [program("weston"), *options, "--xwayland", "--no-config", f"--log={log}"],
        env=os.environ | {"XDG_RUNTIME_DIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    program("Xwayland")

    def display() -> str | None:
        assert weston.poll() is None, log.read_text()
        said = log.read_text() if log.exists() else ""
        words = said.partition("xserver listening on display ")[2].split()
        return words[0] if words else None

    try:
        yield wait_until(display, "an X display in Weston")
    finally:
        weston.terminate()
        weston.wait(10)


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session()
    yield made
    made.close()


@pytest.fixture
def capture(launch, folder: Path, xwayland: str) -> Callable[..., Command]:
    """The program at work on the screen, with no word of Wayland in its environment."""
    (folder / "look.toml").write_text(PRESET)

    def start(**environment: str) -> Command:
        flags = ("--preset", "look.toml", "--source", "screen", "--output", "null", *AS_IT_IS)
        return launch(*flags, DISPLAY=xwayland, **environment)

    return start


def test_a_black_desktop_is_refused_and_the_way_to_it_named(capture, launch, xwayland) -> None:
    command = capture()
    assert command.end() == 2
    (line,) = command.errors
    assert "a Wayland session shows programs its screen through PipeWire" in line
    assert "start streamcam in a terminal of that desktop, as its user (su, sudo, ssh" in line
    listing = launch("devices", DISPLAY=xwayland)
    assert listing.end() == 0
    (line,) = (line for line in listing.said if line.startswith("screen"))
    assert line.startswith("screen: none; a Wayland session shows")


def test_the_portal_is_taken_where_it_answers(
    capture, launch, session: Session, xwayland: str, monkeypatch
) -> None:
    for name, value in session.environment.items():
        monkeypatch.setenv(name, value)
    monitor = Monitor("eDP-1", (WIDTH, HEIGHT))
    portal = Portal(session, session.node("eDP-1"))
    command = capture(**session.environment)

    def shown() -> bool:
        assert command.process.poll() is None, command.errors
        if monitor.watched:
            monitor.show(card(5))
        if not any("live:" in line for line in command.said):
            return False
        seen, off = numbered_card.read(command.picture())
        return seen == 5 and off <= CLOSE

    try:
        wait_until(shown, "the card")
        assert command.until("source:").startswith("source: the shared screen, 640x480 at")
        listing = launch("devices", DISPLAY=xwayland, **session.environment)
        assert listing.end() == 0
        assert any("the desktop asks which one" in line for line in listing.said)
        assert command.stop() == 0
        assert command.errors == []
    finally:
        portal.close()
        monitor.close()
