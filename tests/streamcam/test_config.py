"""Configuration files: what is read, and what is said about what cannot be."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import EngineSpec
from engines.errors import InvalidSpec
from streamcam.config import allowed, check_engine_size, display, parse_size, read_toml
from streamcam.errors import UsageError


@given(st.integers(1, 99999), st.integers(1, 99999), st.sampled_from("xX×"))
def test_every_size_reads_back(width: int, height: int, cross: str) -> None:
    assert parse_size(f"{width}{cross}{height}") == (width, height)


@pytest.mark.parametrize("text", ["", "x", "448", "448x", "x256", "448x256x3", "-1x2", "0x16", "a"])
def test_other_text_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
        parse_size(text)


def test_digits_of_other_scripts_are_no_size() -> None:
    with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
        parse_size("\N{ARABIC-INDIC DIGIT FOUR}x\N{ARABIC-INDIC DIGIT TWO}")


@given(st.integers(1, 1200), st.integers(1, 1200))
def test_engine_sizes_are_those_of_the_engine(width: int, height: int) -> None:
    try:
        EngineSpec(width=width, height=height)
    except InvalidSpec:
        with pytest.raises(ValueError, match="must be a multiple of 16 from 128 to 1280"):
            check_engine_size((width, height))
    else:
        assert check_engine_size((width, height)) == (width, height)


def test_the_nearest_size_is_named() -> None:
    with pytest.raises(ValueError, match=r"height 250 .* for example 256"):
        check_engine_size((448, 250))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a number above 0 and at most 1"),
        ({"type": "integer", "minimum": 1, "maximum": 8}, "a whole number from 1 to 8"),
        (
            {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
            "a whole number from 0 to 4294967295",
        ),
        ({"type": "boolean"}, "true or false"),
        ({"enum": ["a", "b"], "type": "string"}, "one of a, b"),
        ({"type": "string", "maxLength": 9}, "text of at most 9 characters"),
        ({"type": "string", "minLength": 1, "maxLength": 9}, "text of 1 to 9 characters"),
        ({"type": "string", "examples": ["1x2", "auto"]}, 'text like "1x2" or "auto"'),
        ({"type": "array", "items": {"type": "integer"}}, "a list"),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, "text or a table"),
    ],
)
def test_schema_in_words(schema: dict, words: str) -> None:
    assert allowed(schema) == words


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_toml(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_broken_toml_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    assert refused(path, b'prompt = "a"\nsteps = = 1\n').startswith(f"{path}, line 2, column 9: ")
    assert refused(path, b'prompt = "a').startswith(f"{path}, line 1, column 12: ")
    assert refused(path, b"a = [\n1,\n").startswith(f"{path}, line 3, column 1: ")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    assert refused(path, b"\xff\xfe\x00") == f"{path} is not UTF-8 text (byte 1)."
    assert "too deeply" in refused(path, b"a = " + b"[" * 100_000)
    with pytest.raises(UsageError, match=r"missing\.toml does not exist"):
        read_toml(tmp_path / "missing.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_toml(tmp_path)


def test_windows_editors_start_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    path.write_bytes(b"\xef\xbb\xbfprompt = 'a'\r\n")
    assert read_toml(path) == {"prompt": "a"}


def test_paths_are_shown_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert display(tmp_path / "presets" / "a.toml") == str(Path("presets", "a.toml"))
    assert display(tmp_path.parent / "a.toml") == str(tmp_path.parent / "a.toml")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("prompt = anime", 'Text needs "quotes"'),
        ("prompt = “anime”", 'Text needs "quotes"'),
        ("strength = .5", "numbers begin with a digit"),
        ("mirror = yes", "a switch is true or false"),
        ('prompt = "anime', "Text ends with the same quote as it begins"),
        ('prompt = "anime\nsteps = 1', "Text ends with the same quote as it begins"),
        ("strength = 0,5", "decimals have a point: strength = 0.5"),
        ('prompt: "anime"', "A line is: name = value."),
        ("steps = 1\nsteps = 2", "A key may be there once."),
    ],
)
def test_common_slips_are_explained(tmp_path: Path, line: str, hint: str) -> None:
    path = tmp_path / "look.toml"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(UsageError) as refusal:
        read_toml(path)
    assert hint in str(refusal.value)
