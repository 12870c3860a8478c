"""Nodes: what is in PipeWire's graph, as it comes and goes."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from threading import Lock

from streamcam.pipewire import library as pw
from streamcam.pipewire.stream import Unreachable

_NODE = b"PipeWire:Interface:Node"


@dataclass(frozen=True, slots=True)
class Node:
    """name  of the node; `description` is for people; `media_class` says what it is for:
    "Audio/Source", "Audio/Sink", "Video/Source" …"""

    name: str
    description: str
    media_class: str


class Nodes:
    """Watches the graph on a thread of PipeWire's own. `close` it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Raises `Unreachable` with nothing left open."""
        self._library = library
        self._lock = Lock()
        self._found: dict[int, Node] = {}  # protected by _lock
        self._hook = pw.Hook()
        self._events = pw.RegistryEvents(
            version=0, added=pw.Global(self._added), removed=pw.GlobalRemoved(self._removed)
        )
        self._loop: int | None = library.pw_thread_loop_new(b"nodes", None)
        self._context: int | None = None
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def now(self) -> list[Node]:
        """Those that are there. From any thread."""
        with self._lock:
            return list(self._found.values())

    def close(self) -> None:
        """Watch no more. May be called twice."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        self._library.pw_thread_loop_stop(loop)
        if self._context is not None:
            self._library.pw_context_destroy(self._context)
        self._library.pw_thread_loop_destroy(loop)

    def _connect(self) -> None:
        library = self._library
        if self._loop is None:
            raise Unreachable("its client library gets no thread")
        self._context = library.pw_context_new(library.pw_thread_loop_get_loop(self._loop), None, 0)
        core = library.pw_context_connect(self._context, None, 0) if self._context else None
        if not core:
            raise Unreachable("nobody answers")
        get = _method(core, pw.GET_REGISTRY, pw.GetRegistry)
        registry = get(_interface(core).object, pw.REGISTRY_VERSION, 0)
        listen = _method(registry, pw.ADD_LISTENER, pw.AddListener)
        events = ctypes.cast(ctypes.byref(self._events), ctypes.c_void_p)
        listen(_interface(registry).object, ctypes.byref(self._hook), events, None)
        library.pw_thread_loop_start(self._loop)

    def _added(  # as PipeWire calls it
        self, _: int, number: int, _may: int, kind: bytes, _version: int, properties: object
    ) -> None:
        if kind != _NODE or not properties:
            return
        held = properties.contents  # type: ignore[attr-defined]
        texts = {
            item.key: (item.value or b"").decode(errors="replace")
            for item in held.items[: held.n_items]
        }
        name = texts.get(b"node.name", "")
        node = Node(name, texts.get(b"node.description", name), texts.get(b"media.class", ""))
        with self._lock:
            self._found[number] = node

    def _removed(self, _: int, number: int) -> None:
        with self._lock:
            self._found.pop(number, None)


def _interface(proxy: int) -> pw.Interface:
    return pw.Interface.from_address(proxy)


def _method(proxy: int, place: int, kind: type) -> ctypes._CFuncPtr:  # type: ignore[name-defined]
    found: ctypes._CFuncPtr = kind(_interface(proxy).methods[place])  # type: ignore[name-defined]
    return found
