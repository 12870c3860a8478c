"""Source `video`: a file or URL that FFmpeg can read, at the pace of its timestamps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter

from streamcam.capture import Wanted
from streamcam.capture._pace import SYSTEM_CLOCK, Clock, Schedule
from streamcam.capture.video.address import parse_address
from streamcam.capture.video.decoder import Decoder
from streamcam.capture.video.faults import reason
from streamcam.capture.video.film import Film, Shot
from streamcam.capture.video.waiting import ReadAhead, opened_aside
from streamcam.errors import SourceLost, UsageError
from streamcam.frames import Frame, FramePool, Pixels

_TURNS = {
    -90: cv2.ROTATE_90_CLOCKWISE,
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    -180: cv2.ROTATE_180,
}
_UNSHOWN = 100  # pictures in a row that cannot be shown: some seconds, so it is more than damage
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HIGH_DEFINITION = 720  # lines from which players take unlabelled colours as BT.709


def open_source(argument: str, wanted: Wanted) -> VideoSource:
    """Open a file or URL. Raises `UsageError` if it cannot be read or has no video."""
    if not argument:
        raise UsageError("--source video needs a file or URL: --source FILE or --source URL.")
    address = parse_address(argument)
    if address.remote or address.pipe:
        return opened_aside(
            lambda: VideoSource(Decoder(argument, wanted.stop), wanted), wanted.stop
        )
    return VideoSource(Decoder(argument), wanted)


class VideoSource:
    """Plays a video. See `streamcam.capture.Source` for the promises.

    In real time, pictures come when their timestamps say; those that are late because decoding
    is slow are left out (see `Schedule`). Live streams come as they arrive. Otherwise every
    picture comes, as fast as it is read. `media_time` starts at 0 and rises over loops.
    """

    notice = ""

    def __init__(self, decoder: Decoder, wanted: Wanted, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self.fps, self.rate, self.sound = decoder.fps, decoder.rate, decoder.sound
        self._film = Film(decoder, clock, loop=wanted.loop)
        self._first = self._film.first
        self._turn = _TURNS.get(round(self._first.rotation))
        self._coded = _shown_size(self._first, decoder.pixel_aspect)
        turned = self._turn is not None and self._turn != cv2.ROTATE_180
        self.width, self.height = self._coded[::-1] if turned else self._coded
        name = decoder.name if decoder.waits else Path(decoder.name).name
        self.label = f"{name}, {self.width}x{self.height} at {self.fps:g} fps"
        self._pool = FramePool(self.width, self.height)
        self._reformatter = VideoReformatter()
        self._realtime = wanted.realtime
        self._schedule = Schedule(1 / self.fps, clock)
        # Last, as from here on the film may be read on a thread of its own.
        self._shots = ReadAhead(self._film, clock) if decoder.waits else self._film
        self._unshown = 0  # pictures in a row
        self._ready: tuple[Pixels, Shot] | None = None  # decoded ahead of its time
        self._seq = 0

    def read(self) -> Frame | None:
        """The next picture, waiting for its time at most half a second; None: not yet."""
        if self._ready is None:
            self._ready = self._prepare()
            if self._ready is None:
                return None
        pixels, shot = self._ready
        if self._paced and not self._schedule.reached(shot.time):
            return None
        self._ready = None
        now = self._clock.now()
        frame = Frame(pixels, self._seq, now, shot.time, duration=shot.duration)
        self._seq += 1
        return frame

    def close(self) -> None:
        """Release the file or connection. May be called twice."""
        self._shots.close()

    @property
    def _paced(self) -> bool:
        return self._realtime and self._film.paced

    def _prepare(self) -> tuple[Pixels, Shot] | None:
        """Decode up to the next picture worth showing; None: it has not arrived."""
        while True:
            shot = self._shots.next()
            if shot is None:
                return None
            if self._paced:
                shown = self._schedule.wants(shot.time)
                self._film.decoder.hurry(skip=self._schedule.behind)
                if not shown:
                    continue
            pixels = self._shown(shot.picture)
            if pixels is not None:
                return pixels, shot

    def _shown(self, picture: VideoFrame) -> Pixels | None:
        """Its pixels; None for a picture so damaged that there is no way to show it."""
        try:
            pixels = self._pixels(picture)
        except Exception as error:  # whatever FFmpeg makes of it
            self._unshown += 1
            if self._unshown == _UNSHOWN:
                name = self._film.decoder.name
                raise SourceLost(f"{name}: no way to show it, {reason(error)}") from error
            return None
        self._unshown = 0
        return pixels

    def _pixels(self, picture: VideoFrame) -> Pixels:
        """RGB, upright, in the size of the first picture.

        swscale always writes into memory of its own, which a Frame can keep: the pixels are
        copied once more only if they have to be turned or their rows are padded.
        """
        width, height = self._coded
        space = picture.colorspace
        if space == _UNSPECIFIED and picture.height >= _HIGH_DEFINITION:
            space = Colorspace.ITU709
        plane = self._reformatter.reformat(
            picture, width, height, "rgb24", src_colorspace=space
        ).planes[0]
        rows: Pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        pixels: Pixels = rows[:, : width * 3].reshape(height, width, 3)
        if self._turn is not None:
            return np.asarray(cv2.rotate(pixels, self._turn, dst=self._pool.take()), np.uint8)
        if pixels.flags.c_contiguous:
            return pixels
        upright = self._pool.take()
        np.copyto(upright, pixels)
        return upright


def _shown_size(picture: VideoFrame, pixel_aspect: float) -> tuple[int, int]:
    """(width, height) with square pixels, before turning."""
    return max(1, round(picture.width * pixel_aspect)), picture.height
