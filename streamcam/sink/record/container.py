"""Containers: the files that a recording may be, each of which plays wherever it is cut off."""

from __future__ import annotations

from dataclasses import dataclass, field

import av
from av.container import OutputContainer

from streamcam.sink.record.part import PartFile

# A piece of the file that is written at once ends with the first of these: what a cut costs,
# beside the pictures that the encoder holds back.
_PIECE_MS = 400
_PIECE_BYTES = 128 * 1024
# The muxer sorts what comes by time, and waits for every track before it writes. Where one has
# ended or is silent, so long a piece of the others at most. FFmpeg's own limit is ten seconds.
_LONGEST_WAIT_US = 1_000_000
# A fragmented file has its index in pieces among the pictures. At the end it gets one for all of
# it as well, and a few bytes at its front, which tell that, turn it into a plain file.
_FRAGMENTED = {
    "movflags": "hybrid_fragmented+delay_moov",
    "frag_duration": str(1000 * _PIECE_MS),  # microseconds
    "frag_size": str(_PIECE_BYTES),
}
_CLUSTERED = {"cluster_time_limit": str(_PIECE_MS), "cluster_size_limit": str(_PIECE_BYTES)}


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file.

    name     FFmpeg's, of the muxer
    options  for it
    trims    sound from before the first picture is kept and not played
    mute     codecs, by how their names begin, that FFmpeg writes and hardly a player finds there
    """

    name: str
    options: dict[str, str] = field(default_factory=dict)
    trims: bool = False
    mute: tuple[str, ...] = ()

    def refuses(self, codec: str) -> bool:
        """Whether sound of that codec is to be encoded anew, though FFmpeg would write it."""
        return codec.startswith(self.mute)

    def create(self, file: PartFile) -> OutputContainer:
        """An empty file of this kind. Raises what PyAV raises."""
        options = {**self.options, "max_interleave_delta": str(_LONGEST_WAIT_US)}
        return av.open(file, "w", format=self.name, options=options)


CONTAINERS = {
    ".mp4": Container("mp4", _FRAGMENTED, trims=True, mute=("pcm", "vorbis")),
    ".mov": Container("mov", _FRAGMENTED, trims=True),
    ".mkv": Container("matroska", _CLUSTERED),
}
