"""Artifacts: whole or not there, also where another program holds what was just written."""

import shutil
from pathlib import Path

import pytest

from engines import artifacts, whole
from engines.artifacts import about, why_not_whole, writing, writing_folder


@pytest.fixture
def held(monkeypatch, tmp_path_factory):
    """Call with a number: so many moves and deletions are refused, as Windows does; and a clock
    that only `sleep` moves."""
    left, now = [0], [0.0]
    home = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(artifacts, "user_cache_path", lambda *_, **__: home)

    def hold(count):
        left[0] = count

    def refusing(function):
        def move(*args, **options):
            if left[0] > 0:
                left[0] -= 1
                raise PermissionError(13, "The process cannot access the file", str(args[0]))
            return function(*args, **options)

        return move

    for owner, name in ((Path, "replace"), (Path, "rename"), (shutil, "rmtree")):
        monkeypatch.setattr(owner, name, refusing(getattr(owner, name)))
    monkeypatch.setattr(whole.sys, "platform", "win32")
    monkeypatch.setattr(whole.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(whole.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return hold


def test_a_file_that_a_scanner_holds_for_a_while_takes_its_place(held, tmp_path):
    place = tmp_path / "kernels"
    place.write_bytes(b"old")
    held(90)
    with writing(place) as unfinished:
        unfinished.write_bytes(b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


@pytest.mark.parametrize("refused", [1, 90])
def test_a_folder_that_a_scanner_holds_for_a_while_takes_its_place(held, tmp_path, refused):
    place = tmp_path / "plan"
    for content in (b"old", b"new"):
        held(refused)
        with writing_folder(place, {"is": content.decode()}) as unfinished:
            (unfinished / "frame_step.plan").write_bytes(content)
    assert (place / "frame_step.plan").read_bytes() == b"new"
    assert (about(place), why_not_whole(place)) == ({"is": "new"}, None)
    assert [path.name for path in tmp_path.iterdir()] == ["plan"]


def test_patience_has_an_end(held, tmp_path):
    held(1000)
    with pytest.raises(PermissionError), writing(tmp_path / "kernels") as unfinished:
        unfinished.write_bytes(b"new")
    held(0)
    assert not (tmp_path / "kernels").exists()


def test_elsewhere_a_refusal_is_final(held, tmp_path, monkeypatch):
    monkeypatch.setattr(whole.sys, "platform", "linux")
    held(1)
    with pytest.raises(PermissionError), writing(tmp_path / "kernels") as unfinished:
        unfinished.write_bytes(b"new")


def test_what_another_program_deletes_meanwhile_hinders_nobody(monkeypatch, tmp_path):
    """Two programs that start at once make room in the same cache."""
    monkeypatch.setattr(artifacts, "user_cache_path", lambda *_, **__: tmp_path)
    for name in ("one", "two", "three"):
        with writing_folder(tmp_path / "kind" / name, {"name": name}) as unfinished:
            (unfinished / "file").write_bytes(bytes(1000))
    read = artifacts.about

    def deleted_by_another(place):
        if place.name == "three":
            shutil.rmtree(tmp_path / "kind" / "two")
        return read(place)

    monkeypatch.setattr(artifacts, "about", deleted_by_another)
    gone = artifacts.evict("kind", 0)
    assert [one.path.name for one in gone] == ["one", "three"]
    assert artifacts.evict("kind", 0) == artifacts.evict("another", 0) == []
    shutil.rmtree(tmp_path / "kind")
    assert artifacts.artifacts() == []


def test_a_folder_that_goes_while_it_is_measured_counts_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(artifacts, "user_cache_path", lambda *_, **__: tmp_path)
    with writing_folder(tmp_path / "kind" / "one", {}) as unfinished:
        (unfinished / "file").write_bytes(bytes(1000))
    is_dir = Path.is_dir

    def then_deleted(path):
        there = is_dir(path)
        if path.name == "one":
            shutil.rmtree(path, ignore_errors=True)
        return there

    monkeypatch.setattr(Path, "is_dir", then_deleted)
    (found,) = artifacts.artifacts()
    assert found.bytes == 0
