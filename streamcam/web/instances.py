"""Instances: the programs of this user that run, those that a command is for, and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from streamcam.errors import StreamcamError, UsageError, quoted
from streamcam.web.client import Instance, NotReached
from streamcam.web.runtime import runtime_folder, saved

ALL = "all"
_NONE_RUNS = "no streamcam is running; start one with: streamcam --preset anime"

Result = TypeVar("Result")


def instances() -> list[Instance]:
    """The programs that run, the oldest first. Files of dead ones are removed. A program that does
    not answer counts for as long as its process is there."""
    try:
        folder = runtime_folder()
        found = [Instance(one, one.preset) for one in saved(folder)]
    except OSError:  # no folder of this user, so no program of this user
        return []
    there = _at_once(found, lambda one: one.there)
    for one, is_there in zip(found, there, strict=True):
        if not is_there:
            one.running.forget(folder)
    return [one for one, is_there in zip(found, there, strict=True) if is_there]


def addressed(to: str | None) -> list[Instance]:
    """Those that `to` names, see `Instance.names`; all for None and "all".

    Raises `UsageError` if there is none.
    """
    found = instances()
    if not found:
        raise UsageError(_NONE_RUNS)
    if to is None or to.casefold() == ALL:
        return found
    numbered = [one for one in found if to in one.numbers]
    if numbered:
        return numbered
    found = _at_once(found, Instance.up_to_date)
    named = [one for one in found if to.casefold() in one.names]
    if not named:
        raise UsageError(
            f"no streamcam that runs is called {quoted(to)}. Running: {listed(found)}."
        )
    return named


def listed(found: Sequence[Instance]) -> str:
    return "; ".join(map(str, found))


def ask_all(targets: Sequence[Instance], act: Callable[[Instance], None]) -> StreamcamError | None:
    """Call `act` for each, on threads of their own: a program that does not answer delays no other.

    Returns the error of those that failed: a `UsageError` if they refuse, `NotReached` if one of
    them may still show what it showed before. `act` is called on several threads.
    """

    def attempt(one: Instance) -> StreamcamError | None:
        try:
            act(one)
        except StreamcamError as error:
            return error
        return None

    outcomes = list(zip(targets, _at_once(targets, attempt), strict=True))
    # One that has ended in the meantime shows nothing any more.
    there = [(one, why) for one, why in outcomes if not _ended(one, why)]
    failed = [(one, why) for one, why in there if why is not None]
    if not there:
        return UsageError(_NONE_RUNS)
    return _failure(failed, len(targets)) if failed else None


def _ended(one: Instance, why: StreamcamError | None) -> bool:
    return isinstance(why, NotReached) and not one.running.alive


def _failure(failed: Sequence[tuple[Instance, StreamcamError]], asked: int) -> StreamcamError:
    missed = any(isinstance(error, NotReached) for _, error in failed)
    reasons = {str(error) for _, error in failed}
    if not missed and len(failed) == asked and len(reasons) == 1:
        return UsageError(reasons.pop())
    share = f"{len(failed)} of {asked} did not follow: " if asked > 1 else ""
    text = share + "; ".join(f"process {one}: {str(error).rstrip('.')}" for one, error in failed)
    return (NotReached if missed else UsageError)(f"{text}.")


def _at_once(found: Sequence[Instance], ask: Callable[[Instance], Result]) -> list[Result]:
    with ThreadPoolExecutor(max(len(found), 1)) as pool:
        return list(pool.map(ask, found))
