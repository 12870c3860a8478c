"""Decoder: the pictures of a video file, a stream or a pipe, through PyAV."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from threading import Event
from time import perf_counter
from typing import Literal, cast

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamcam.capture.video.address import parse_address
from streamcam.capture.video.container import OpenVideo, open_video
from streamcam.capture.video.faults import is_disconnection, is_input_output, reason
from streamcam.capture.video.length import SEGMENTED, Length, length_of, longest_gap, stated_length
from streamcam.capture.video.timing import stated_rate
from streamcam.capture.video.transparency import decoder_of
from streamcam.clock import NEVER
from streamcam.errors import SourceLost, UsageError

_THREADS = 4  # enough for 4K; the engine needs the cores
_USUAL_RATE = 30.0
# A decoder that refuses this many packets in a row will take none: they are half a minute of film.
# What is damaged, or cut in where nothing can be decoded yet, comes right within seconds.
_REFUSALS = 1000
_GARBLED = 100  # the same for reading, which starts over where the next packet seems to be
# Packets read ahead to tell a constant rate. What records at an uneven one does so from the first
# second, as its clock is that of a screen or a telephone; these are four seconds or more.
_SAMPLE, _SAMPLE_BYTES = 250, 16 << 20


class Decoder:
    """Reads the film in a file, a stream or a pipe. Used by one thread at a time.

    name    the address for people, without password and query
    remedy  what to do if it cannot be read, a sentence
    remote  it is on the network; `pipe`: another program writes it
    length  whether it has an end; `live`: it is shown as it arrives, as waiting for the times
            of its pictures would only add delay
    ends    its end is the end for good: of a pipe that no other program can write to
    waits   reading it may wait for a network or another program
    fps     average frames per second
    rate    exact frames per second of a film whose pictures all last equally long, else None
    gap     seconds between two pictures that are still to be believed
    lasts   seconds from the first picture to the end of the last one, where they do not say
    sound   it has a sound track
    took    seconds for which it was being opened
    """

    def __init__(self, address: str, stop: Event = NEVER) -> None:
        """Raises `UsageError` if it cannot be read or has no video.

        stop  ends the wait for another program that writes into a pipe
        """
        self._address = parse_address(address)
        self._stop = stop
        self.name, self.remedy = self._address.name, self._address.remedy
        self.remote, self.pipe = self._address.remote, self._address.pipe
        self._decoded: deque[VideoFrame] = deque()
        self._ahead: deque[Packet[VideoStream]] = deque()
        self._packets: Iterator[Packet[VideoStream]] | None = None
        self._over: Exception | None = None  # raised once all decoded pictures have been taken
        self._started = self._given_up = False
        self._skip: Literal["DEFAULT", "NONREF"] = "DEFAULT"
        self._begin: int | None = None  # timestamp of the very first picture
        begin = perf_counter()
        opened = self._opened = self._open()
        self.took = perf_counter() - begin
        form = opened.container.format.name
        self.length = length_of(opened, self._address)
        self.live = self.length is not Length.FINITE and form not in SEGMENTED
        self.ends = opened.pipe is not None and opened.pipe.ends
        self.waits = self.remote or self.pipe or self.length is not Length.FINITE
        self.gap = longest_gap(opened, self.length)
        self.lasts = stated_length(opened, self._address)
        self.sound = bool(opened.container.streams.audio)
        self.rate = self._constant_rate()
        stream = opened.stream
        rate = float(self.rate or stream.average_rate or stream.guessed_rate or 0)
        self.fps = rate if self.rate or 0 < rate <= 240 else _USUAL_RATE

    @property
    def pixel_aspect(self) -> Fraction | None:
        """Width of a pixel over its height, where the container says it; None where only the
        pictures do, each for itself. Asked after the first picture.
        """
        stream = self._opened.stream
        told = stream.sample_aspect_ratio
        return None if told == stream.codec_context.sample_aspect_ratio else told

    def next(self) -> VideoFrame:
        """The next picture. `EOFError` at the end, `SourceLost` if the connection broke.

        Damaged packets are passed over. Where only those are left, the film is over.
        """
        refusals = 0
        while not self._decoded:
            if self._over is not None:
                raise self._over
            try:
                packet = self._ahead.popleft() if self._ahead else self._read_packet()
            except (EOFError, SourceLost) as end:
                self._over = end
                self._decode(None)
                continue
            error = self._decode(packet)
            refusals += error is not None
            if error is not None and refusals == _REFUSALS:
                raise self._end(error) from error
        picture = self._decoded.popleft()
        if not self._started:
            self._started, self._begin = True, picture.pts
        return picture

    def hurry(self, *, skip: bool) -> None:
        """Leave out the pictures that no other one needs (True) or decode all of them (False).
        From any thread."""
        self._skip = "NONREF" if skip else "DEFAULT"

    def rewind(self) -> None:
        """Go back to the beginning. Raises `SourceLost` if it is not there any more."""
        self._forget()
        try:
            stream = self._opened.stream
            self._opened.container.seek(stream.start_time or 0, stream=stream)
            self._codec.flush_buffers()
            first = self.next()
        except Exception:  # noqa: BLE001  # what cannot be searched can still be opened again
            first = None
        if first is not None and first.pts == self._begin:
            self._decoded.appendleft(first)
        else:
            self._reopen()

    def give_up(self) -> None:
        """End the wait for another program; `next` comes to its end then. From any thread."""
        self._given_up = True
        if self._opened.pipe is not None:
            self._opened.pipe.give_up()

    def close(self) -> None:
        """Release the file or connection. May be called twice."""
        self._forget()
        self._opened.close()

    def _decode(self, packet: Packet[VideoStream] | None) -> Exception | None:
        """Decode a packet; None: what the decoder has kept back. Returns what was raised."""
        try:
            self._codec.skip_frame = self._skip
            self._decoded.extend(self._codec.decode(packet))
        except Exception as error:  # noqa: BLE001  # see faults
            return error
        return None

    def _open(self) -> OpenVideo:
        opened = open_video(self._address, self._stop)
        # Threads that work on several pictures at once delay the newest one by as many.
        finite = length_of(opened, self._address) is Length.FINITE
        self._codec = decoder_of(opened.stream)
        self._codec.thread_type = "AUTO" if finite else "SLICE"
        self._codec.thread_count = _THREADS
        return opened

    def _reopen(self) -> None:
        self.close()
        try:
            self._opened = self._open()
        except UsageError as error:
            raise SourceLost(str(error)) from error

    def _forget(self) -> None:
        self._packets, self._over = None, None
        self._ahead.clear()
        self._decoded.clear()

    def _read_packet(self) -> Packet[VideoStream]:
        """The next packet of the film. Raises as `next`.

        What comes over a network is read whole, sound and all: so this looks up now and then,
        though the film itself may have fallen silent.
        """
        container, stream = self._opened.container, self._opened.stream
        garbled = 0
        while not self._given_up:
            if self._packets is None:
                wanted = container.streams if self.remote else [stream]
                self._packets = cast("Iterator[Packet[VideoStream]]", container.demux(*wanted))
            try:
                packet = next(self._packets, None)
            except Exception as error:  # see faults
                self._packets = None
                garbled += 1
                if garbled == _GARBLED or (self.remote and is_disconnection(error)):
                    raise self._end(error) from error
                continue
            if packet is None:
                break
            if packet.stream.index == stream.index:
                return packet
        raise EOFError(f"{self.name}: the end")

    def _end(self, error: Exception) -> Exception:
        """The exception for a read that failed. A file that is cut short ends there. So does a
        transfer whose server did not state its size: FFmpeg cannot tell its end from a failure."""
        if self.remote and (self._opened.size or not is_input_output(error)):
            return SourceLost(f"{self.name}: {reason(error)}")
        return EOFError(f"{self.name}: {reason(error)}")

    def _constant_rate(self) -> Fraction | None:
        """The rate of a file that keeps it throughout: that of its first pictures, if all of
        them keep it, and so does their number, where the container counts them."""
        if self.length is not Length.FINITE or self.waits:
            return None
        stream, size = self._opened.stream, 0
        try:
            while len(self._ahead) < _SAMPLE and size < _SAMPLE_BYTES:
                packet = self._read_packet()
                self._ahead.append(packet)
                size += packet.size
        except EOFError:
            pass
        return stated_rate(stream, self._ahead)
