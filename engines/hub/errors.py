"""What goes wrong with the Hugging Face hub, each in one line with its fix."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from types import ModuleType
from typing import cast
from urllib.parse import urlsplit

from engines.errors import ModelUnavailable

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EROFS)


def failures(library: ModuleType) -> tuple[type[Exception], ...]:
    """What huggingface_hub raises when the hub or the disk refuses.

    Besides OSError, the errors of the HTTP library it is built on, which changes between its
    versions (requests, httpx, httpx2): its own error for a refused request names it.
    """
    return (OSError, *cast("tuple[type[Exception], ...]", library.errors.HfHubHTTPError.__bases__))


@dataclass(frozen=True, slots=True)
class HubRequest:
    """What is asked of the hub, in the words of a refusal.

    what     a model, or a file
    command  of `hf`, that fetches it on another machine
    use      what to do here with what that fetched
    """

    what: str
    command: str
    use: str


def refusal(
    library: ModuleType,
    repo_id: str,
    wanted: HubRequest,
    error: Exception,
    partly: str | None = None,
) -> ModelUnavailable:
    """Why something of `repo_id` cannot be had, with the fix.

    partly  what the cache lacks of it, if it holds a part
    """
    wrong = _disk_refuses(library, error) or _hub_refuses(library, repo_id, error)
    if wrong is not None:
        return ModelUnavailable(f"{wanted.what} {wrong}")
    state = (
        f"only partly on this machine ({partly} is missing)" if partly else "not on this machine"
    )
    return ModelUnavailable(
        f"{wanted.what} is {state} and {urlsplit(library.constants.ENDPOINT).hostname} cannot be "
        f"reached: {_reason(library, error)}. Connect once and run this again, or run "
        f"`{wanted.command}` where there is a network and {wanted.use}"
    )


def _disk_refuses(library: ModuleType, error: Exception) -> str | None:
    number = error.errno if isinstance(error, OSError) else None
    cache = library.constants.HF_HUB_CACHE
    if number in _NO_ROOM:
        return (
            "does not fit on the disk; the files downloaded whole are kept. Make room for "
            f"{cache}, or set HF_HOME to a folder on another disk."
        )
    if number in _NO_RIGHT:
        return (
            f"cannot be kept in {cache}: {_line(error)}. Set HF_HOME to a folder that can be "
            "written to."
        )
    return None


def _hub_refuses(library: ModuleType, repo_id: str, error: Exception) -> str | None:
    page = f"{library.constants.ENDPOINT}/{repo_id}"
    answers = [answer for answer in (error, error.__cause__) if answer is not None]
    if any(isinstance(answer, library.errors.GatedRepoError) for answer in answers):
        return (
            f"is given only to those who accepted its terms: accept them at {page} and log in "
            "here with `hf auth login`."
        )
    if any(isinstance(answer, library.errors.RepositoryNotFoundError) for answer in answers):
        return (
            f"is not at {page}, or it is private. Check the name; for a private one, log in here "
            "with `hf auth login`."
        )
    if _status(error) in (401, 403):
        return (
            f"is refused to this machine: {_line(error)}. Log in again with `hf auth login`, or "
            "log out with `hf auth logout`."
        )
    return None


def _status(error: Exception) -> int | None:
    """The HTTP status the hub answered with, if it did."""
    for answer in (error, error.__cause__):
        response = getattr(answer, "response", None)
        if response is not None:
            return cast(int, response.status_code)
    return None


def _reason(library: ModuleType, error: Exception) -> str:
    """Why the hub cannot be reached; the library's own error, but not its advice."""
    if library.constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    return _line(error.__cause__ or error)


def _line(error: BaseException) -> str:
    """The first line of an error, without a full stop."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).strip().rstrip(".:")
