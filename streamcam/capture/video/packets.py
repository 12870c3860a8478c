"""Packets: what a video file holds, in its order, with damage passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from av.packet import Packet
from av.video.stream import VideoStream

from streamcam.capture.video.container import OpenVideo
from streamcam.capture.video.faults import is_disconnection, is_input_output, reason
from streamcam.capture.video.hearing import Hearing
from streamcam.errors import SourceLost

_GARBLED = 100  # times that reading starts over where the next packet seems to be


class Packets:
    """Reads an open video. Used by one thread at a time.

    name     of the video, for people
    hearing  gets the packets of sound on the way
    """

    def __init__(self, opened: OpenVideo, name: str, hearing: Hearing, *, remote: bool) -> None:
        """`remote`: it is on the network."""
        self._opened = opened
        self._name = name
        self._hearing = hearing
        self._remote = remote
        self._given_up = False
        self._packets: Iterator[Packet[VideoStream]] | None = None

    def next(self) -> Packet[VideoStream]:
        """The next packet of the film. `EOFError` at the end, `SourceLost` if the connection broke.

        What comes over a network is read whole, sound and all: so this looks up now and then,
        though the film itself may have fallen silent.
        """
        container, stream = self._opened.container, self._opened.stream
        garbled = 0
        while not self._given_up:
            if self._packets is None:
                # By number, as those of a file that was opened again are other objects.
                heard = (stream.index, *self._hearing.indices)
                wanted = range(len(container.streams)) if self._remote else heard
                found = container.demux(*wanted)
                self._packets = cast("Iterator[Packet[VideoStream]]", found)
            try:
                packet = next(self._packets, None)
            except Exception as error:  # see faults
                self._packets = None
                garbled += 1
                if garbled == _GARBLED or (self._remote and is_disconnection(error)):
                    raise self.end(error) from error
                continue
            if packet is None:
                break
            if packet.stream.index == stream.index:
                return packet
            self._hearing.take(packet)
        raise EOFError(f"{self._name}: the end")

    def restart(self) -> None:
        """The file is read from another place on."""
        self._packets = None
        self._hearing.forget()

    def give_up(self) -> None:
        """Come to the end with the next packet. From any thread."""
        self._given_up = True
        if self._opened.pipe is not None:
            self._opened.pipe.give_up()

    def end(self, error: Exception) -> Exception:
        """The exception for a read that failed. A file that is cut short ends there. So does a
        transfer whose server did not state its size: FFmpeg cannot tell its end from a failure."""
        if self._remote and (self._opened.size or not is_input_output(error)):
            return SourceLost(f"{self._name}: {reason(error)}")
        return EOFError(f"{self._name}: {reason(error)}")
