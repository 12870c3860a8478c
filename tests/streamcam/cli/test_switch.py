"""`streamcam switch`: a look of the running preset first, then a preset."""

import pytest

from streamcam.cli import main
from streamcam.errors import UnknownChoice, UsageError

NOBODY = "no streamcam is running"


class Program:
    """The running one, as its client sees it."""

    looks = ("noir", "day")
    presets = ("anime", "noir")

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.runs = True

    def send_look(self, name: str) -> None:
        self._answer("look", name, self.looks)

    def send_preset(self, name: str) -> None:
        self._answer("preset", name, self.presets)

    def _answer(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        if not self.runs:
            raise UsageError(NOBODY)
        if name not in known:
            raise UnknownChoice(kind, name, known)
        self.asked.append((kind, name))


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Program:
    program = Program()
    monkeypatch.setattr("streamcam.web.client.send_look", program.send_look)
    monkeypatch.setattr("streamcam.web.client.send_preset", program.send_preset)
    return program


@pytest.mark.parametrize(("name", "kind"), [("day", "look"), ("noir", "look"), ("anime", "preset")])
def test_switch(program: Program, name: str, kind: str, capsys) -> None:
    assert main(["switch", name]) == 0
    assert program.asked == [(kind, name)]
    assert capsys.readouterr().out == f"{kind}: {name}\n"


def test_a_curtain(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("streamcam.web.client.send_curtain", drawn.append)
    assert main(["curtain", "card"]) == 0
    assert (drawn, capsys.readouterr().out) == (["card"], "curtain: card\n")


def test_a_file_cannot_be_sent(program: Program, capsys) -> None:
    assert main(["switch", "./mine.toml"]) == 2
    error = capsys.readouterr().err
    assert "switch takes a name, not the file './mine.toml': put it into " in error
    assert error.endswith("then: streamcam switch mine\n")
    assert program.asked == []


def test_neither_a_look_nor_a_preset(program: Program, capsys) -> None:
    assert main(["switch", "anmie"]) == 2
    assert capsys.readouterr().err == (
        "streamcam: unknown preset 'anmie'. Did you mean 'anime'? Known: anime, noir. And unknown "
        "look 'anmie'. Known: day, noir.\n"
    )


def test_nobody_runs(program: Program, capsys) -> None:
    program.runs = False
    assert main(["switch", "noir"]) == 2
    assert capsys.readouterr().err == f"streamcam: {NOBODY}\n"
