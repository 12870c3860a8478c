"""An X server, asked over a connection of our own: its depth, monitors, pictures and pointer."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamcam.capture.screen.monitors import Monitors
from streamcam.capture.screen.x11 import xcb
from streamcam.errors import quoted
from streamcam.frames import Pixels


class XFault(Exception):
    """The X server cannot be reached, or refused a request. The message says why."""


class PixelLayout(NamedTuple):
    """How a pixel of the desktop lies in memory, and what its bits mean.

    kind              xcb.TRUE_COLOR, PSEUDO_COLOR, …: whether the bits are a colour or a number
    red, green, blue  masks: where in the pixel a colour has its bits
    entries           colours in the table that a number stands in
    """

    depth: int
    bits_per_pixel: int
    scanline_pad: int
    kind: int
    red: int
    green: int
    blue: int
    entries: int


class PointerImage(NamedTuple):
    """The mouse pointer: where its left upper corner is on the desktop, and what it looks like.

    pixels  (height, width, 4) BGRA, the colours multiplied by alpha already, as X keeps them
    """

    x: int
    y: int
    pixels: Pixels


class XServer:
    """A connection to the X server that DISPLAY names. For one thread; `close` it.

    depth  bits of a pixel that are colour: 24 nearly everywhere

    Every method raises `XFault`. A server that does not answer is waited for: then the whole
    desktop stands still.
    """

    def __init__(self) -> None:
        try:
            self._libraries = xcb.load()
        except (OSError, AttributeError) as error:
            raise XFault(str(error)) from error
        number = ctypes.c_int()
        library = self._libraries.xcb
        self._connection: int | None = library.xcb_connect(None, ctypes.byref(number))
        if library.xcb_connection_has_error(self._connection):
            self.close()
            raise XFault(f"the display {quoted(os.environ.get('DISPLAY', ''))} does not answer")
        roots = library.xcb_setup_roots_iterator(library.xcb_get_setup(self._connection))
        for _ in range(number.value):  # :0.1 is the second
            library.xcb_screen_next(ctypes.byref(roots))
        self._screen = xcb.Screen.from_address(roots.data)  # lasts as long as the connection
        self.depth: int = self._screen.root_depth
        self._has_pointer: bool | None = None  # not asked yet

    def has(self, extension: str) -> bool:
        """Whether the server knows this extension of the protocol."""
        name = extension.encode()
        request = "xcb_query_extension"
        with self._answer(self._libraries.xcb, request, len(name), name) as reply:
            return bool(xcb.Extension.from_address(reply).present)

    def monitors(self) -> Monitors:
        """As mss lists them: the whole desktop, then each monitor that RandR knows."""
        with self._answer(self._libraries.xcb, "xcb_get_geometry", self._screen.root) as reply:
            root = xcb.Geometry.from_address(reply)
            found = [{"left": 0, "top": 0, "width": root.width, "height": root.height}]
        randr = self._libraries.randr
        if not self._offers(randr, "RANDR", "xcb_randr_query_version", (1, 5)):
            return found
        with self._answer(randr, "xcb_randr_get_monitors", self._screen.root, 1) as reply:
            rest = randr.xcb_randr_get_monitors_monitors_iterator(reply)
            while rest.rest:
                one = xcb.Monitor.from_address(rest.data)
                place = {"left": one.x, "top": one.y, "width": one.width, "height": one.height}
                found.append(place | {"is_primary": bool(one.primary)})
                randr.xcb_randr_monitor_info_next(ctypes.byref(rest))
        return found

    def layout(self) -> PixelLayout:
        """Of the desktop's pixels. Raises `XFault` where a picture is in big-endian order."""
        library = self._libraries.xcb
        setup = library.xcb_get_setup(self._connection)
        if setup.contents.image_byte_order != xcb.LEAST_SIGNIFICANT_FIRST:
            raise XFault("its pictures are in big-endian order, which streamcam cannot read")
        formats = library.xcb_setup_pixmap_formats(setup)
        count = library.xcb_setup_pixmap_formats_length(setup)
        form = next(one for one in formats[:count] if one.depth == self.depth)
        visual = self._visual()
        return PixelLayout(
            *(self.depth, form.bits_per_pixel, form.scanline_pad),
            *(visual.kind, visual.red, visual.green, visual.blue, visual.entries),
        )

    @contextmanager
    def picture(self, box: dict[str, int]) -> Iterator[NDArray[np.uint8]]:
        """The bytes of a rectangle, in the rows of `layout`, while the context lasts."""
        library = self._libraries.xcb
        place = (box["left"], box["top"], box["width"], box["height"])
        wanted = (xcb.Z_PIXMAP, self._screen.root, *place, xcb.ALL_PLANES)
        with self._answer(library, "xcb_get_image", *wanted) as reply:
            size = library.xcb_get_image_data_length(reply)
            data = library.xcb_get_image_data(reply)
            yield np.frombuffer((ctypes.c_uint8 * size).from_address(data), np.uint8)

    def colours(self, count: int) -> NDArray[np.uint8]:
        """The first `count` colours of the desktop's table: (count, 3) RGB."""
        library = self._libraries.xcb
        numbers = (ctypes.c_uint32 * count)(*range(count))
        wanted = (self._screen.default_colormap, count, numbers)
        with self._answer(library, "xcb_query_colors", *wanted) as reply:
            data = library.xcb_query_colors_colors(reply)
            table = np.frombuffer(ctypes.string_at(data, 8 * count), np.uint16)
            upper: NDArray[np.uint8] = (table.reshape(count, 4)[:, :3] >> 8).astype(np.uint8)
            return upper

    def pointer(self) -> PointerImage | None:
        """The mouse pointer; None where the server does not say what it looks like.

        That is a server without XFIXES, and one whose pointer was set by a program that has ended
        (`xsetroot -cursor_name` in a login script): X then refuses to show it to others.
        """
        library = self._libraries.xfixes
        if self._has_pointer is None:
            version = "xcb_xfixes_query_version"
            self._has_pointer = self._offers(library, "XFIXES", version, (2, 0))
        if not self._has_pointer:
            return None
        try:
            with self._answer(library, "xcb_xfixes_get_cursor_image") as reply:
                said = xcb.Cursor.from_address(reply)
                size = said.width * said.height * 4
                data = library.xcb_xfixes_get_cursor_image_cursor_image(reply)
                pixels = np.frombuffer(ctypes.string_at(data, size), np.uint8)
                pixels = pixels.reshape(said.height, said.width, 4)
                return PointerImage(said.x - said.xhot, said.y - said.yhot, pixels)
        except XFault:
            return None

    def close(self) -> None:
        """Let go of the display. May be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._libraries.xcb.xcb_disconnect(connection)

    def _visual(self) -> xcb.Visual:
        library = self._libraries.xcb
        depths = library.xcb_screen_allowed_depths_iterator(ctypes.byref(self._screen))
        while depths.rest:
            depth = ctypes.cast(depths.data, ctypes.POINTER(xcb.Depth))
            visuals: list[xcb.Visual] = library.xcb_depth_visuals(depth)[: depth.contents.visuals]
            for visual in visuals:
                if visual.id == self._screen.root_visual:
                    return visual
            library.xcb_depth_next(ctypes.byref(depths))
        raise XFault("it does not say what its pixels mean")

    def _offers(
        self, library: ctypes.CDLL, extension: str, query: str, needed: tuple[int, int]
    ) -> bool:
        """Whether there is the extension in this version. To use one that is not there would end
        the connection.
        """
        if not self.has(extension):
            return False
        with self._answer(library, query, *needed) as reply:
            numbers = (ctypes.c_uint32 * 4).from_address(reply)
            return (numbers[2], numbers[3]) >= needed

    @contextmanager
    def _answer(self, library: ctypes.CDLL, request: str, *arguments: object) -> Iterator[int]:
        """Send a request and wait; where the answer lies while the context lasts."""
        if self._connection is None:
            raise XFault("the connection to the display is closed")
        cookie = getattr(library, request)(self._connection, *arguments)
        reply = getattr(library, f"{request}_reply")(self._connection, cookie, None)
        if not reply:
            if self._libraries.xcb.xcb_connection_has_error(self._connection):
                raise XFault("the connection to the display broke")
            raise XFault(f"the display refused {request.removeprefix('xcb_')}")
        try:
            yield reply
        finally:
            self._libraries.c.free(reply)
