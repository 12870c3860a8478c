"""Hearing: the sound tracks beside a film, whose packets go along with its pictures."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from streamcam.frames.sound import Sound, Track

_NEAR_SECONDS = (
    5.0  # seconds from the picture: sound that is sent with it, whatever jumps there were
)
_BACK_SECONDS = 0.5  # seconds by which the times of a track go back where they jump
# Seconds of sound before the first picture that are kept: a decoder needs some packets to run in.
_RUN_IN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Moment:
    """A picture, for the sound that goes along with it. Seconds on its film's own timeline.

    at      when it is shown
    until   when the next one is; None: everything that is left goes along
    shift   what makes media time of them
    jumps   how often the film's times have jumped
    """

    at: float
    until: float | None
    shift: float
    jumps: int


class Hearing:
    """Used by one thread at a time.

    tracks   those of a film whose sound is wanted
    indices  which streams of its file they are
    """

    def __init__(self, streams: Sequence[AudioStream] = (), gap: float = 0.0) -> None:
        """`gap`: seconds between two times that are still to be believed."""
        self._lines = {
            stream.index: _Line(_track(stream), gap) for stream in streams if _is_known(stream)
        }
        self.tracks = tuple(line.track for line in self._lines.values())
        self.indices = tuple(self._lines)

    def take(self, packet: Packet[Any]) -> None:
        """A packet of the file, whatever stream it is of."""
        line = self._lines.get(packet.stream.index)
        if line is not None and packet.size:
            line.put(packet)

    def along_with(self, moment: Moment) -> tuple[Sound, ...]:
        """What is heard from the last picture's end to that of this one. Ask for every picture."""
        return tuple(sound for line in self._lines.values() for sound in line.along_with(moment))

    def forget(self) -> None:
        """The film is read from another place on."""
        for line in self._lines.values():
            line.forget()


@dataclass(frozen=True, slots=True)
class _Waiting:
    packet: Packet[AudioStream]
    at: float
    jumps: int


class _Line:
    """A track, and what of it waits for its pictures: as much as the file has before them."""

    def __init__(self, track: Track, gap: float) -> None:
        self.track = track
        self._gap = gap
        self._waiting: deque[_Waiting] = deque()
        self._end: float | None = None  # of the packet before
        self._jumps = 0
        self._shifts: dict[int, float] = {}  # by the number of jumps before it

    def put(self, packet: Packet[AudioStream]) -> None:
        stamp = packet.dts if packet.pts is None else packet.pts
        lasts = float((packet.duration or 0) * packet.time_base)
        at = (self._end or 0.0) if stamp is None else float(stamp * packet.time_base)
        if self._end is not None and not -_BACK_SECONDS <= at - self._end <= self._gap:
            self._jumps += 1
        self._end = at + lasts
        self._waiting.append(_Waiting(packet, at, self._jumps))

    def along_with(self, moment: Moment) -> Iterator[Sound]:
        self._shifts[moment.jumps] = moment.shift
        while self._waiting:
            head = self._waiting[0]
            shift = self._shift_for(head, moment)
            if shift is None:
                return
            self._waiting.popleft()
            if head.at + shift > -_RUN_IN_SECONDS:
                yield Sound(self.track, head.packet, shift)

    def forget(self) -> None:
        self._waiting.clear()
        self._shifts.clear()
        self._end, self._jumps = None, 0

    def _shift_for(self, head: _Waiting, moment: Moment) -> float | None:
        """None: it comes after this picture."""
        near = head.jumps == moment.jumps or abs(head.at - moment.at) <= _NEAR_SECONDS
        if near:
            later = moment.until is not None and head.at >= moment.until
            return None if later else moment.shift
        if head.jumps < moment.jumps:  # what is left from before the jump
            return self._shifts.get(head.jumps, moment.shift)
        return moment.shift if moment.until is None else None


def _is_known(stream: AudioStream) -> bool:
    """Whether there is a decoder for it; without one it has no context, whatever PyAV's stubs
    say, and can be neither copied nor encoded."""
    context: object | None = stream.codec_context
    return context is not None


def _track(stream: AudioStream) -> Track:
    """FFmpeg frees a stream with its file. So its parameters are taken to a file that is none."""
    nowhere = av.open(io.BytesIO(), "w", format="null")
    template = nowhere.add_stream_from_template(stream)
    return Track(template, dict(stream.metadata), int(stream.disposition), stream.codec_context)


def sound_of(container: InputContainer, *, wanted: bool, gap: float) -> Hearing:
    """The sound of a film; nothing if it is not `wanted`."""
    return Hearing(container.streams.audio if wanted else (), gap)
