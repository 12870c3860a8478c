"""Closing: everything that a run has opened, in the reverse order, whatever that raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from streamcam.errors import StreamcamError, told
from streamcam.stage import call_all


class Closing(ExitStack):
    """Closes all that was opened, in the reverse order; what that raises goes to `errors`."""

    def __init__(self, errors: list[BaseException]) -> None:
        super().__init__()
        self._errors = errors

    def add(self, what: str, close: Callable[[], None]) -> None:
        """`what`: for people."""
        self.callback(self._close, what, close)

    def keep(self, errors: Iterable[BaseException]) -> None:
        """Add these to `errors`, but for those that are there."""
        self._errors += [error for error in errors if error not in self._errors]

    def _close(self, what: str, close: Callable[[], None]) -> None:
        for error in call_all([close]):
            failed = StreamcamError(f"{what} could not be closed: {told(error)}")
            failed.__cause__ = error
            self._errors.append(failed)
