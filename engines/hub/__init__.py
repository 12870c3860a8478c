"""Hub: models and LoRA files from the Hugging Face hub, kept in its own cache.

A model that is whole in the cache is used as it is and nothing is asked of the network, so a
running set-up neither changes nor stops when the hub does. Only this file talks to the hub, and
huggingface_hub is imported only when there is something to fetch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from types import ModuleType

from engines.errors import BackendUnavailable, ModelUnavailable, quoted
from engines.hub.errors import HubRequest, failures, refusal
from engines.hub.layout import lacking, pickled_parts, wanted_files

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_ID = re.compile(f"{_NAME}/{_NAME}")
_FILE_ENDINGS = (".git", ".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".onnx", ".json")


def looks_like_hub_id(name: str) -> bool:
    """Whether `name` is "owner/name" as the hub writes it; does not ask whether it exists.

    A relative path of two parts looks the same, so look for a folder or file of that name first.
    """
    return (
        _ID.fullmatch(name) is not None
        and not name.lower().endswith(_FILE_ENDINGS)
        and not any(pair in name for pair in ("--", ".."))
    )


def fetch(repo_id: str, *, parts: Sequence[str] | None = None) -> Path:
    """The snapshot folder of a model in diffusers layout, downloaded if it is not in the cache.

    parts  folders to take ("unet", "vae", …), those the model lacks are passed over; None takes
           all but the safety checker. Root JSON, and a component at the root, always come.

    Takes safetensors, JSON and txt files, in float16 where the repository has it; never pickles.
    Shows huggingface_hub's progress bars on stderr. Blocks: call it off the frame path. Cut
    connections are resumed, and files that are whole are never fetched twice. Raises
    `ModelUnavailable` or, without huggingface_hub, `BackendUnavailable`; each is one line.
    """
    return _fetch(repo_id, parts, weights=True)


def fetch_configuration(repo_id: str) -> Path:
    """As `fetch`, but only the JSON and txt files: what a model is, without its weights."""
    return _fetch(repo_id, None, weights=False)


def fetch_file(repo_id: str, filename: str | None = None) -> Path:
    """One .safetensors file of a repository, from the cache or downloaded. Blocks, as `fetch`.

    Without `filename` the repository must hold exactly one; the hub is asked which, or the
    cache where the hub cannot be reached. Raises as `fetch` does.
    """
    library = _library(repo_id)
    if filename is not None:
        cached = library.try_to_load_from_cache(repo_id, filename)
        if isinstance(cached, str):
            return Path(cached)
    try:
        name = _held_file(repo_id, filename, _names(library, repo_id))
        return Path(library.hf_hub_download(repo_id, name))
    except failures(library) as error:
        cached = None if filename is not None else _only_cached_file(library, repo_id)
        if cached is not None:
            return cached
        wanted = HubRequest(
            f"{repo_id}/{filename or '*.safetensors'}",
            f"hf download {repo_id} {filename or 'FILE'} --local-dir FOLDER",
            "give the path of the file instead",
        )
        raise refusal(library, repo_id, wanted, error) from error


def _fetch(repo_id: str, parts: Sequence[str] | None, *, weights: bool) -> Path:
    library = _library(repo_id)
    folder = _snapshot(library, repo_id)
    if folder is not None and lacking(folder, parts, weights=weights) is None:
        return folder
    try:
        files = _chosen(repo_id, _names(library, repo_id), parts)
        folder = _download(library, repo_id, files, weights=weights)
    except failures(library) as error:
        folder = _snapshot(library, repo_id)
        partly = None if folder is None else lacking(folder, parts, weights=weights)
        wanted = _wanted(library, repo_id, weights=weights)
        raise refusal(library, repo_id, wanted, error, partly) from error
    lack = lacking(folder, parts, weights=weights)
    if lack is not None:
        raise ModelUnavailable(
            f"model {quoted(repo_id)} is not whole: {folder} lacks {lack}. If the repository has "
            f"it ({library.constants.ENDPOINT}/{repo_id}/tree/main), delete that folder and run "
            "this again; otherwise take another model."
        )
    return folder


def _wanted(library: ModuleType, repo_id: str, *, weights: bool) -> HubRequest:
    command = f"hf download {repo_id}"
    if weights:
        command += " --local-dir FOLDER"
        return HubRequest(f"model {quoted(repo_id)}", command, "give the folder: --model FOLDER")
    copied = f"models--{repo_id.replace('/', '--')}"
    return HubRequest(
        f"the configuration of {quoted(repo_id)}",
        f"{command} --include *.json *.txt",
        f"copy {copied} from the hub's cache there to {library.constants.HF_HUB_CACHE}",
    )


def _download(library: ModuleType, repo_id: str, files: list[str], *, weights: bool) -> Path:
    """The weights last: where the cache has them, it has what describes them, too."""
    heavy = [escape(file) for file in files if file.endswith(".safetensors")]
    light = [escape(file) for file in files if not file.endswith(".safetensors")]
    folder = library.snapshot_download(repo_id, allow_patterns=light)
    if weights and heavy:
        folder = library.snapshot_download(repo_id, allow_patterns=heavy)
    return Path(folder)


def _library(repo_id: str) -> ModuleType:
    """huggingface_hub, which then reports nothing about this machine to the hub."""
    if not looks_like_hub_id(repo_id):
        raise ModelUnavailable(
            f"{quoted(repo_id)} is no model of the Hugging Face hub: those are called OWNER/NAME, "
            "for example stabilityai/sd-turbo."
        )
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            f"model {quoted(repo_id)} comes from the Hugging Face hub, which needs the package "
            f"{error.name}. Install it: pip install 'streamcam[torch]'."
        ) from error
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


def _snapshot(library: ModuleType, repo_id: str) -> Path | None:
    """Where the model lies in the cache, whole or not; None if it is not there."""
    try:
        found = library.snapshot_download(
            repo_id, allow_patterns=["model_index.json"], local_files_only=True
        )
    except library.errors.LocalEntryNotFoundError as error:
        found = getattr(error, "snapshot_path", None)
    return None if found is None else Path(found)


def _names(library: ModuleType, repo_id: str) -> list[str]:
    """The files of a repository, as the hub lists them now."""
    siblings = library.HfApi().model_info(repo_id).siblings or []
    return [sibling.rfilename for sibling in siblings]


def _chosen(repo_id: str, names: list[str], parts: Sequence[str] | None) -> list[str]:
    """The files to take of a repository. Raises `ModelUnavailable` if it has no safetensors."""
    pickled = pickled_parts(names, parts)
    if pickled:
        raise ModelUnavailable(
            f"model {quoted(repo_id)} has no safetensors for {', '.join(pickled)}, only pickles, "
            "which can run code when they are loaded. Take a model that has them."
        )
    files = wanted_files(names, parts)
    if not any(file.endswith(".safetensors") for file in files) and parts is None:
        single = sorted(name for name in names if name.endswith(".safetensors"))
        instead = (
            f"Download one of its files and give its path: {', '.join(single[:3])}."
            if single
            else "Take a model that has them."
        )
        raise ModelUnavailable(
            f"model {quoted(repo_id)} is not in diffusers layout with safetensors. {instead}"
        )
    return files


def _held_file(repo_id: str, filename: str | None, names: list[str]) -> str:
    """`filename`, or the one .safetensors file among `names`. Raises `ModelUnavailable`."""
    held = sorted(name for name in names if name.endswith(".safetensors"))
    if filename in held or (filename is None and len(held) == 1):
        return filename or held[0]
    if not held:
        raise ModelUnavailable(
            f"{quoted(repo_id)} holds no .safetensors file, and others can run code when they are "
            "loaded. Take a repository that holds one."
        )
    wrong = (
        f"holds no file {quoted(filename)}" if filename else f"holds {len(held)} .safetensors files"
    )
    raise ModelUnavailable(f"{quoted(repo_id)} {wrong}. Name one of these: {', '.join(held[:9])}.")


def _only_cached_file(library: ModuleType, repo_id: str) -> Path | None:
    folder = _snapshot(library, repo_id)
    files = [] if folder is None else list(folder.rglob("*.safetensors"))
    return files[0] if len(files) == 1 else None
