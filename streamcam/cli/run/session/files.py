"""Files: which of them a call without real time renders, and what each becomes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path
from urllib.parse import urlsplit

from streamcam import capture, sink
from streamcam.errors import UsageError, quoted
from streamcam.files.excerpt import WHOLE, cut
from streamcam.sink import VIDEO_SUFFIXES

_USUAL_SUFFIX = ".mp4"
_NAMED = ("record", "sequence")  # outputs that the name of a file chooses


def spread(sources: Sequence[str]) -> tuple[str, ...]:
    """The sources, with each pattern (`clips/*.mp4`) replaced by the files that match it, sorted.

    Raises `UsageError` for a pattern that nothing matches.
    """
    found: list[str] = []
    for source in sources:
        name, _ = cut(source)
        plain = "://" in source or not has_magic(name) or os.path.exists(name)  # noqa: PTH110
        found += [source] if plain else _matching(name, source[len(name) :])
    return tuple(dict.fromkeys(found))


def _matching(pattern: str, part: str) -> list[str]:
    path = Path(pattern).expanduser()
    found = glob(str(path))  # noqa: PTH207  # Path.glob takes no pattern from the root
    files = [one for one in sorted(found) if Path(one).is_file()]
    if not files:
        raise UsageError(
            f"no file matches {quoted(pattern)}: check the folder (looked in "
            f"{quoted(str(path.parent.absolute()))})."
        )
    return [f"{one}{part}" for one in files]


def is_folder(output: str) -> bool:
    """Whether an `--output` names a folder: one that is there, or a name that ends in a slash."""
    ends = output.endswith("/") or (os.altsep is not None and output.endswith(os.sep))
    return ends or os.path.isdir(Path(output).expanduser())  # noqa: PTH112  # a long name


def outputs_of(sources: Sequence[str], outputs: Sequence[str]) -> list[tuple[str, ...]]:
    """For each source its outputs; a folder becomes a file in it, named after the source.

    Raises `UsageError` where two would be written to one file, or over a file that is there.
    """
    named = [one for one in outputs if not is_folder(one) and sink.parse(one)[0] in _NAMED]
    if len(sources) > 1 and named:
        folder = Path(named[0]).with_suffix("")
        raise UsageError(
            f"--output {named[0]} is one file, and there are {len(sources)} sources: give a "
            f"folder, like --output {quoted(f'{folder}/')}."
        )
    taken: dict[str, str] = {}
    return [tuple(_of(source, output, taken) for output in outputs) for source in sources]


def make_folders(outputs: Sequence[str]) -> None:
    """Make the folders among them, where they are missing. Raises `UsageError`."""
    for output in filter(is_folder, outputs):
        try:
            Path(output).expanduser().mkdir(exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"the folder {quoted(output)} cannot be made: {reason}.") from error


def _of(source: str, output: str, taken: dict[str, str]) -> str:
    if not is_folder(output):
        return output
    path = Path(output) / _name(source)
    lies = os.path.realpath(path.expanduser())
    same = os.path.normcase(lies)
    if same in taken:
        raise UsageError(
            f"{quoted(taken[same])} and {quoted(source)} would both become {path}: render them "
            "into two folders."
        )
    file = capture.file_of(source)
    if file is not None and os.path.realpath(file) == lies:
        raise UsageError(
            f"--output {output} would replace the source {source}: give another folder."
        )
    if os.path.lexists(lies):
        raise UsageError(
            f"{quoted(source)} would replace {path}, which is there already: give another folder, "
            "or delete it."
        )
    taken[same] = source
    return str(path)


def _name(source: str) -> str:
    """What a source becomes in a folder."""
    kind, argument = capture.parse(source)
    name, excerpt = cut(argument)
    path = Path(urlsplit(name).path if "://" in name else name)
    if kind == "demo":
        path = Path(kind)
    elif "://" not in name and not os.path.isfile(Path(name).expanduser()):  # noqa: PTH113
        raise UsageError(
            f"--source {source} has no name that its file could have: name the file, like "
            "--output FILE.mp4."
        )
    suffix = path.suffix.lower() if path.suffix.lower() in VIDEO_SUFFIXES else _USUAL_SUFFIX
    end = "" if excerpt.end is None else f"{excerpt.end:g}"
    part = "" if excerpt == WHOLE else f"-{excerpt.start:g}-{end}".rstrip("-")
    return f"{path.stem or 'film'}{part}{suffix}"
