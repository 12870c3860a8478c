"""A mouse pointer of our own on an X display, through libX11 and libXcursor."""

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_uint, c_ulong, c_void_p

import numpy as np

_X11 = {
    "XOpenDisplay": (c_void_p, [c_char_p]),
    "XDefaultRootWindow": (c_ulong, [c_void_p]),
    "XDefineCursor": (c_int, [c_void_p, c_ulong, c_ulong]),
    "XWarpPointer": (
        c_int,
        [c_void_p, c_ulong, c_ulong, c_int, c_int, c_uint, c_uint, c_int, c_int],
    ),
    "XSync": (c_int, [c_void_p, c_int]),
    "XCloseDisplay": (c_int, [c_void_p]),
}


class _Image(ctypes.Structure):
    """XcursorImage."""

    _fields_ = (
        ("version", c_uint),
        ("size", c_uint),
        ("width", c_uint),
        ("height", c_uint),
        ("xhot", c_uint),
        ("yhot", c_uint),
        ("delay", c_uint),
        ("pixels", POINTER(c_uint)),
    )


_XCURSOR = {
    "XcursorImageCreate": (POINTER(_Image), [c_int, c_int]),
    "XcursorImageLoadCursor": (c_ulong, [c_void_p, POINTER(_Image)]),
    "XcursorImageDestroy": (None, [POINTER(_Image)]),
}


class MousePointer:
    """The pointer of the display `name`, wherever there is no other program's. `close` it: then the
    display still shows it, but says no more what it looks like."""

    def __init__(self, name: str) -> None:
        self._x = _declared("libX11.so.6", _X11)
        self._cursors = _declared("libXcursor.so.1", _XCURSOR)
        self._display = self._x.XOpenDisplay(name.encode())
        assert self._display, name
        self._root = self._x.XDefaultRootWindow(self._display)

    def look(self, rgba: np.ndarray, hot: tuple[int, int]) -> None:
        """Be this picture, colours not multiplied by alpha, whose point `hot` (x, y) points."""
        height, width = rgba.shape[:2]
        image = self._cursors.XcursorImageCreate(width, height)
        image.contents.xhot, image.contents.yhot = hot
        alpha = rgba[..., 3:].astype(float) / 255
        colours = np.rint(rgba[..., :3] * alpha).astype(np.uint32)
        words = rgba[..., 3].astype(np.uint32) << 24
        for channel, place in enumerate((16, 8, 0)):
            words |= colours[..., channel] << place
        ctypes.memmove(image.contents.pixels, np.ascontiguousarray(words).ctypes.data, words.nbytes)
        cursor = self._cursors.XcursorImageLoadCursor(self._display, image)
        self._cursors.XcursorImageDestroy(image)
        self._x.XDefineCursor(self._display, self._root, cursor)
        self._x.XSync(self._display, 0)

    def point(self, x: int, y: int) -> None:
        """At this pixel of the display."""
        self._x.XWarpPointer(self._display, 0, self._root, 0, 0, 0, 0, x, y)
        self._x.XSync(self._display, 0)

    def close(self) -> None:
        """May be called twice."""
        display, self._display = self._display, None
        if display:
            self._x.XCloseDisplay(display)


def _declared(name: str, signatures: dict) -> ctypes.CDLL:
    library = ctypes.CDLL(name)
    for function, (result, arguments) in signatures.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library
