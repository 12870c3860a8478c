"""SoundTrack: the sound of a film in a track of the recording, copied where that can be."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

import av
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet, PktSideDataT

from streamcam.frames.sound import Sound, Track
from streamcam.sink.record.aac import Aac
from streamcam.sink.record.container import Container

_SKIP: PktSideDataT = (
    "skip_samples"  # of the kinds of side data that a packet may have, the one that is heard
)


class SoundTrack(Protocol):
    """Used by one thread. What FFmpeg refuses is damaged, and passed over, as of pictures.

    label  what becomes of the sound, for people
    """

    label: str

    def take(self, sound: Sound) -> None:
        """The next packet of the track."""
        ...

    def finish(self) -> None:
        """There is no more. Once."""
        ...


def open_tracks(
    file: OutputContainer, container: Container, tracks: Iterable[Track]
) -> dict[Track, SoundTrack]:
    """Tracks of `file`, whose header is still to be written, in this order."""
    opened: dict[Track, SoundTrack] = {}
    for track in tracks:
        if _takes(container, track.template):
            opened[track] = _Copied(file, container, track)
        elif container.encodes:
            opened[track] = _Encoded(file, track)
    return opened


def _takes(container: Container, template: AudioStream) -> bool:
    """Whether players find that sound in such a file. FFmpeg's list of codecs promises what its
    muxer then refuses (Opus in .mov), so it is asked for a header."""
    if container.refuses(template.codec_context.name):
        return False
    tried = av.open(io.BytesIO(), "w", format=container.name, options=container.options)
    try:
        tried.add_stream_from_template(template)
        tried.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    else:
        return True
    finally:
        with suppress(av.FFmpegError):  # some muxers finish no file without a packet
            tried.close()


class _Copied:
    """Packet by packet, as it is. See `SoundTrack`."""

    def __init__(self, file: OutputContainer, container: Container, track: Track) -> None:
        template = track.template
        self.label = f"{template.codec_context.name}, copied"
        self._file = file
        self._stream = file.add_stream_from_template(template)
        _label(self._stream, track)
        # AAC as broadcast has a header in every packet. FFmpeg's muxer takes it off by itself, but
        # not where it writes its own header late (delay_moov, FFmpeg 8.1).
        broadcast = template.codec_context.name == "aac" and not template.codec_context.extradata
        self._filter = BitStreamFilterContext("aac_adtstoasc", template) if broadcast else None
        self._trims = container.trims
        self._last: int | None = None

    def take(self, sound: Sound) -> None:
        packet = _moved(sound)
        stamp, lasts = packet.dts or 0, packet.duration or 0
        if stamp + lasts <= 0 and not self._trims:
            return
        if self._last is not None and stamp <= self._last:  # its times go back: it is damaged
            packet.pts = packet.dts = self._last + 1
        self._last = packet.dts
        with suppress(av.FFmpegError):
            for ready in self._filter.filter(packet) if self._filter else [packet]:
                ready.stream = self._stream
                self._file.mux(ready)

    def finish(self) -> None:
        """Nothing is held back."""


class _Encoded:
    """Decoded, and encoded as AAC. See `SoundTrack`."""

    def __init__(self, file: OutputContainer, track: Track) -> None:
        heard = track.template.codec_context
        self.label = f"{heard.name}, as AAC"
        self._aac = Aac(file, heard.sample_rate, heard.channels)
        _label(self._aac.stream, track)

    def take(self, sound: Sound) -> None:
        for at, frame in sound.track.decoded(sound):
            self._aac.write(frame, at)

    def finish(self) -> None:
        self._aac.finish()


def _label(stream: AudioStream, track: Track) -> None:
    for name in ("language", "title"):
        if name in track.labels:
            stream.metadata[name] = track.labels[name]
    stream.disposition = track.disposition  # type: ignore[assignment]  # it takes whole numbers


def _moved(sound: Sound) -> Packet[Any]:
    """A copy at its media time: a packet belongs to one file, and here may be several."""
    given = sound.packet
    packet: Packet[Any] = Packet(bytes(given))
    packet.time_base, packet.duration = given.time_base, given.duration
    packet.is_keyframe = given.is_keyframe
    stamp = given.dts if given.pts is None else given.pts
    # Sound comes in the order in which it is heard.
    packet.pts = packet.dts = (stamp or 0) + round(sound.shift / float(given.time_base))
    if given.has_sidedata(_SKIP):
        packet.set_sidedata(given.get_sidedata(_SKIP))
    return packet
