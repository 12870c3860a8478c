"""Sound: what is heard with a film's pictures, as it lies in the film's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.packet import Packet

    Heard = tuple[float, AudioFrame]  # seconds of media time at which it begins


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A sound track of a film. From any thread.

    template     PyAV's stream with its parameters, in no file: it outlives the film's
    labels       what the container says of it, as its language
    disposition  its flags (`av.stream.Disposition`), as the default one
    """

    template: AudioStream
    labels: Mapping[str, str]
    disposition: int
    _decoder: AudioCodecContext
    _lock: Lock = field(default_factory=Lock)

    def decoded(self, sound: Sound) -> list[Heard]:
        """What is heard. The packets of a track are to be asked about in their order; who asks
        again gets the same. What cannot be decoded is nothing."""
        with self._lock:
            if sound.heard is None:
                try:
                    frames = self._decoder.decode(sound.packet)
                except Exception:  # noqa: BLE001  # damaged, whatever PyAV makes of it
                    frames = []
                sound.heard = [((frame.time or 0.0) + sound.shift, frame) for frame in frames]
            return sound.heard


@dataclass(slots=True, eq=False)
class Sound:
    """A packet of a track, some milliseconds.

    packet  as it came out of the file. It is not written to; what puts it into a file makes a copy
    shift   seconds which make media time of its own times
    heard   what is in it, once it was asked for
    """

    track: Track
    packet: Packet[AudioStream]
    shift: float
    heard: list[Heard] | None = None
