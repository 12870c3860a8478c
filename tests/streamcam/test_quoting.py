"""What a user wrote is repeated as they wrote it: no doubled backslash, no hidden character."""

import ast
import errno
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engines
import streamcam
from engines.api import EngineSpec
from engines.build import build
from engines.errors import EngineError
from streamcam import capture, sink
from streamcam.cli import main
from streamcam.errors import StreamcamError, UnknownChoice, quoted, reason
from streamcam.presets import load_preset

WINDOWS = r"C:\Videos\new\clip.xyz"


@given(st.text())
def test_quoted(text: str) -> None:
    shown = quoted(text)
    assert shown.isprintable()
    assert shown[0] == shown[-1]
    assert shown[0] in "'\""
    assert ("".join(one for one in text if one.isprintable()) == shown[1:-1]) == text.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (WINDOWS, rf"'{WINDOWS}'"),
        (PureWindowsPath(WINDOWS), rf"'{WINDOWS}'"),
        (r"\\server\share\a.mp4", r"'\\server\share\a.mp4'"),
        ("a\nb\x1b[31m\udcff\u202e", r"'a\nb\x1b[31m\udcff\u202e'"),
        ("it's", '"it\'s"'),
        ('a "b"', "'a \"b\"'"),
        ("日本", "'日本'"),
        ("", "''"),
    ],
)
def test_quoted_as_written(text: object, shown: str) -> None:
    assert quoted(text) == shown


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", WINDOWS), "No such file or "
         "directory"),
        (OSError("plain"), "plain"),
        (ValueError("two\nlines."), "two lines"),
        (KeyError("x"), "'x'"),
        (TimeoutError(), "TimeoutError"),
    ],
)  # fmt: skip
def test_reason(error: Exception, said: str) -> None:
    assert reason(error) == said


def refusal(action) -> str:
    with pytest.raises((StreamcamError, EngineError)) as caught:
        action()
    return str(caught.value)


SPECS = {
    "model": EngineSpec(model=WINDOWS),
    "autoencoder": EngineSpec(model="nano", autoencoder=WINDOWS),
    "lora": EngineSpec(model="nano", loras=((WINDOWS, 1.0),)),
    "backend": EngineSpec(backend=WINDOWS),
}


@pytest.mark.parametrize("spec", SPECS)
def test_the_engine_shows_paths_as_they_are(spec: str) -> None:
    said = refusal(lambda: build(SPECS[spec]))
    assert "\\\\" not in said
    if spec != "lora":  # the embedded model takes none, whatever they are called
        assert quoted(WINDOWS) in said


@pytest.mark.parametrize(
    "action",
    [
        lambda: load_preset(rf"{WINDOWS}.toml"),
        lambda: load_preset(Path(WINDOWS)),
        lambda: capture.parse(WINDOWS),
        lambda: sink.parse(WINDOWS),
    ],
)
def test_the_app_shows_paths_as_they_are(action) -> None:
    said = refusal(action)
    assert "\\\\" not in said
    assert r"C:\Videos\new\clip.xyz" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("--preset", rf"{WINDOWS}.toml"),
        ("--source", WINDOWS),
        ("--source", "demo", "--output", WINDOWS),
        ("switch", rf"{WINDOWS}.toml"),
        (WINDOWS,),
    ],
)
def test_the_command_shows_paths_as_they_are(arguments, capsys) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert r"C:\Videos\new\clip.xyz" in said
    assert "\\\\" not in said


def test_an_unknown_choice_is_quoted() -> None:
    said = str(UnknownChoice("look", r"C:\n", [r"C:\m"]))
    assert said == r"unknown look 'C:\n'. Did you mean 'C:\m'? Known: C:\m."


@pytest.mark.parametrize("package", [streamcam, engines])
def test_no_message_spells_text_as_python_does(package) -> None:
    """`!r` doubles backslashes; `quoted` does not. The peers run where there is no engine."""
    found = [
        f"{path}:{node.lineno}"
        for path in sorted(Path(package.__file__).parent.rglob("*.py"))
        if not {"training", "peers"} & set(path.parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FormattedValue) and node.conversion == ord("r")
    ]
    assert found == []
