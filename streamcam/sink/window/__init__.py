"""Window: a preview on the screen, drawn by OpenCV."""

from __future__ import annotations

import sys
from typing import Protocol, cast

import cv2
import numpy as np

from streamcam.errors import SinkFailed, UsageError, quoted
from streamcam.frames import Frame, Pixels, RingClosed
from streamcam.sink import Format
from streamcam.sink.window.display import require_display

_TITLE = "streamcam"
_LARGEST = (1280, 720)  # of the window when it opens; it can be resized to anything
_ESCAPE = 27


class Gui(Protocol):
    """The part of `cv2` that is used. All calls come from one thread."""

    def namedWindow(self, winname: str, flags: int) -> None: ...
    def resizeWindow(self, winname: str, width: int, height: int) -> None: ...
    def imshow(self, winname: str, mat: Pixels) -> None: ...
    def pollKey(self) -> int: ...
    def getWindowProperty(self, winname: str, prop_id: int) -> float: ...
    def destroyWindow(self, winname: str) -> None: ...


class Window:
    """Shows pictures at every tick, which also keeps the window alive between new ones.

    It opens with the first picture, so that all calls come from the thread that writes.
    Closing it, Escape and q end the program: `write` raises `RingClosed`.
    """

    label = "window"
    paced = True
    main_thread = sys.platform == "darwin"  # AppKit allows no other
    reopen_as: str | None = None
    finishes: str | None = None
    watched = True

    def __init__(self, form: Format, gui: Gui) -> None:
        self._gui = gui
        self._size = (form.width, form.height)
        self._bgr: Pixels = np.empty((form.height, form.width, 3), np.uint8)
        self._open = False
        self._closed = False

    def write(self, frame: Frame) -> None:
        """Show the frame. Raises `RingClosed` once the user has closed the window."""
        if self._closed:
            raise RingClosed
        cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR, dst=self._bgr)
        try:
            if not self._open:
                self._show_window()
            self._gui.imshow(_TITLE, self._bgr)
            key = self._gui.pollKey() & 0xFF
            visible = self._gui.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error as error:
            raise SinkFailed(f"the window cannot show the picture: {error.err}") from error
        if not visible:
            self._open = False  # the user has destroyed it
        if not visible or key in (_ESCAPE, ord("q")):
            raise RingClosed

    def _show_window(self) -> None:
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        self._gui.namedWindow(_TITLE, flags)
        shrink = min(1.0, *(most / size for most, size in zip(_LARGEST, self._size, strict=True)))
        width, height = (round(size * shrink) for size in self._size)
        self._gui.resizeWindow(_TITLE, width, height)
        self._open = True

    def close(self) -> None:
        """Remove the window."""
        self._closed = True
        if self._open:
            self._open = False
            self._gui.destroyWindow(_TITLE)


def open_sink(argument: str, form: Format, gui: Gui | None = None) -> Window:
    """Prepare the window. Raises `UsageError` where none can be shown."""
    if argument:
        raise UsageError(
            f"the output 'window' takes no argument, not {quoted(argument)}; use --output window"
        )
    if gui is None:
        if not cv2.currentUIFramework():
            raise UsageError("a window needs opencv-python; this is opencv-python-headless")
        require_display()
        gui = cast(Gui, cv2)
    return Window(form, gui)
