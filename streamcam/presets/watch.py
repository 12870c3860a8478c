"""Hot reload: a saved preset file is read again and handed on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

from streamcam.config import display
from streamcam.errors import StreamcamError, UsageError
from streamcam.presets.find import read_preset
from streamcam.presets.model import Preset

# Milliseconds. A save is often several events (truncate, write, rename): they are taken
# together once it is quiet for _QUIET, at the latest after _TOGETHER.
_QUIET, _TOGETHER = 60, 400
_LOOK_UP = 250  # how often `stop` is looked at


def watch_preset(
    path: Path,
    on_change: Callable[[Preset], None],
    on_error: Callable[[StreamcamError], None],
    stop: Event,
) -> None:
    """Read `path` again whenever it is saved, until `stop` is set. Blocks: a thread's work.

    on_change  gets each preset that loads and differs from the one before
    on_error   gets the error of a file that does not load, once for each different error;
               also if the folder cannot be watched, which ends the watch
    Both are called on the calling thread.
    """
    from watchfiles import watch
    from watchfiles._rust_notify import WatchfilesRustInternalError

    # Editors replace files, so the folder is watched; for a link, that of its target too.
    path = path.absolute()
    places = {path, path.resolve()}
    reload = _Reload(path, on_change, on_error)
    try:
        for _ in watch(
            *{place.parent for place in places},
            watch_filter=lambda _, changed: Path(changed).name in {p.name for p in places},
            debounce=_TOGETHER,
            step=_QUIET,
            stop_event=stop,
            rust_timeout=_LOOK_UP,
            recursive=False,
            raise_interrupt=False,
        ):
            reload()
    except (OSError, WatchfilesRustInternalError) as error:
        on_error(
            UsageError(
                f"{display(path)} cannot be watched, so saving it changes nothing until the "
                f"next start: {error}."
            )
        )


class _Reload:
    """Reads the file and tells what is new about it."""

    def __init__(
        self,
        path: Path,
        on_change: Callable[[Preset], None],
        on_error: Callable[[StreamcamError], None],
    ) -> None:
        self._path = path
        self._on_change = on_change
        self._on_error = on_error
        self._last: Preset | str | None = self._read()

    def __call__(self) -> None:
        found = self._read()
        if found == self._last:
            return
        self._last = found
        if isinstance(found, Preset):
            self._on_change(found)
        else:
            self._on_error(UsageError(found))

    def _read(self) -> Preset | str:
        try:
            return read_preset(self._path)
        except StreamcamError as error:
            return str(error)
