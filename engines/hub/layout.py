"""Layout: which files of a model in diffusers layout are taken, and what a folder of it lacks.

A model is a `model_index.json` with one folder a component, or a single component at the root
(`config.json` beside its weights). Names only; nothing is loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

# The weights' names in diffusers and transformers: half precision, then shards, are optional.
_WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|model)(?P<half>\.fp16)?(?:-\d{5}-of-(?P<shards>\d{5}))?\.safetensors"
)
_PICKLES = frozenset({".bin", ".ckpt", ".pt", ".pth"})
# Components without weights, and the files they cannot do without: one of these sets.
_WEIGHTLESS: dict[str, tuple[tuple[str, ...], ...]] = {
    "tokenizer": (
        ("tokenizer_config.json", "vocab.json", "merges.txt"),
        ("tokenizer_config.json", "tokenizer.json"),
    ),
    "scheduler": (("scheduler_config.json",),),
    "feature_extractor": (("preprocessor_config.json",),),
}
# Nothing here reads these two, and one is larger than a UNet in float16.
_UNUSED = frozenset({"safety_checker", "feature_extractor"})


def wanted_files(names: Iterable[str], parts: Sequence[str] | None) -> list[str]:
    """The files to take of a repository that holds `names` ("/"-separated), sorted.

    Root JSON always; of each component (of `parts`, or all but the safety checker) its JSON and
    txt files and its weights: float16 safetensors where there are some, else the plain ones.
    """
    taken: list[str] = []
    for folder, files in _by_folder(names).items():
        if folder == "":
            taken += [file for file in files if file.endswith(".json") and "index.fp16" not in file]
            taken += _weights(files) if _is_component(files) else []
        elif _is_wanted(folder, files, parts):
            half = any(".fp16" in file for file in _weights(files))
            described = [file for file in files if _is_description(file, half=half)]
            taken += [f"{folder}/{file}" for file in described + _weights(files)]
    return sorted(taken)


def pickled_parts(names: Iterable[str], parts: Sequence[str] | None) -> list[str]:
    """Components (of `parts`, or all but the safety checker) whose only weights are pickles."""
    return [
        folder or "the root"
        for folder, files in _by_folder(names).items()
        if "config.json" in files
        and not _weights(files)
        and any(Path(file).suffix in _PICKLES for file in files)
        and (folder in parts if parts is not None and folder else folder not in _UNUSED)
    ]


def lacking(folder: Path, parts: Sequence[str] | None, *, weights: bool = True) -> str | None:
    """The first thing a model's folder lacks of what `wanted_files` takes; None if it is whole.

    Goes by names, and only `model_index.json` is read. `weights` False asks for the rest only.
    """
    index = folder / "model_index.json"
    if not index.is_file():
        lack = _lacking_of_model(folder, weights=weights)
        return "model_index.json" if lack == "config.json" else lack
    try:
        content = json.loads(index.read_text("utf-8"))
        components = [name for name, made_by in content.items() if _is_made(made_by)]
    except (ValueError, AttributeError, OSError):
        return "a readable model_index.json"
    for component in components:
        if component in parts if parts is not None else component not in _UNUSED:
            lack = _lacking_of(folder / component, weights=weights)
            if lack is not None:
                return f"{component}/{lack}"
    return None


def _is_made(made_by: object) -> bool:
    """Whether an entry of model_index.json, [library, class], is a component the model has."""
    return isinstance(made_by, list) and len(made_by) == 2 and all(made_by)


def _by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = {}
    for name in sorted(names):
        folder, _, file = name.rpartition("/")
        folders.setdefault(folder, []).append(file)
    return folders


def _is_component(root_files: list[str]) -> bool:
    return "config.json" in root_files and "model_index.json" not in root_files


def _is_wanted(folder: str, files: list[str], parts: Sequence[str] | None) -> bool:
    if parts is not None:
        return folder in parts
    if folder in _UNUSED or "/" in folder:
        return False
    return _weightless(folder) is not None or ("config.json" in files and bool(_weights(files)))


def _weightless(component: str) -> tuple[tuple[str, ...], ...] | None:
    return _WEIGHTLESS.get(component.rstrip("_0123456789"))


def _is_description(file: str, *, half: bool) -> bool:
    """Whether this is text about the component; of shard lists, only that of the taken weights."""
    if ".index." in file:
        return file.endswith(".json") and ".safetensors" in file and ("fp16" in file) == half
    return Path(file).suffix in (".json", ".txt")


def _weights(files: Iterable[str]) -> list[str]:
    """The float16 weights among `files`, or else the plain ones."""
    found = [(file, match) for file in files if (match := _WEIGHTS.fullmatch(file))]
    half = any(match["half"] for _, match in found)
    return [file for file, match in found if bool(match["half"]) == half]


def _lacking_of(component: Path, *, weights: bool) -> str | None:
    needed = _weightless(component.name)
    if needed is None:
        return _lacking_of_model(component, weights=weights)
    if any(all((component / file).is_file() for file in files) for files in needed):
        return None
    return next(file for file in needed[0] if not (component / file).is_file())


def _lacking_of_model(component: Path, *, weights: bool) -> str | None:
    if not (component / "config.json").is_file():
        return "config.json"
    # `is_file` follows the hub cache's links: one that leads nowhere does not count.
    files = [file.name for file in component.iterdir() if file.is_file()]
    found = [match for file in files if (match := _WEIGHTS.fullmatch(file))]
    for half in {match["half"] for match in found}:
        shards = [match["shards"] for match in found if match["half"] == half]
        if None in shards or len(shards) == int(shards[0]):
            return None
    return "*.safetensors" if weights else None
