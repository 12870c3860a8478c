"""Keys: what counts as one."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from streamcam.cli.run.keys import Keys, typed


def test_plain_characters_stay() -> None:
    assert typed("12q") == "12q"


def test_arrows_and_function_keys_are_no_characters() -> None:
    for sequence in (
        "\x1b[A",
        "\x1bOP",
        "\x1b[15~",
        "\x1b[1;5C",
        "\x1b",
        "\x1bq",
        "\xe0H",
        "\x00;",
    ):
        assert typed(f"1{sequence}2") in ("12", "1"), repr(sequence)


@given(st.text())
def test_nothing_is_added(text: str) -> None:
    remaining = iter(text)
    assert all(char in remaining for char in typed(text))


def test_without_a_terminal_there_are_none(monkeypatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with Keys() as keys:
            assert not keys.active
            assert keys.pressed() == ""
