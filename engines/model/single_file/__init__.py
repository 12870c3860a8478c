"""Single file: a Stable Diffusion checkpoint, all of it in one .safetensors, as a model folder.

The folder is written once, in float16, into the user's cache. It is named by the digest of the
whole file, which is remembered: a checkpoint of the same size can differ in a single tensor, and
the file is read from end to end once anyway, to be converted.
"""

from __future__ import annotations

from pathlib import Path

from engines.artifacts import cache_folder, file_sha256
from engines.errors import BackendUnavailable, ModelUnavailable
from engines.hub import fetch_configuration
from engines.hub.layout import lacking
from engines.model.single_file.header import Header, Kind, kind_of, read_header
from engines.whole import whole_folder

_CONVERSION = 1  # counts up when the same file would become another folder


def as_model_folder(file: Path) -> Path:
    """The model of a checkpoint of Stable Diffusion 1.x, 2.x or XL, in diffusers layout.

    The first call for a file converts it, which takes up to minutes, a few times its size in
    memory and, unless it is in the hub's cache, a download of some small files that describe its
    kind of model. Later calls return at once. Needs torch and diffusers only to convert. Raises
    `ModelUnavailable` naming the file and the fix, or `BackendUnavailable`.
    """
    header = read_header(file)
    kind = kind_of(file, header)
    folder = cache_folder("models") / f"{file_sha256(file)}.{_CONVERSION}"
    if not folder.is_dir():
        _convert(file, header, kind, folder)
    lack = lacking(folder, None)
    if lack is not None:
        raise ModelUnavailable(
            f"model {file}: its converted copy {folder} lacks {lack}. Delete that folder and run "
            "this again."
        )
    return folder


def _convert(file: Path, header: Header, kind: Kind, folder: Path) -> None:
    """Write the model folder."""
    try:
        from engines.model.single_file.conversion import convert
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            f"model {file} must be converted once, which needs the package {error.name}. Install "
            "it: pip install 'streamcam[torch]'."
        ) from error
    try:
        configuration = fetch_configuration(kind.repo_id)
    except ModelUnavailable as error:
        raise ModelUnavailable(f"model {file} is a {kind.name}, and {error}") from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as unfinished:
        convert(file, header, kind, configuration, unfinished)
