"""Source `video`: a file or URL that FFmpeg can read, at the pace of its timestamps."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter

from streamcam.capture import Wanted
from streamcam.capture._pace import SYSTEM_CLOCK, Clock, Schedule, Timeline
from streamcam.capture.video.decoder import Decoder
from streamcam.errors import SourceLost, UsageError
from streamcam.frames import Frame, FramePool, Pixels

_TURNS = {
    -90: cv2.ROTATE_90_CLOCKWISE,
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    -180: cv2.ROTATE_180,
}
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HIGH_DEFINITION = 720  # lines from which players take unlabelled colours as BT.709


def open_source(argument: str, wanted: Wanted) -> VideoSource:
    """Open a file or URL. Raises `UsageError` if it cannot be read or has no video."""
    if not argument:
        raise UsageError("--source video needs a file or URL: --source FILE or --source URL.")
    return VideoSource(Decoder(argument), wanted)


class VideoSource:
    """Plays a video. See `streamcam.capture.Source` for the promises.

    In real time, pictures come when their timestamps say; those that are late because decoding
    is slow are left out (see `Schedule`). Live streams come as they arrive. Otherwise every
    picture comes, as fast as it is read. `media_time` starts at 0 and rises over loops.
    """

    rate: Fraction | None = None
    notice = ""

    def __init__(self, decoder: Decoder, wanted: Wanted, clock: Clock = SYSTEM_CLOCK) -> None:
        self._decoder = decoder
        self._loop = wanted.loop
        self._clock = clock
        self.fps = decoder.fps
        try:
            self._first: VideoFrame | None = decoder.next()
        except (EOFError, SourceLost) as error:
            decoder.close()
            raise UsageError(
                f"{decoder.name} holds no picture that can be read. {decoder.remedy}"
            ) from error
        self._turn = _TURNS.get(round(self._first.rotation))
        self._coded = _shown_size(self._first, decoder.pixel_aspect)
        turned = self._turn is not None and self._turn != cv2.ROTATE_180
        self.width, self.height = self._coded[::-1] if turned else self._coded
        name = decoder.name if decoder.remote else Path(decoder.name).name
        self.label = f"{name}, {self.width}x{self.height} at {self.fps:g} fps"
        self._pool = FramePool(self.width, self.height)
        self._reformatter = VideoReformatter()
        self._timeline = Timeline(1 / self.fps, decoder.gap)
        paced = wanted.realtime and not decoder.live
        self._schedule = Schedule(1 / self.fps, clock) if paced else None
        self._ready: tuple[Pixels, float] | None = None  # decoded ahead of its time
        self._seq = 0

    def read(self) -> Frame | None:
        """The next picture, waiting for its time at most half a second; None: not yet.

        A network stream that falls silent takes longer: two seconds until it counts as lost,
        twenty for HLS and DASH, whose pieces come seconds apart.
        """
        if self._ready is None:
            self._ready = self._prepare()
        pixels, media_time = self._ready
        if self._schedule is not None and not self._schedule.reached(media_time):
            return None
        self._ready = None
        frame = Frame(pixels, self._seq, self._clock.now(), media_time)
        self._seq += 1
        return frame

    def close(self) -> None:
        """Release the file or connection. May be called twice."""
        self._decoder.close()

    def _prepare(self) -> tuple[Pixels, float]:
        """Decode up to the next picture worth showing."""
        while True:
            picture = self._next_picture()
            media_time = self._timeline.place(picture.time)
            if self._schedule is None:
                return self._pixels(picture), media_time
            shown = self._schedule.wants(media_time)
            self._decoder.hurry(skip=self._schedule.behind)
            if shown:
                return self._pixels(picture), media_time

    def _next_picture(self) -> VideoFrame:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            return self._decoder.next()
        except EOFError:
            if not self._loop:
                raise
        self._decoder.rewind()
        try:
            return self._decoder.next()
        except EOFError as error:
            raise SourceLost(f"{self._decoder.name} cannot be read any more") from error

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
