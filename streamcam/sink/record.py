"""Record: an H.264 video file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.filter import Graph
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from streamcam.errors import SinkFailed, UsageError, quoted
from streamcam.frames import Frame
from streamcam.sink import VIDEO_SUFFIXES, Format

# An index at the front lets browsers and chat programs play the file while it loads.
_CONTAINERS = {
    ".mp4": ("mp4", {"movflags": "+faststart"}),
    ".mov": ("mov", {"movflags": "+faststart"}),
    ".mkv": ("matroska", {}),
}
_FINE = Fraction(1, 90_000)  # time base of files with variable frame rate, seconds
_SLACK = 0.75  # ticks by which a live picture may be early or late before it changes its place


class Recording:
    """Writes H.264, 4:2:0, BT.709 to `NAME.part`, which becomes `path` once it is complete.

    Live recordings have a constant frame rate: pictures lie on a grid of `form.fps` that
    follows the clock, so sound recorded beside it stays in step for hours. Others (`realtime`
    False) have every frame at its `media_time`, or one period after the last if it has none.
    """

    main_thread = False
    reopen_as: str | None = None
    watched = True

    def __init__(
        self, path: Path, form: Format, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.paced = form.realtime
        self.label = f"recording {path} (H.264, {form.width}x{form.height})"
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._form = form
        self._clock = clock
        self._rate = Fraction(form.fps).limit_denominator(1001)
        self._time_base = 1 / self._rate if form.realtime else _FINE
        self._started_at: float | None = None
        self._last = -1  # timestamp of the picture before, in units of the time base
        self._closed = False
        # Opened and closed here, because FFmpeg would only say so at the first picture.
        self._part.open("wb").close()
        try:
            self._open(path.suffix.lower())
        except BaseException:
            self._part.unlink()
            raise

    def _open(self, suffix: str) -> None:
        name, options = _CONTAINERS[suffix]
        self._file = av.open(str(self._part), "w", format=name, options=options)
        try:
            self._stream = self._file.add_stream(
                "libx264", self._rate, options=self._quality(), time_base=self._time_base
            )
            self._stream.width, self._stream.height = self._form.width, self._form.height
            self._stream.pix_fmt = "yuv420p"
            context = self._stream.codec_context
            context.color_primaries = ColorPrimaries.BT709
            context.color_trc = ColorTrc.BT709
            context.colorspace = Colorspace.ITU709
            context.color_range = ColorRange.MPEG
            if self._form.realtime:
                # The engine needs the cores more than the encoder does.
                context.thread_count = max(1, (os.cpu_count() or 4) // 4)
            self._file.start_encoding()
        except BaseException:
            self._file.close()
            raise
        self._convert = _to_yuv(self._form, self._time_base)

    def _quality(self) -> dict[str, str]:
        """Visually lossless; how small the file gets depends on the time there is."""
        if not self._form.realtime:
            return {"crf": "16", "preset": "medium"}
        # A key picture every two seconds makes the file easy to cut.
        return {"crf": "18", "preset": "veryfast", "g": str(round(2 * self._form.fps))}

    def write(self, frame: Frame) -> None:
        """Encode it at its time. Raises `SinkFailed`, for instance when the disk is full."""
        at = self._place() if self._form.realtime else self._time(frame)
        if at <= self._last:
            return
        self._last = at
        self._convert.push(av.VideoFrame.from_numpy_buffer(frame.pixels, "rgb24"))
        picture = self._convert.vpull()
        picture.pts, picture.time_base = at, self._time_base
        try:
            self._mux(self._stream.encode(picture))
        except av.FFmpegError as error:
            raise SinkFailed(f"cannot write {self._part}: {error.strerror}") from error

    def _mux(self, packets: Iterable[av.Packet[Any]]) -> None:
        for packet in packets:
            self._file.mux(packet)

    def _place(self) -> int:
        """The live picture's place on the grid: the next one, unless the clock disagrees.

        A tick that came far too early adds no picture, and one that was missed leaves a gap,
        in which players go on showing the picture before.
        """
        now = self._clock()
        if self._started_at is None:
            self._started_at = now
        due = (now - self._started_at) * float(self._rate)
        following = self._last + 1
        if due - following < -_SLACK:
            return self._last
        return following if due - following < _SLACK else round(due)

    def _time(self, frame: Frame) -> int:
        """The frame's own time, or, if it has none, one period after the last."""
        if frame.media_time is not None:
            return max(round(frame.media_time / _FINE), self._last + 1)
        return 0 if self._last < 0 else self._last + round(1 / (self._rate * _FINE))

    def close(self) -> None:
        """Finish the file. Without a single picture there is none. Raises `SinkFailed`."""
        if self._closed:
            return
        self._closed = True
        try:
            try:
                if self._last >= 0:
                    self._mux(self._stream.encode(None))
            finally:
                self._file.close()
            if self._last < 0:
                self._part.unlink()
            else:
                self._part.replace(self._path)
        except (av.FFmpegError, OSError) as error:
            raise SinkFailed(
                f"cannot finish {self._path}: {error.strerror}; what was written is in "
                f"{self._part} (an .mkv can be played after this, an .mp4 cannot)"
            ) from error


def _to_yuv(form: Format, time_base: Fraction) -> Graph:
    """RGB to BT.709 4:2:0, limited range. Its pictures are recycled once the encoder is done.

    `VideoFrame.reformat` makes a new one each time: at 1280x720 on two cores 2.0 ms and 220
    page faults a picture, against 1.0 ms and none.
    """
    graph = Graph()
    chain = [
        graph.add(
            "buffer",
            f"video_size={form.width}x{form.height}:pix_fmt=rgb24:pixel_aspect=1/1"
            f":time_base={time_base.numerator}/{time_base.denominator}",
        ),
        graph.add("scale", "out_color_matrix=bt709:out_range=tv"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph


def open_sink(argument: str, form: Format) -> Recording:
    """Record to the file `argument`, replacing it at the end. Raises `UsageError`."""
    path = Path(argument).expanduser()
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        known = ", ".join(sorted(VIDEO_SUFFIXES))
        raise UsageError(
            f"cannot record to {quoted(argument)}: the name must end in one of {known}"
        )
    if form.width % 2 or form.height % 2:
        raise UsageError(
            f"cannot record {form.width}x{form.height}: H.264 needs an even width and height; "
            f"use --size {form.width // 2 * 2}x{form.height // 2 * 2}"
        )
    try:
        if path.is_dir():
            raise UsageError(
                f"cannot record to {quoted(argument)}: it is a folder; name a file in it"
            )
        if not path.parent.is_dir():
            raise UsageError(
                f"cannot record to {quoted(argument)}: there is no folder "
                f"{quoted(str(path.parent))}"
            )
        return Recording(path, form)
    except av.codec.codec.UnknownCodecError as error:
        raise UsageError(
            f"cannot record to {quoted(argument)}: this build of PyAV has no H.264 encoder; "
            "pip install --force-reinstall av"
        ) from error
    except (av.FFmpegError, OSError) as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(
            f"cannot record to {quoted(argument)}: {reason}; choose another folder or name"
        ) from error
