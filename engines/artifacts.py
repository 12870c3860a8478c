"""Artifacts: what is computed once and kept in the user's cache: graphs, engines, weights.

A file or a folder is either whole or not there (engines/whole.py).
Whatever shapes an artifact is in its key, so a change of any of it makes another one. A folder
that is worth checking has a manifest: what it is, and the size and SHA-256 of every file in it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b, file_digest
from pathlib import Path

from platformdirs import user_cache_path

from engines.errors import reason
from engines.whole import beside, delete_left, whole_file, whole_folder

MANIFEST = "manifest.json"
_DIGITS = 64  # of a SHA-256


@dataclass(frozen=True, slots=True)
class Artifact:
    """A folder or a file of the cache. `about` is what its manifest says; empty without one."""

    kind: str
    path: Path
    bytes: int
    about: Mapping[str, object]


def cache_root() -> Path:
    """The folder of all artifacts; need not exist."""
    return user_cache_path("streamcam", appauthor=False)


def cache_folder(kind: str) -> Path:
    """The folder of one kind of artifacts; need not exist."""
    return cache_root() / kind


def key_of(parts: Mapping[str, object]) -> str:
    """A short name for everything that shapes an artifact."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=12).hexdigest()


@contextmanager
def writing(place: Path) -> Iterator[Path]:
    """A path to write a file of the cache to: see `whole_file`."""
    _make_ready(place.parent)
    with whole_file(place) as unfinished:
        yield unfinished


@contextmanager
def writing_folder(place: Path, content: Mapping[str, object]) -> Iterator[Path]:
    """A new folder to fill that takes its `place`, with a manifest, when the block ends.

    An existing folder is replaced. Callers write over a damaged one only.
    """
    _make_ready(place.parent)
    with whole_folder(place, replaces=True) as unfinished:
        yield unfinished
        _write_manifest(unfinished, place.name, content)


def _make_ready(kind: Path) -> None:
    """Make the folder of a kind, and delete what ended programs left unfinished in it."""
    kind.mkdir(parents=True, exist_ok=True)
    delete_left(kind)


def why_not_whole(folder: Path) -> str | None:
    """What is wrong with a folder that has a manifest; None if nothing is.

    Every file is read, unless it was read before and has kept its size and date since.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        files, key = dict(manifest["files"]), manifest["key"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        return f"{MANIFEST} cannot be read ({reason(error)})"
    if key != folder.name:
        return f"{MANIFEST} is that of another artifact, {key}"
    problems = (_why_not(folder / name, **wanted) for name, wanted in files.items())
    return next((problem for problem in problems if problem), None)


def about(place: Path) -> Mapping[str, object]:
    """What the manifest says is in a folder; empty without a manifest that can be read."""
    try:
        found = json.loads((place / MANIFEST).read_text("utf-8"))["about"]
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return found if isinstance(found, dict) else {}


def artifacts() -> list[Artifact]:
    """Everything in the cache that is whole, but digests, by kind and name. Other programs may
    delete some of it meanwhile."""
    kinds = (folder.name for folder in _listed(cache_root()) if folder.name != "digests")
    return [one for kind in kinds for one in _of_kind(kind)]


def _of_kind(kind: str) -> list[Artifact]:
    places = (one for one in _listed(cache_folder(kind)) if not one.name.startswith("."))
    return [Artifact(kind, place, _size(place), about(place)) for place in places]


def _listed(folder: Path) -> list[Path]:
    """What is in a folder, by name; nothing where none is, or is no more."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def clear() -> int:
    """Delete the whole cache; returns the bytes that it had. Raises OSError for what stays."""
    root = cache_root()
    freed = _size(root)
    if root.exists():
        shutil.rmtree(root)  # noqa: TID251  # this cache's own root
    return freed


def mark_used(folder: Path) -> None:
    """`evict` then takes the folder, which has a manifest, last. Does nothing where it cannot be
    written."""
    with suppress(OSError):
        os.utime(folder / MANIFEST)


def evict(kind: str, limit: int, keep: Collection[Path] = ()) -> list[Artifact]:
    """Delete what was not used for longest of a kind until the rest has at most `limit` bytes.

    keep  of the same kind: these stay, and count
    Returns what was deleted. What another program holds open on Windows stays.
    """
    kept = _of_kind(kind)
    left = sum(one.bytes for one in kept)
    gone: list[Artifact] = []
    for one in sorted(kept, key=_used_at):
        if left <= limit:
            break
        if one.path in keep:
            continue
        with suppress(OSError):
            aside = one.path.rename(beside(one.path))  # at once: no program finds half of it
            left -= one.bytes
            gone.append(one)
            if aside.is_dir():
                shutil.rmtree(aside, ignore_errors=True)  # noqa: TID251  # of this cache
            else:
                aside.unlink(missing_ok=True)
    return gone


def _used_at(one: Artifact) -> float:
    for place in (one.path / MANIFEST, one.path):
        with suppress(OSError):
            return place.stat().st_mtime
    return 0.0


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content; remembered for as long as its size and dates stay. Of the dates
    one is the system's own, which no program sets back. Raises `OSError`."""
    path = path.resolve()
    state = path.stat()
    dates = (state.st_mtime_ns, state.st_ctime_ns)
    known = cache_folder("digests") / key_of({"path": path, "size": state.st_size, "dates": dates})
    with suppress(OSError, ValueError):
        if len(digest := known.read_text("ascii")) == _DIGITS:
            return digest
    digest = _sha256(path)
    with suppress(OSError), writing(known) as unfinished:
        unfinished.write_text(digest, "ascii")
    return digest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _why_not(file: Path, bytes: int, sha256: str) -> str | None:  # a manifest's words
    if not file.is_file():
        return f"{file.name} is missing"
    if (size := file.stat().st_size) != bytes:
        return f"{file.name} has {size} bytes instead of {bytes}"
    if file_sha256(file) != sha256:
        return f"{file.name} has other content than was written"
    return None


def _write_manifest(folder: Path, key: str, content: Mapping[str, object]) -> None:
    files: dict[str, object] = {}
    for path in sorted(folder.iterdir()):
        files[path.name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
    manifest = {
        "key": key,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "about": dict(content),
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def _size(place: Path) -> int:
    """Of a file, or of what is in a folder; what is gone by now counts nothing."""
    if not place.is_dir():
        return _bytes(place)
    return sum(_bytes(Path(where, name)) for where, _, names in os.walk(place) for name in names)


def _bytes(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
