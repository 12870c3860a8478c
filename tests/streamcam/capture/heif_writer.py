"""Writes HEIC files as telephones do: a grid of tiles coded in HEVC, turned, cut, with alpha."""

from __future__ import annotations

import struct
from fractions import Fraction
from io import BytesIO

import av
import numpy as np


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, version: int, *content: bytes, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def coded(pixels: np.ndarray, form: str = "yuv444p", **labels: int) -> tuple[bytes, bytes]:
    """(decoder configuration, data) of one HEVC picture in full range; `form` gray for alpha."""
    written = BytesIO()
    with av.open(written, "w", format="mp4") as film:
        options = {"x265-params": "log-level=none:lossless=1", "preset": "ultrafast"}
        stream = film.add_stream("libx265", 1, options=options)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt, stream.codec_context.codec_tag = form, "hvc1"
        frame = av.VideoFrame.from_ndarray(pixels, "gray" if form == "gray" else "rgb24")
        if form != "gray":
            frame = frame.reformat(
                format=form, dst_colorspace=labels.get("matrix", 5), dst_color_range=2
            )
            stream.codec_context.color_range = 2
        frame.pts, frame.time_base = 0, Fraction(1)
        for packet in (*stream.encode(frame), *stream.encode()):
            packet.pts = packet.dts = 0  # of a single picture x265 says now this, now that
            film.mux(packet)
    with av.open(BytesIO(written.getvalue())) as film:
        stream = film.streams.video[0]
        data = b"".join(bytes(packet) for packet in film.demux(stream))
        return bytes(stream.codec_context.extradata), data


class Heic:
    """Collects items; the first one `add`ed with `primary` is what is to be shown."""

    def __init__(self) -> None:
        self.infos: list[bytes] = []
        self.references: list[bytes] = []
        self.properties: list[bytes] = []
        self.said: list[bytes] = []
        self.data: list[tuple[int, bytes]] = []
        self.inside: list[tuple[int, bytes]] = []
        self.primary = 0

    def item(self, kind: bytes, *properties: bytes, hidden: bool = False) -> int:
        number = len(self.infos) + 1
        self.infos.append(
            full(b"infe", 2, struct.pack(">HH4s", number, 0, kind), b"\0", flags=int(hidden))
        )
        numbers = []
        for one in properties:
            if one not in self.properties:
                self.properties.append(one)
            numbers.append(self.properties.index(one) + 1)
        self.said.append(struct.pack(">HB", number, len(numbers)) + bytes(numbers))
        return number

    def picture(self, pixels: np.ndarray, *properties: bytes, form="yuv444p", hidden=False) -> int:
        configuration, data = coded(pixels, form)
        height, width = pixels.shape[:2]
        size = full(b"ispe", 0, struct.pack(">II", width, height))
        number = self.item(b"hvc1", box(b"hvcC", configuration), size, *properties, hidden=hidden)
        self.data.append((number, data))
        return number

    def grid(self, pixels: np.ndarray, tile: int, *properties: bytes) -> int:
        """The picture in square tiles, filled up at its right and lower edge."""
        height, width = pixels.shape[:2]
        rows, columns = -(-height // tile), -(-width // tile)
        padding = ((0, rows * tile - height), (0, columns * tile - width), (0, 0))
        filled = np.pad(pixels, padding, constant_values=99)
        parts = [
            self.picture(filled[y : y + tile, x : x + tile].copy(), hidden=True)
            for y in range(0, rows * tile, tile)
            for x in range(0, columns * tile, tile)
        ]
        size = full(b"ispe", 0, struct.pack(">II", width, height))
        number = self.item(b"grid", size, *properties)
        self.inside.append(
            (number, struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height))
        )
        self.refer(b"dimg", number, parts)
        return number

    def refer(self, kind: bytes, item: int, to: list[int]) -> None:
        numbers = struct.pack(f">HH{len(to)}H", item, len(to), *to)
        self.references.append(box(kind, numbers))

    def written(self, brand: bytes = b"heic") -> bytes:
        kind = box(b"ftyp", brand, b"\0\0\0\0", b"mif1", brand)
        meta = self._meta(0)
        offset = len(kind) + len(meta) + 8
        return kind + self._meta(offset) + box(b"mdat", *(data for _, data in self.data))

    def _meta(self, offset: int) -> bytes:
        places, at = [], offset
        for number, data in self.data:
            places.append(struct.pack(">HHHHII", number, 0, 0, 1, at, len(data)))
            at += len(data)
        at = 0
        for number, data in self.inside:
            places.append(struct.pack(">HHHHII", number, 1, 0, 1, at, len(data)))
            at += len(data)
        associations = struct.pack(">I", len(self.said)) + b"".join(self.said)
        return full(
            b"meta",
            0,
            full(b"hdlr", 0, b"\0\0\0\0pict" + bytes(13)),
            full(b"pitm", 0, struct.pack(">H", self.primary)),
            full(b"iloc", 1, struct.pack(">HH", 0x4400, len(places)), *places),
            full(b"iinf", 0, struct.pack(">H", len(self.infos)), *self.infos),
            box(b"iprp", box(b"ipco", *self.properties), full(b"ipma", 0, associations)),
            *([full(b"iref", 0, *self.references)] if self.references else []),
            box(b"idat", *(data for _, data in self.inside)),
        )


def turned(quarters: int) -> bytes:
    """The property "turn so many quarters counter-clockwise"."""
    return box(b"irot", bytes([quarters]))


def mirrored(*, sideways: bool) -> bytes:
    return box(b"imir", bytes([sideways]))


def cut(width: int, height: int, right: int, down: int) -> bytes:
    """The property "keep so much, its middle so many pixels right and down"."""
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, right, 1, down, 1))


def labelled(primaries: int, transfer: int, matrix: int) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, 0x80))


def profiled(profile: bytes) -> bytes:
    return box(b"colr", b"prof", profile)


ALPHA = full(b"auxC", 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
