"""CLIP's tokenizer as one file that `tokenizers` reads, made once from a hub model's files."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from engines.artifacts import cache_folder, writing
from engines.errors import BackendUnavailable, ModelUnavailable, reason
from engines.model import remedy, require

_FILES = (
    "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json",
    "special_tokens_map.json",
)  # fmt: skip


def tokenizer_file(folder: Path) -> Path:
    """For `tokenizers.Tokenizer.from_file`, with the padding that the model was trained with.

    Raises `ModelUnavailable`; `BackendUnavailable` without transformers, which converts it.
    """
    require(folder, "tokenizer_config.json")
    parts = [file for file in (folder / name for name in _FILES) if file.is_file()]
    digest = blake2b(b"".join(file.read_bytes() for file in parts), digest_size=12).hexdigest()
    kept = cache_folder("tokenizers") / f"{digest}.json"
    if not kept.is_file():
        with writing(kept) as unfinished:
            _convert(folder, unfinished)
    return kept


def _convert(folder: Path, target: Path) -> None:
    try:
        from transformers import CLIPTokenizer
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            f"model {folder.parent} needs the package {error.name}, which is not installed. "
            "Install it: pip install 'streamcam[torch]'."
        ) from error
    try:
        theirs = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise ModelUnavailable(
            f"model {folder.parent}: {folder.name} is no CLIP tokenizer: {reason(error)}. "
            f"{remedy(folder)}"
        ) from error
    tokenizer = theirs.backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.enable_padding(pad_id=int(theirs.pad_token_id), pad_token=str(theirs.pad_token))
    tokenizer.save(str(target))
