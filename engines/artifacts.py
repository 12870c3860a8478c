"""Artifacts: what is computed once and kept in the user's cache: graphs, tokenizers, weights.

A file is either whole or not there: it is written beside its place and moved. Whatever shapes an
artifact is in its key, so a change of any of it makes another one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from platformdirs import user_cache_path

_BLOCK = 1 << 22


def cache_folder(kind: str) -> Path:
    """The folder of one kind of artifacts; need not exist."""
    return user_cache_path("streamcam", appauthor=False) / kind


def key_of(parts: Mapping[str, object]) -> str:
    """A short name for everything that shapes an artifact."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=12).hexdigest()


@contextmanager
def writing(place: Path) -> Iterator[Path]:
    """A path to write a file to that takes its `place` when the block ends, and not if it fails.

    Two programs that write the same artifact at once both succeed; the last one stays.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f".{os.getpid()}.{place.name}")
    try:
        yield unfinished
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """Of a file's whole content; remembered for as long as its size and date stay."""
    path = path.resolve()
    state = path.stat()
    known = cache_folder("digests") / key_of(
        {"path": path, "size": state.st_size, "written": state.st_mtime_ns}
    )
    if known.is_file():
        return known.read_text("ascii")
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    with writing(known) as unfinished:
        unfinished.write_text(digest.hexdigest(), "ascii")
    return digest.hexdigest()
