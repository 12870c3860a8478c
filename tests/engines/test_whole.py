"""Whole: a file or a folder takes its place when it is complete, and nothing else is touched."""

import os

import pytest

from engines.artifacts import writing
from engines.whole import whole_file, whole_folder

DEAD = 2**31 - 2  # no process has this number: Linux stops at 2^22


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_not_there_before_it_is_whole(tmp_path):
    place = tmp_path / "report.json"
    with whole_file(place) as unfinished:
        unfinished.write_bytes(b"half")
        assert not place.exists()
    assert place.read_bytes() == b"half"
    assert names(tmp_path) == ["report.json"]


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "none" / "a.json") as unfinished:
        unfinished.write_bytes(b"")
    assert names(tmp_path) == []


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    place = tmp_path / "report.json"
    place.write_bytes(b"old")
    with pytest.raises(TypeError), whole_file(place) as unfinished:
        unfinished.write_bytes("no bytes")
    assert place.read_bytes() == b"old"
    assert names(tmp_path) == ["report.json"]


def test_a_folder_that_another_program_made_meanwhile_stays(tmp_path):
    place = tmp_path / "model"
    with whole_folder(place) as unfinished:
        (unfinished / "ours").touch()
        place.mkdir()
        (place / "theirs").touch()
    assert names(place) == ["theirs"]
    assert names(tmp_path) == ["model"]


def test_a_folder_that_replaces_takes_the_place_of_the_other(tmp_path):
    place = tmp_path / "model"
    place.mkdir()
    (place / "damaged").touch()
    with whole_folder(place, replaces=True) as unfinished:
        (unfinished / "ours").touch()
    assert names(place) == ["ours"]


def test_a_folder_that_cannot_be_moved_is_an_error(tmp_path):
    place = tmp_path / "model"
    with pytest.raises(OSError, match="model"), whole_folder(place):
        place.write_bytes(b"a file of that name")
    assert names(tmp_path) == ["model"]


def test_what_an_ended_program_left_of_a_file_goes_and_nothing_else(tmp_path):
    """In a user's folder, `.2024.backup` is theirs."""
    mine = f".{os.getppid()}.report.json"  # another program's that runs
    for name in (f".{DEAD}.report.json", f".{DEAD}.backup", mine, ".hidden"):
        (tmp_path / name).touch()
    with whole_file(tmp_path / "report.json") as unfinished:
        unfinished.touch()
    assert names(tmp_path) == sorted([f".{DEAD}.backup", mine, ".hidden", "report.json"])


def test_in_the_cache_all_that_ended_programs_left_goes(tmp_path):
    (tmp_path / f".{DEAD}.kernels").touch()
    (tmp_path / f".{DEAD}.plan").mkdir()
    with writing(tmp_path / "weights") as unfinished:
        unfinished.touch()
    assert names(tmp_path) == ["weights"]
