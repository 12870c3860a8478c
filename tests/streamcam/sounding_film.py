"""Films that flash and click at the same moments, and what of that a file plays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 128, 128
_TICK = Fraction(1, 12_000)
_CLICK = 0.004  # seconds
_DARK, _LIGHT = 40, 230


@dataclass
class Film:
    """What to write. Times in seconds.

    times     when each picture begins; the last one lasts as long as the one before
    events    when it flashes, for one picture, and clicks
    codecs    of each sound track
    heard     from when to when there is sound; None: as long as the pictures
    labels    of each sound track
    default   number of the sound track that plays by itself
    """

    times: Sequence[float] = tuple(number / 25 for number in range(75))
    events: Sequence[float] = (0.4, 1.2, 2.36)
    codecs: Sequence[str] = ("aac",)
    rate: int = 48_000
    layout: str = "stereo"
    heard: tuple[float, float] | None = None
    labels: Sequence[dict[str, str]] = ()
    options: dict[str, str] = field(default_factory=dict)
    default: int = 0

    def write(self, path: Path) -> Path:
        """As the file at `path`, whose suffix says the container."""
        with av.open(str(path), "w") as file:
            pictures = file.add_stream("libx264", 25, options={"crf": "10", **self.options})
            pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            pictures.codec_context.time_base = self._tick(path)
            tracks = [self._track(file, number) for number in range(len(self.codecs))]
            packets = [packet for track in tracks for packet in self._sound(track)]
            packets += self._pictures(pictures)
            for packet in sorted(packets, key=lambda one: one.dts * one.time_base):
                file.mux(packet)
        return path

    def _tick(self, path):
        """Of an .avi one picture, as it has no times."""
        return Fraction(1, 25) if path.suffix == ".avi" else _TICK

    def _track(self, file, number):
        track = file.add_stream(self.codecs[number], self.rate)
        track.codec_context.layout = self.layout
        track.codec_context.bit_rate = 128_000
        track.metadata.update(self.labels[number] if self.labels else {})
        track.disposition = 1 if number == self.default else 0
        return track

    def _pictures(self, stream):
        packets = []
        lit = [any(abs(time - event) < 1e-3 for event in self.events) for time in self.times]
        for time, light in zip(self.times, lit, strict=True):
            pixels = np.full((HEIGHT, WIDTH, 3), _LIGHT if light else _DARK, np.uint8)
            pixels[40:60, 20:100] = 128  # a picture of one colour is no picture
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = round(time / _TICK), _TICK
            packets += stream.encode(frame)
        return [*packets, *stream.encode(None)]

    def _sound(self, track):
        begin, end = self.heard or (0.0, self.times[-1] * 2 - self.times[-2])
        clock = begin + np.arange(round((end - begin) * self.rate)) / self.rate
        samples = 0.02 * np.sin(2 * np.pi * 220 * clock)
        for event in self.events:
            lit = (clock >= event) & (clock < event + _CLICK)
            samples[lit] = 0.8 * np.where(np.arange(lit.sum()) % 8 < 4, 1, -1)
        context = track.codec_context
        context.open()
        size = context.frame_size or 1024
        packets = []
        for at in range(0, len(samples), size):
            part = samples[at : at + size].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = self.rate, at + round(begin * self.rate)
            frame.time_base = Fraction(1, self.rate)
            packets += track.encode(frame)
        return [*packets, *track.encode(None)]


def flashes(path: Path) -> list[float]:
    """When the pictures in a file turn light, seconds."""
    with av.open(str(path)) as file:
        seen = [
            (frame.time, frame.to_ndarray(format="gray").mean()) for frame in file.decode(video=0)
        ]
    lights = [light for _, light in seen]
    half = (min(lights) + max(lights)) / 2
    return _rises(np.array([time for time, _ in seen]), np.array(lights) > half)


def clicks(path: Path, track: int = 0) -> list[float]:
    """When a track clicks, seconds."""
    resampler = av.AudioResampler("fltp", "mono")
    clock, loud = [], []
    with av.open(str(path)) as file:
        end = 0.0
        for heard in file.decode(audio=track):
            begin = end if heard.pts is None else heard.time  # some have no times of their own
            end = begin + heard.samples / heard.sample_rate
            for frame in resampler.resample(heard):
                samples = np.abs(frame.to_ndarray()[0])
                clock.append(begin + np.arange(len(samples)) / frame.sample_rate)
                loud.append(samples)
    volume = np.concatenate(loud)
    return _rises(np.concatenate(clock), volume > 0.4 * volume.max(), hold=0.1)


def packets(path: Path, track: int = 0) -> list[tuple[float, bytes]]:
    """(seconds, bytes) of every packet of a sound track."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[track]
        return [
            (float(one.pts * one.time_base), bytes(one)) for one in file.demux(stream) if one.size
        ]


def _rises(clock, high, hold: float = 0.0) -> list[float]:
    """When it turns from low to high, but for what follows within `hold` seconds."""
    found: list[float] = []
    for index in np.flatnonzero(high & ~np.concatenate([[False], high[:-1]])):
        if not found or clock[index] - found[-1] > hold:
            found.append(float(clock[index]))
    return found
