"""How the picture of a HEIF file (HEIC, AVIF) is put together from the pieces FFmpeg hands out.

A telephone cuts a photograph into tiles of 512x512 and writes beside them how they lie. FFmpeg
makes a stream of each coded piece, numbered as in the file; how they fit together it tells only
programs in C (stream groups, which PyAV 18 does not have).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from streamcam.files.heif import boxes
from streamcam.files.heif.boxes import Content, Reader

_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_DEEPEST = 4  # pictures made of pictures made of pictures
_SEQUENCES = frozenset({b"avis", b"msf1", b"hevc", b"hevx"})  # brands of films of such pictures


@dataclass(frozen=True, slots=True)
class Labels:
    """Colours, in the numbers of ITU-T H.273."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


@dataclass(frozen=True, slots=True)
class Crop:
    """The part to keep: its size, and how far its middle lies from the picture's, in pixels."""

    width: Fraction
    height: Fraction
    right: Fraction
    down: Fraction


@dataclass(frozen=True, slots=True)
class Turn:
    """Quarter turns, counter-clockwise."""

    quarters: int


@dataclass(frozen=True, slots=True)
class Mirror:
    """Left and right change places if `sideways`, else top and bottom."""

    sideways: bool


Step = Crop | Turn | Mirror


@dataclass(frozen=True, slots=True)
class Layout:
    """How a picture is put together from coded pieces.

    pieces   numbers of FFmpeg's streams, row by row
    columns  pieces in a row
    size     (width, height) of what they are cut to; None: there is one, and it is whole
    steps    what to do with it then, in this order
    labels, profile  its colours: numbers, and an ICC profile; None where the file does not say
    alpha    how much of each pixel there is, a picture of its own; None: all of it
    """

    pieces: tuple[int, ...]
    columns: int
    size: tuple[int, int] | None
    steps: tuple[Step, ...]
    labels: Labels | None
    profile: bytes | None
    alpha: Layout | None = None


def is_sequence(data: bytes) -> bool:
    """Whether the file calls itself a film of pictures."""
    return data[8:12] in _SEQUENCES


def layout(data: bytes) -> Layout | None:
    """Of the picture that the file is to be shown by; None: it has none, being a film or no HEIF.

    Raises `ValueError`, `KeyError`, `IndexError`, `ZeroDivisionError` or `struct.error` for a
    damaged file.
    """
    whole = memoryview(data)
    for kind, content in boxes.boxes(whole):
        if kind == b"meta":
            found = dict(boxes.boxes(content[4:]))
            if b"pitm" in found:
                return _Items(whole, found).layout(boxes.primary(found[b"pitm"]))
    return None


class _Items:
    """The pictures ("items") that a file describes."""

    def __init__(self, whole: Content, meta: dict[bytes, Content]) -> None:
        self._whole = whole
        self._inside = meta.get(b"idat", memoryview(b""))
        self._kinds = boxes.kinds(meta[b"iinf"])
        self._references = boxes.references(meta[b"iref"]) if b"iref" in meta else []
        self._places = boxes.places(meta[b"iloc"])
        self._properties = boxes.properties(meta[b"iprp"])

    def layout(self, item: int, depth: int = 0) -> Layout:
        if depth > _DEEPEST:
            raise ValueError("pictures are made of each other")
        kind, own = self._kinds[item], self._as_described(item)
        if kind == b"iovl":
            raise ValueError("pictures are laid over each other")
        alpha = self._alpha_of(item)
        if alpha is not None:
            own = replace(own, alpha=self.layout(alpha, depth + 1))
        if kind not in (b"grid", b"iden"):
            return own
        parts = next(to for name, of, to in self._references if (name, of) == (b"dimg", item))
        below = self.layout(parts[0], depth + 1)
        # What is said of the parts goes for the whole, which may say more.
        own = replace(
            own,
            labels=own.labels or below.labels,
            profile=own.profile or below.profile,
            alpha=own.alpha or below.alpha,
        )
        if kind == b"iden":
            steps = below.steps + own.steps
            return replace(
                own, pieces=below.pieces, columns=below.columns, size=below.size, steps=steps
            )
        columns, size = self._grid(item)
        return replace(own, pieces=tuple(parts), columns=columns, size=size)

    def _as_described(self, item: int) -> Layout:
        steps: list[Step] = []
        labels, profile = None, None
        for kind, content in self._properties.get(item, ()):
            if kind == b"colr":
                labels, profile = _labels(content) or labels, _profile(content) or profile
            else:
                steps += _steps(kind, content)
        return Layout((item,), 1, None, tuple(steps), labels, profile)

    def _alpha_of(self, item: int) -> int | None:
        for name, of, to in self._references:
            if name == b"auxl" and item in to:
                for kind, content in self._properties.get(of, ()):
                    if kind == b"auxC" and bytes(content[4:]).startswith(_ALPHA):
                        return of
        return None

    def _grid(self, item: int) -> tuple[int, tuple[int, int]]:
        """Columns, and (width, height) of the whole."""
        inside, offset, length = self._places[item]
        reader = Reader((self._inside if inside else self._whole)[offset : offset + length])
        reader.number(1)  # version
        size = 4 if reader.number(1) & 1 else 2
        reader.number(1)  # rows, less one
        columns = reader.number(1) + 1
        return columns, (reader.number(size), reader.number(size))


def _steps(kind: bytes, content: Content) -> list[Step]:
    reader = Reader(content)
    if kind == b"irot":
        return [Turn(reader.number(1) & 3)]
    if kind == b"imir":
        return [Mirror(sideways=bool(reader.number(1) & 1))]
    if kind == b"clap":
        numbers = [reader.number(4) for _ in range(8)]
        signed = [number - (1 << 32) if number >> 31 else number for number in numbers]
        parts = [Fraction(signed[at], numbers[at + 1]) for at in range(0, 8, 2)]
        return [Crop(*parts)]
    return []


def _labels(content: Content) -> Labels | None:
    reader = Reader(content)
    if reader.bytes(4) != b"nclx":
        return None
    primaries, transfer, matrix = (reader.number(2) for _ in range(3))
    return Labels(primaries, transfer, matrix, full_range=bool(reader.number(1) & 0x80))


def _profile(content: Content) -> bytes | None:
    return bytes(content[4:]) if bytes(content[:4]) in (b"prof", b"rICC") else None
