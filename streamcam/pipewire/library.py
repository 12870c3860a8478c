"""libpipewire, through ctypes: the functions and structures that are used here."""

from __future__ import annotations

import ctypes
import os
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
)
from ctypes import c_void_p as pointer
from functools import cache
from typing import TYPE_CHECKING, Any

NAME = "libpipewire-0.3.so.0"  # of every PipeWire 0.3 and 1.x

# pipewire/stream.h
ERROR, UNCONNECTED, CONNECTING, PAUSED, STREAMING = range(-1, 4)  # enum pw_stream_state
INPUT, OUTPUT, ANY_NODE = 0, 1, 0xFFFFFFFF
AUTOCONNECT, MAP_BUFFERS, DRIVER = 1, 1 << 2, 1 << 3  # enum pw_stream_flags
RT_PROCESS, DONT_RECONNECT = 1 << 4, 1 << 7
EVENTS_VERSION = 2
CORRUPTED = 1  # spa/buffer/buffer.h: a chunk without a picture


class Chunk(Structure):
    """struct spa_chunk: the part of a block that is filled."""

    _fields_ = (("offset", c_uint32), ("size", c_uint32), ("stride", c_int32), ("flags", c_int32))


class Data(Structure):
    """struct spa_data: one block of memory."""

    _fields_ = (
        ("type", c_uint32),
        ("flags", c_uint32),
        ("fd", c_int64),
        ("mapoffset", c_uint32),
        ("maxsize", c_uint32),
        ("data", pointer),
        ("chunk", POINTER(Chunk)),
    )


class Blocks(Structure):
    """struct spa_buffer."""

    _fields_ = (
        ("n_metas", c_uint32),
        ("n_datas", c_uint32),
        ("metas", pointer),
        ("datas", POINTER(Data)),
    )


class Buffer(Structure):
    """struct pw_buffer, up to what is used; PipeWire makes them, and longer ones over time."""

    _fields_ = (
        ("buffer", POINTER(Blocks)),
        ("user_data", pointer),
        ("size", c_uint64),
        ("requested", c_uint64),  # samples to give, since 0.3.49
    )


class Time(Structure):
    """struct pw_time, up to what `pw_stream_get_time` fills. `ticks`: of the graph's clock, alike
    for all streams that one driver runs, within one of its cycles."""

    _fields_ = (
        ("now", c_int64),
        ("rate", c_uint32 * 2),
        ("ticks", c_uint64),
        ("delay", c_int64),
        ("queued", c_uint64),
    )


class DictItem(Structure):
    """struct spa_dict_item."""

    _fields_ = (("key", c_char_p), ("value", c_char_p))


class Dict(Structure):
    """struct spa_dict."""

    _fields_ = (("flags", c_uint32), ("n_items", c_uint32), ("items", POINTER(DictItem)))


class Interface(Structure):
    """struct spa_interface, which a proxy begins with: its methods and what they are called for."""

    _fields_ = (
        ("type", c_char_p),
        ("version", c_uint32),
        ("methods", POINTER(pointer)),
        ("object", pointer),
    )


class Hook(Structure):
    """struct spa_hook: PipeWire's place for a listener. Must live as long as the stream."""

    _fields_ = (("fields", pointer * 6),)


if TYPE_CHECKING:
    BufferPointer = ctypes._Pointer[Buffer]
else:
    BufferPointer = POINTER(Buffer)

StateChanged = ctypes.CFUNCTYPE(None, pointer, c_int, c_int, c_char_p)
ParamChanged = ctypes.CFUNCTYPE(None, pointer, c_uint32, pointer)
RemoveBuffer = ctypes.CFUNCTYPE(None, pointer, POINTER(Buffer))
Process = ctypes.CFUNCTYPE(None, pointer)
Global = ctypes.CFUNCTYPE(None, pointer, c_uint32, c_uint32, c_char_p, c_uint32, POINTER(Dict))
GlobalRemoved = ctypes.CFUNCTYPE(None, pointer, c_uint32)
# Methods of the core and of the registry, by their place in the tables; 0 is the version.
GET_REGISTRY, ADD_LISTENER = 6, 1
GetRegistry = ctypes.CFUNCTYPE(pointer, pointer, c_uint32, c_size_t)
AddListener = ctypes.CFUNCTYPE(c_int, pointer, POINTER(Hook), pointer, pointer)
REGISTRY_VERSION = 3


class Events(Structure):
    """struct pw_stream_events, version 2. Must live as long as the stream that has it."""

    _fields_ = (
        ("version", c_uint32),
        ("destroy", pointer),
        ("state_changed", StateChanged),
        ("control_info", pointer),
        ("io_changed", pointer),
        ("param_changed", ParamChanged),
        ("add_buffer", pointer),
        ("remove_buffer", RemoveBuffer),
        ("process", Process),
        ("drained", pointer),
        ("command", pointer),
        ("trigger_done", pointer),
    )


class RegistryEvents(Structure):
    """struct pw_registry_events, version 0. Must live as long as the registry that has it."""

    _fields_ = (("version", c_uint32), ("added", Global), ("removed", GlobalRemoved))


_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {  # name: result, arguments
    "pw_init": (None, [pointer, pointer]),
    "pw_log_set_level": (None, [c_int]),
    "pw_properties_new_string": (pointer, [c_char_p]),
    "pw_properties_set": (c_int, [pointer, c_char_p, c_char_p]),
    "pw_thread_loop_new": (pointer, [c_char_p, pointer]),
    "pw_thread_loop_get_loop": (pointer, [pointer]),
    "pw_thread_loop_start": (c_int, [pointer]),
    "pw_thread_loop_stop": (None, [pointer]),
    "pw_thread_loop_destroy": (None, [pointer]),
    "pw_thread_loop_lock": (None, [pointer]),
    "pw_thread_loop_unlock": (None, [pointer]),
    "pw_context_new": (pointer, [pointer, pointer, c_size_t]),
    "pw_context_connect_fd": (pointer, [pointer, c_int, pointer, c_size_t]),
    "pw_context_connect": (pointer, [pointer, pointer, c_size_t]),
    "pw_context_destroy": (None, [pointer]),
    "pw_stream_new": (pointer, [pointer, c_char_p, pointer]),
    "pw_stream_add_listener": (None, [pointer, POINTER(Hook), POINTER(Events), pointer]),
    "pw_stream_new_simple": (pointer, [pointer, c_char_p, pointer, POINTER(Events), pointer]),
    "pw_stream_connect": (c_int, [pointer, c_int, c_uint32, c_int, pointer, c_uint32]),
    "pw_stream_update_params": (c_int, [pointer, pointer, c_uint32]),
    "pw_stream_dequeue_buffer": (POINTER(Buffer), [pointer]),
    "pw_stream_queue_buffer": (c_int, [pointer, POINTER(Buffer)]),
    "pw_stream_trigger_process": (c_int, [pointer]),
    "pw_stream_get_time": (c_int, [pointer, POINTER(Time)]),
    "pw_stream_destroy": (None, [pointer]),
}


@cache
def load() -> ctypes.CDLL:
    """The library, ready for use. Raises `OSError` where it is not installed.

    It is set up once and for the life of the process, as PipeWire's own programs do. It is
    quiet, for its lines on stderr would tear the status line; PIPEWIRE_DEBUG brings them back.
    """
    library = ctypes.CDLL(NAME)
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.pw_init(None, None)
    if "PIPEWIRE_DEBUG" not in os.environ:
        library.pw_log_set_level(0)
    return library
