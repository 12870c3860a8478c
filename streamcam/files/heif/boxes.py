"""The boxes of ISO media files (ISO/IEC 14496-12) that describe pictures (ISO/IEC 23008-12).

A damaged file raises `ValueError` or `struct.error`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Content = memoryview


def boxes(data: Content) -> Iterator[tuple[bytes, Content]]:
    """(type, content) of the boxes in `data`, as far as they are whole."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif size == 0:  # up to the end
            size = len(data) - at
        if size < head or at + size > len(data):
            return
        yield kind, data[at + head : at + size]
        at += size


class Reader:
    """Numbers one after the other."""

    def __init__(self, data: Content) -> None:
        self._data = data
        self._at = 0

    def number(self, size: int) -> int:
        """The next one, of `size` bytes."""
        begin, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise ValueError("a box is cut short")
        return int.from_bytes(self._data[begin : self._at], "big")

    def version(self) -> tuple[int, int]:
        """Version and flags, with which many boxes begin."""
        return self.number(1), self.number(3)

    def bytes(self, size: int) -> bytes:
        """The next `size` bytes."""
        begin, self._at = self._at, self._at + size
        return bytes(self._data[begin : self._at])


def primary(content: Content) -> int:
    """The picture that is to be shown (box pitm)."""
    reader = Reader(content)
    return reader.number(4 if reader.version()[0] else 2)


def kinds(content: Content) -> dict[int, bytes]:
    """What each picture is coded as: hvc1, av01, grid … (box iinf)."""
    version = Reader(content).version()[0]
    found = {}
    for kind, entry in boxes(content[8 if version else 6 :]):
        if kind == b"infe":
            reader = Reader(entry)
            item = reader.number(4 if reader.version()[0] > 2 else 2)
            reader.number(2)  # protection
            found[item] = reader.bytes(4)
    return found


def references(content: Content) -> list[tuple[bytes, int, list[int]]]:
    """(kind, from, to) of what pictures have to do with each other (box iref)."""
    size = 4 if Reader(content).version()[0] else 2
    found = []
    for kind, entry in boxes(content[4:]):
        reader = Reader(entry)
        item, count = reader.number(size), reader.number(2)
        found.append((kind, item, [reader.number(size) for _ in range(count)]))
    return found


def places(content: Content) -> dict[int, tuple[bool, int, int]]:
    """(in the box idat, offset, length) of the first piece of each picture's data (box iloc)."""
    reader = Reader(content)
    version, _ = reader.version()
    sizes = reader.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    wide = 4 if version > 1 else 2
    found = {}
    for _ in range(reader.number(wide)):
        item = reader.number(wide)
        inside = bool(version) and reader.number(2) & 15 == 1
        reader.number(2)  # which file
        base = reader.number(base_size)
        pieces = []
        for _ in range(reader.number(2)):
            reader.number(index_size)
            pieces.append((base + reader.number(offset_size), reader.number(length_size)))
        if pieces:
            found[item] = (inside, *pieces[0])
    return found


def properties(content: Content) -> dict[int, list[tuple[bytes, Content]]]:
    """(type, content) of all that is said of each picture, in its order (box iprp)."""
    known: list[tuple[bytes, Content]] = []
    found: dict[int, list[tuple[bytes, Content]]] = {}
    for kind, entry in boxes(content):
        if kind == b"ipco":
            known = list(boxes(entry))
        if kind != b"ipma":
            continue
        reader = Reader(entry)
        version, flags = reader.version()
        size, most = (2, 0x7FFF) if flags & 1 else (1, 0x7F)  # the rest says "essential"
        for _ in range(reader.number(4)):
            item = reader.number(4 if version else 2)
            numbers = [reader.number(size) & most for _ in range(reader.number(1))]
            said = [known[number - 1] for number in numbers if 0 < number <= len(known)]
            found.setdefault(item, []).extend(said)
    return found
