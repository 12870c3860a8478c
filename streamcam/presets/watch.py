"""Hot reload: a saved preset file is read again and handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from streamcam.config import display
from streamcam.errors import StreamcamError, UsageError, reason
from streamcam.presets.load import read_preset
from streamcam.presets.model import Preset

# Milliseconds. A save is often several events (truncate, write, rename): they are taken
# together once it is quiet for _QUIET_MS, at the latest after _TOGETHER_MS.
_QUIET_MS, _TOGETHER_MS = 60, 400
_POLL_MS = 250  # how often `stop` is looked at


def watch_preset(
    running: Preset,
    on_change: Callable[[Preset], None],
    on_error: Callable[[StreamcamError], None],
    stop: Event,
    written: Callable[[], Preset | None] = lambda: None,
) -> None:
    """Read the file of `running` again whenever it is saved, until `stop` is set. Blocks: a
    thread's work. What was saved since `running` was read counts too.

    on_change  gets each preset that loads and differs from the one before
    on_error   gets the error of a file that does not load, once for each different error;
               also if the folder cannot be watched, which ends the watch
    written    what this program wrote to the file last, which plays already; None: nothing yet
    Both are called on the calling thread; what they raise is raised.
    """
    reload = _Reload(running, on_change, on_error, written)
    for _ in _saves(reload.path, on_error, stop):
        reload()


def _saves(path: Path, on_error: Callable[[StreamcamError], None], stop: Event) -> Iterator[None]:
    """One item as soon as the watch is on, then one for each save."""
    from watchfiles import watch

    # Editors replace files, so the folder is watched; for a link, that of its target too.
    path = path.absolute()
    places = {path, path.resolve()}
    watching = False
    try:
        for changes in watch(
            *{place.parent for place in places},
            watch_filter=lambda _, changed: Path(changed).name in {p.name for p in places},
            debounce=_TOGETHER_MS,
            step=_QUIET_MS,
            stop_event=stop,
            rust_timeout=_POLL_MS,
            yield_on_timeout=True,
            recursive=False,
            raise_interrupt=False,
        ):
            if changes or not watching:
                watching = True
                yield
    # The system's errors, the library's own and those of the Rust below it.
    except Exception as error:  # noqa: BLE001
        on_error(
            UsageError(
                f"{display(path)} cannot be watched, so saving it changes nothing until the "
                f"next start: {reason(error)}."
            )
        )


class _Reload:
    """Reads the file and tells what is new about it."""

    def __init__(
        self,
        running: Preset,
        on_change: Callable[[Preset], None],
        on_error: Callable[[StreamcamError], None],
        written: Callable[[], Preset | None],
    ) -> None:
        assert running.path is not None, "only a preset that came from a file can be watched"
        self.path = running.path
        self._on_change = on_change
        self._on_error = on_error
        self._written = written
        self._own: Preset | None = None
        self._last: Preset | str = running

    def __call__(self) -> None:
        found, own = self._read(), self._written()
        if own is not None and own is not self._own and own.path == self.path:
            self._own = self._last = own  # newer than what was read last
        if found == self._last:
            return
        self._last = found
        if isinstance(found, Preset):
            self._on_change(found)
        else:
            self._on_error(UsageError(found))

    def _read(self) -> Preset | str:
        try:
            return read_preset(self.path)
        except StreamcamError as error:
            return str(error)
