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
