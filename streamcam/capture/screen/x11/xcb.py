"""libxcb, through ctypes: the functions and structures that are used here.

mss has a binding too, but it is private, and refuses a screen of another depth before it can be
asked anything. xcb reports a broken connection; Xlib would end the process.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int16,
    c_uint,
    c_uint8,
    c_uint16,
    c_uint32,
)
from ctypes import c_void_p as pointer
from functools import cache
from typing import Any, NamedTuple

Z_PIXMAP, ALL_PLANES = 2, 0xFFFFFFFF
LEAST_SIGNIFICANT_FIRST = 0
STATIC_GRAY, GRAY_SCALE, STATIC_COLOR, PSEUDO_COLOR, TRUE_COLOR, DIRECT_COLOR = range(6)


class Setup(Structure):
    """xcb_setup_t: what the server says of itself."""

    _fields_ = (
        ("before", c_uint8 * 30),
        ("image_byte_order", c_uint8),
        ("after", c_uint8 * 9),
    )


class PixmapFormat(Structure):
    """xcb_format_t: how pictures of a depth lie in memory."""

    _fields_ = (
        ("depth", c_uint8),
        ("bits_per_pixel", c_uint8),
        ("scanline_pad", c_uint8),
        ("pad", c_uint8 * 5),
    )


class Screen(Structure):
    """xcb_screen_t: the whole desktop."""

    _fields_ = (
        ("root", c_uint32),
        ("default_colormap", c_uint32),
        ("colours", c_uint32 * 2),
        ("current_input_masks", c_uint32),
        ("width", c_uint16),
        ("height", c_uint16),
        ("between", c_uint16 * 4),
        ("root_visual", c_uint32),
        ("backing_stores", c_uint8 * 2),
        ("root_depth", c_uint8),
        ("depths", c_uint8),
    )


class Depth(Structure):
    """xcb_depth_t: a depth and how many visuals have it."""

    _fields_ = (("depth", c_uint8), ("visuals", c_uint16), ("pad", c_uint8 * 4))


class Visual(Structure):
    """xcb_visualtype_t: what the bits of a pixel mean."""

    _fields_ = (
        ("id", c_uint32),
        ("kind", c_uint8),
        ("bits", c_uint8),
        ("entries", c_uint16),
        ("red", c_uint32),
        ("green", c_uint32),
        ("blue", c_uint32),
        ("pad", c_uint8 * 4),
    )


class Monitor(Structure):
    """xcb_randr_monitor_info_t."""

    _fields_ = (
        ("name", c_uint32),
        ("primary", c_uint8),
        ("automatic", c_uint8),
        ("outputs", c_uint16),
        ("x", c_int16),
        ("y", c_int16),
        ("width", c_uint16),
        ("height", c_uint16),
        ("millimetres", c_uint32 * 2),
    )


class Geometry(Structure):
    """xcb_get_geometry_reply_t."""

    _fields_ = (
        ("head", c_uint32 * 2),
        ("root", c_uint32),
        ("x", c_int16),
        ("y", c_int16),
        ("width", c_uint16),
        ("height", c_uint16),
    )


class Extension(Structure):
    """xcb_query_extension_reply_t."""

    _fields_ = (("head", c_uint32 * 2), ("present", c_uint8), ("codes", c_uint8 * 3))


class Cursor(Structure):
    """xcb_xfixes_get_cursor_image_reply_t: the pointer, whose pixels follow."""

    _fields_ = (
        ("head", c_uint32 * 2),
        ("x", c_int16),
        ("y", c_int16),
        ("width", c_uint16),
        ("height", c_uint16),
        ("xhot", c_uint16),
        ("yhot", c_uint16),
        ("serial", c_uint32),
        ("pad", c_uint8 * 8),
    )


class Iterator(Structure):
    """Of every list whose elements have no fixed length."""

    _fields_ = (("data", pointer), ("rest", c_int), ("index", c_int))


class Cookie(Structure):
    """Stands for an answer until it is asked for."""

    _fields_ = (("sequence", c_uint),)


class Libraries(NamedTuple):
    """libxcb with two extensions, and the C library, which frees what they allocate."""

    xcb: ctypes.CDLL
    randr: ctypes.CDLL
    xfixes: ctypes.CDLL
    c: ctypes.CDLL


_Signatures = dict[str, tuple[Any, list[Any]]]  # name: result, arguments
_WINDOW = [pointer, c_uint32]
_IMAGE = [pointer, c_uint8, c_uint32, c_int16, c_int16, c_uint16, c_uint16, c_uint32]

_XCB: _Signatures = {
    "xcb_connect": (pointer, [c_char_p, POINTER(c_int)]),
    "xcb_connection_has_error": (c_int, [pointer]),
    "xcb_disconnect": (None, [pointer]),
    "xcb_get_setup": (POINTER(Setup), [pointer]),
    "xcb_setup_roots_iterator": (Iterator, [POINTER(Setup)]),
    "xcb_screen_next": (None, [POINTER(Iterator)]),
    "xcb_setup_pixmap_formats": (POINTER(PixmapFormat), [POINTER(Setup)]),
    "xcb_setup_pixmap_formats_length": (c_int, [POINTER(Setup)]),
    "xcb_screen_allowed_depths_iterator": (Iterator, [POINTER(Screen)]),
    "xcb_depth_next": (None, [POINTER(Iterator)]),
    "xcb_depth_visuals": (POINTER(Visual), [POINTER(Depth)]),
    "xcb_query_extension": (Cookie, [pointer, c_uint16, c_char_p]),
    "xcb_get_geometry": (Cookie, _WINDOW),
    "xcb_get_image": (Cookie, _IMAGE),
    "xcb_get_image_data": (pointer, [pointer]),
    "xcb_get_image_data_length": (c_int, [pointer]),
    "xcb_query_colors": (Cookie, [*_WINDOW, c_uint32, pointer]),
    "xcb_query_colors_colors": (pointer, [pointer]),
}
_RANDR: _Signatures = {
    "xcb_randr_query_version": (Cookie, [pointer, c_uint32, c_uint32]),
    "xcb_randr_get_monitors": (Cookie, [*_WINDOW, c_uint8]),
    "xcb_randr_get_monitors_monitors_iterator": (Iterator, [pointer]),
    "xcb_randr_monitor_info_next": (None, [POINTER(Iterator)]),
}
_XFIXES: _Signatures = {
    "xcb_xfixes_query_version": (Cookie, [pointer, c_uint32, c_uint32]),
    "xcb_xfixes_get_cursor_image": (Cookie, [pointer]),
    "xcb_xfixes_get_cursor_image_cursor_image": (pointer, [pointer]),
}


@cache
def load() -> Libraries:
    """The libraries, ready for use. Raises `OSError` where one is not installed."""
    xcb = _declared(ctypes.CDLL("libxcb.so.1"), _XCB)
    randr = _declared(ctypes.CDLL("libxcb-randr.so.0"), _RANDR)
    xfixes = _declared(ctypes.CDLL("libxcb-xfixes.so.0"), _XFIXES)
    c = ctypes.CDLL(None)
    c.free.restype, c.free.argtypes = None, [pointer]
    return Libraries(xcb, randr, xfixes, c)


def _declared(library: ctypes.CDLL, signatures: _Signatures) -> ctypes.CDLL:
    """With every function that answers later, and the one that waits for its answer."""
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        if result is Cookie:
            answer = getattr(library, f"{name}_reply")
            answer.restype, answer.argtypes = pointer, [pointer, Cookie, pointer]
    return library
