"""Containers: the files that a recording may be, each of which plays wherever it is cut off."""

from __future__ import annotations

from dataclasses import dataclass, field

import av
from av.container import OutputContainer

from streamcam.sink.record.part import PartFile

# A piece of the file that is written at once ends with the first of these: what a cut costs,
# beside the pictures that the encoder holds back.
_PIECE_MS = 400
_PIECE_BYTES = 128 * 1024  # of a file without sound, see `create`
# The muxer sorts what comes by time, and waits for every track before it writes. Where one has
# ended or is silent, so long a piece of the others at most. FFmpeg's own limit is ten seconds.
_LONGEST_WAIT_US = 1_000_000
# A fragmented file has its index in pieces among the pictures. At the end it gets one for all of
# it as well, and a few bytes at its front, which tell that, turn it into a plain file.
_FRAGMENTED = {
    "movflags": "hybrid_fragmented+delay_moov",
    "frag_duration": str(1000 * _PIECE_MS),  # microseconds
}
_SIZED = {"frag_size": str(_PIECE_BYTES)}
_CLUSTERED = {"cluster_time_limit": str(_PIECE_MS), "cluster_size_limit": str(_PIECE_BYTES)}


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file.

    name     FFmpeg's, of the muxer
    options  for it
    pieces   for it, of a file without sound: how large a piece may be
    trims    sound from before the first picture is kept and not played
    encodes  sound that is not kept as it is may be AAC there; else it is left out
    mute     codecs, by how their names begin, that FFmpeg writes and hardly a player finds there
    """

    name: str
    options: dict[str, str] = field(default_factory=dict)
    pieces: dict[str, str] = field(default_factory=dict)
    trims: bool = False
    encodes: bool = True
    mute: tuple[str, ...] = ()

    def refuses(self, codec: str) -> bool:
        """Whether sound of that codec is to be encoded anew, though FFmpeg would write it."""
        return codec.startswith(self.mute)

    def create(self, file: PartFile, *, sound: bool) -> OutputContainer:
        """An empty file of this kind. `sound`: there will be some. Raises what PyAV raises.

        Where a piece has become too large before it has any sound, FFmpeg 8.1 gives the sound which
        follows the time of the packet after it: with large pictures every other packet was 21 ms
        late. So a piece with sound ends by its time alone.
        """
        options = {**self.options, "max_interleave_delta": str(_LONGEST_WAIT_US)}
        if not sound:
            options |= self.pieces
        return av.open(file, "w", format=self.name, options=options)


CONTAINERS = {
    ".mp4": Container("mp4", _FRAGMENTED, _SIZED, trims=True, mute=("pcm", "vorbis")),
    ".mov": Container("mov", _FRAGMENTED, _SIZED, trims=True),
    ".mkv": Container("matroska", _CLUSTERED),
    ".webm": Container("webm", _CLUSTERED, encodes=False),
}
