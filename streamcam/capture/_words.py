"""What a library said when it failed, for the one line that tells people."""

from __future__ import annotations


def words(error: BaseException, *known: type[BaseException]) -> str:
    """The message on one line, after the name of the class unless it is one of `known`.

    The known ones speak for themselves; `KeyError: 'fd'` would be no more than 'fd'.
    """
    said = " ".join(str(error).split())
    if isinstance(error, known) and said:
        return said
    name = type(error).__name__
    return f"{name}: {said}" if said else name
