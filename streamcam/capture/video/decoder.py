"""Decoder: the pictures of a video file, a stream or a pipe, through PyAV."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from fractions import Fraction
from threading import Event
from time import perf_counter
from typing import Literal

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamcam.capture.video.address import parse_address
from streamcam.capture.video.container import OpenVideo, open_video
from streamcam.capture.video.hearing import sound_of
from streamcam.capture.video.length import (
    SEGMENTED,
    Length,
    film_length,
    length_of,
    longest_gap,
    stated_length,
)
from streamcam.capture.video.packets import Packets
from streamcam.capture.video.timing import stated_rate, time_of
from streamcam.capture.video.transparency import decoder_of
from streamcam.clock import NEVER
from streamcam.errors import SourceLost, UsageError

_THREADS = 4  # enough for 4K; the engine needs the cores
_USUAL_RATE = 30.0
# Seconds before a wanted picture at which one is looked for that can be decoded by itself: FFmpeg
# finds a place in a transport stream, and then the picture there may need one before it.
_EARLIER = (0.0, 10.0)
# A decoder that refuses this many packets in a row will take none: they are half a minute of film.
# What is damaged, or cut in where nothing can be decoded yet, comes right within seconds.
_REFUSALS = 1000
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
    sound, subtitles  how many tracks of them it has
    hearing what is heard with its pictures, if that is wanted
    took    seconds for which it was being opened
    """

    def __init__(self, address: str, stop: Event = NEVER, *, sound: bool = False) -> None:
        """Raises `UsageError` if it cannot be read or has no video.

        stop   ends the wait for another program that writes into a pipe
        sound  it is wanted as well
        """
        self._address = parse_address(address)
        self._stop = stop
        self.name, self.remedy = self._address.name, self._address.remedy
        self.remote, self.pipe = self._address.remote, self._address.pipe
        self._decoded: deque[VideoFrame] = deque()
        self._ahead: deque[Packet[VideoStream]] = deque()
        self._over: Exception | None = None  # raised once all decoded pictures have been taken
        self._started = False
        self._skip: Literal["DEFAULT", "NONREF"] = "DEFAULT"
        self._begin: int | None = None  # timestamp of the very first picture
        self._came = 0  # time of the packet that brought out the last one
        self._late: int | None = None  # how much later than its own packet the first one came
        begin = perf_counter()
        opened = self._opened = self._open()
        self.took = perf_counter() - begin
        form = opened.container.format.name
        # An .avi says no times, and what FFmpeg says of its reordered pictures jumps to and fro.
        self._ordered = form == "avi"
        self.length = length_of(opened, self._address)
        self.live = self.length is not Length.FINITE and form not in SEGMENTED
        self.ends = opened.pipe is not None and opened.pipe.ends
        self.waits = self.remote or self.pipe or self.length is not Length.FINITE
        self.gap = longest_gap(opened, self.length)
        self.lasts = stated_length(opened, self._address)
        streams = opened.container.streams
        self.sound, self.subtitles = len(streams.audio), len(streams.subtitles)
        self.hearing = sound_of(opened.container, wanted=sound, gap=self.gap)
        self._packets = self._read(opened)
        self.seconds = film_length(opened)
        self.rate = self._constant_rate()
        stream = opened.stream
        rate = float(self.rate or stream.average_rate or stream.guessed_rate or 0)
        self.fps = rate if self.rate or 0 < rate <= 240 else _USUAL_RATE

    @property
    def tick(self) -> Fraction | None:
        """Unit of its pictures' times, seconds."""
        return self._opened.stream.time_base

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
                packet = self._ahead.popleft() if self._ahead else self._packets.next()
            except (EOFError, SourceLost) as end:
                self._over = end
                self._decode(None)
                continue
            error = self._decode(packet)
            refusals += error is not None
            if error is not None and refusals == _REFUSALS:
                raise self._packets.end(error) from error
        picture = self._decoded.popleft()
        if self._ordered:
            self._put_in_order(picture)
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

    def seek(self, time: float) -> None:
        """Go to a picture at or before `time`, seconds on its own timeline, or to the beginning if
        that cannot be. Raises `SourceLost` if it is not there any more."""
        stream = self._opened.stream
        for earlier in _EARLIER:
            self._forget()
            with suppress(Exception):  # what cannot be searched is played up to there
                wanted = int((time - earlier) / (stream.time_base or 1))
                self._opened.container.seek(wanted, stream=stream)
                self._codec.flush_buffers()
                first = self.next()
                at = time_of(first)
                if at is not None and at <= time:
                    self._decoded.appendleft(first)
                    return
        self.rewind()

    def give_up(self) -> None:
        """End the wait for another program; `next` comes to its end then. From any thread."""
        self._packets.give_up()

    def close(self) -> None:
        """Release the file or connection. May be called twice."""
        self._forget()
        self._opened.close()

    def _put_in_order(self, picture: VideoFrame) -> None:
        """Pictures are shown as they come out of the decoder, one after another."""
        self._came = self._came + 1 if picture.dts is None else picture.dts
        if self._late is None:
            self._late = self._came - (self._opened.stream.start_time or 0)
        picture.pts = self._came - self._late

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

    def _read(self, opened: OpenVideo) -> Packets:
        return Packets(opened, self.name, self.hearing, remote=self.remote)

    def _reopen(self) -> None:
        self.close()
        try:
            self._opened = self._open()
        except UsageError as error:
            raise SourceLost(str(error)) from error
        self._packets = self._read(self._opened)

    def _forget(self) -> None:
        self._packets.restart()
        self._over = None
        self._ahead.clear()
        self._decoded.clear()

    def _constant_rate(self) -> Fraction | None:
        """The rate of a file that keeps it throughout: that of its first pictures, if all of
        them keep it, and so does their number, where the container counts them."""
        if self.length is not Length.FINITE or self.waits:
            return None
        stream, size = self._opened.stream, 0
        try:
            while len(self._ahead) < _SAMPLE and size < _SAMPLE_BYTES:
                packet = self._packets.next()
                self._ahead.append(packet)
                size += packet.size
        except EOFError:
            pass
        return stated_rate(stream, self._ahead)
