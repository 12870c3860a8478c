"""The desktop as a program can take pictures of it: with mss, and on X11 with its pointer."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, Protocol

import mss
import numpy as np
from mss.exception import ScreenShotError
from numpy.typing import NDArray

from streamcam.capture.screen.monitors import Monitors, Screen, rectangle, screens
from streamcam.capture.screen.wayland import is_wayland, no_screen
from streamcam.capture.screen.x11 import XFault, XServer
from streamcam.capture.screen.x11.depth import DepthReader
from streamcam.capture.screen.x11.pointer import draw
from streamcam.errors import UsageError, words
from streamcam.frames import Pixels

_NO_DISPLAY = (
    "there is no screen here ({reason}): use --source camera, --source demo or a video file."
)
_NO_PICTURE = (
    "the screen cannot be captured ({reason}): use --source camera, --source demo or a video file."
)
_XWAYLAND = "XWAYLAND"  # the extension of new ones (23.1), and how older ones name their monitors


class NoPicture(Exception):
    """The screen cannot be captured now. The message says why."""


class ScreenPicture(Protocol):
    """A picture of the screen: `height` x `width` BGRA bytes in `raw`, until the next one."""

    @property
    def raw(self) -> bytearray | NDArray[np.uint8]:
        """Can be drawn into."""
        ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


class Grabber(Protocol):
    """Takes pictures of the desktop. Belongs to the thread that made it.

    xwayland  it is the X server of a Wayland session, which may show X programs no desktop
    """

    xwayland: bool

    @property
    def monitors(self) -> Monitors:
        """The whole desktop, then each monitor: left, top, width, height, is_primary."""
        ...

    def grab(self, box: dict[str, int], /) -> ScreenPicture:
        """Take a picture of a rectangle, without the mouse pointer. May raise any exception."""
        ...

    def point(self, shot: ScreenPicture, box: dict[str, int]) -> None:
        """Draw the pointer into a picture of `box`, if it is there. May raise any exception."""
        ...

    def close(self) -> None:
        """Let go of the display. May raise any exception."""
        ...


class Desktop:
    """Pictures from mss; on X11 with the mouse pointer, and of screens that mss does not take.

    On Windows and macOS mss gives the desktop without its pointer.
    """

    def __init__(self) -> None:
        """Connect. May raise any exception, with nothing left open."""
        self._server: XServer | None = None
        self._mss: Any = None
        self._reader: DepthReader | None = None
        try:
            self._server = _x_server()
            self.monitors = self._connect()
            self.xwayland = self._is_xwayland()
        except BaseException:
            with suppress(Exception):
                self.close()
            raise

    def grab(self, box: dict[str, int], /) -> ScreenPicture:
        shot: ScreenPicture = (
            self._mss.grab(box) if self._reader is None else self._reader.take(box)
        )
        return shot

    def point(self, shot: ScreenPicture, box: dict[str, int]) -> None:
        pointer = None if self._server is None else self._server.pointer()
        if pointer is not None:
            draw(pointer, bgra(shot), box["left"], box["top"])

    def close(self) -> None:
        """Let go of the display. May be called twice."""
        if self._server is not None:
            self._server.close()
        made, self._mss = self._mss, None
        if made is not None:
            made.close()

    def _connect(self) -> Monitors:
        try:
            self._mss = mss.MSS()
        except ScreenShotError:
            if self._server is None:
                raise
            # mss refuses every screen but those of 24 bits a pixel in one order.
            self._reader = DepthReader(self._server)
            return self._server.monitors()
        monitors: Monitors = self._mss.monitors
        if not monitors:
            raise ScreenShotError("it has no monitors")
        return monitors

    def _is_xwayland(self) -> bool:
        if self._server is None:
            return False
        named = any(one.get("output", "").startswith(_XWAYLAND) for one in self.monitors)
        return named or self._server.has(_XWAYLAND)


def _x_server() -> XServer | None:
    """None where there is none: mss meets the same fault and names it."""
    if sys.platform != "linux":
        return None
    try:
        return XServer()
    except XFault:
        return None


def connect() -> Grabber:
    """Connect to the display, on the calling thread. Raises `UsageError` saying what to do."""
    try:
        return Desktop()
    except Exception as error:
        raise UsageError(_no_screen(error)) from error


def is_hidden() -> bool:
    """Whether the X server is Xwayland and shows X programs no desktop, as it does in a Wayland
    session. Tells also where nothing else does: after su, in tmux, in a service.
    """
    if sys.platform != "linux":
        return False
    try:
        grabber = connect()
    except UsageError:
        return False
    try:
        if not grabber.xwayland:
            return False
        return is_black(bgra(shoot(grabber, rectangle(screens(grabber.monitors)[0]))))
    except NoPicture:
        return True
    finally:
        release(grabber)


def release(grabber: Grabber) -> None:
    """Let go of the display. Errors of a connection that broke are ignored."""
    with suppress(Exception):
        grabber.close()


def shoot(grabber: Grabber, box: dict[str, int]) -> ScreenPicture:
    """Take a picture without the pointer, which shows on a black desktop as well.

    Raises `NoPicture`, also for a display that is gone.
    """
    try:
        shot = grabber.grab(box)
        bgra(shot)  # as many bytes as the size says
    except Exception as error:
        raise NoPicture(_said(error)) from error
    return shot


def point(grabber: Grabber, shot: ScreenPicture, box: dict[str, int]) -> None:
    """Draw the pointer into a picture of `box`. Raises `NoPicture`."""
    try:
        grabber.point(shot, box)
    except Exception as error:
        raise NoPicture(_said(error)) from error


def check_visible(grabber: Grabber, box: Screen) -> ScreenPicture:
    """A first picture. Raises `UsageError` if there is none to be had, and on Wayland, where
    X clients are shown a black desktop, if it is black all over.
    """
    try:
        shot = shoot(grabber, rectangle(box))
    except NoPicture as error:
        if grabber.xwayland or is_wayland():
            raise UsageError(no_screen()) from error
        raise UsageError(_NO_PICTURE.format(reason=error)) from error
    if (grabber.xwayland or is_wayland()) and is_black(bgra(shot)):
        raise UsageError(no_screen())
    return shot


def is_black(picture: Pixels) -> bool:
    """Whether every fourth pixel each way is 0."""
    return not picture[::4, ::4, :3].any()


def bgra(shot: ScreenPicture) -> Pixels:
    """The picture as (height, width, 4), without a copy."""
    return np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)


def _no_screen(error: Exception) -> str:
    if is_wayland():
        return no_screen()
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        return _NO_DISPLAY.format(reason="DISPLAY is not set")
    if isinstance(error, XFault):  # there is one, of a kind that cannot be read
        return _NO_PICTURE.format(reason=_said(error))
    return _NO_DISPLAY.format(reason=_said(error))


def _said(error: Exception) -> str:
    if isinstance(error, AssertionError) and not str(error):
        return "the connection to the display broke"  # all that mss has to say about it
    return words(error, ScreenShotError, XFault)
