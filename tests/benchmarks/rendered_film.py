"""A film rendered to a film, beside another checkout: frames a second by turns in one run. Then, of
this one, how near its pictures come to lossless ones, and what each effort of the encoder costs.

    git worktree add ../before 8be2c68      # with a .venv of its own, or this one's packages
    python tests/benchmarks/rendered_film.py ../before [--size 256x144] [--turns 3] [PRESET ...]

The film is 1280x720, the bundled clip at 25 frames a second, with sound. The real command renders
it. Its rate counts from the line of the first picture to the end of the process, which finishes the
file; its cores are the process's time over the clock's. Both checkouts render the first preset;
pictures are compared of every one. Milliseconds of the efforts are of one core, without threads.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import av
import cv2
import numpy as np

from streamcam.bench.paced_run import bundled_clip
from streamcam.presets import load_preset
from streamcam.sink import Format
from streamcam.sink.record.h264 import CODEC, EFFORTS, Coding

HERE = Path(__file__).parents[2]
SIZE, FPS, RATE = (1280, 720), 25, 48_000
BEFORE = {"8be2c68, a file": ("medium", "16"), "8be2c68, live": ("veryfast", "18")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("presets", nargs="*", default=["anime", "engraving", "sketch"])
    parser.add_argument("--size", default="256x144")
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--compared", type=int, default=75, help="frames whose pictures are")
    parser.add_argument("--turns", type=int, default=3)
    wanted = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_film(place / "film.mp4", wanted.frames)
        beside(place, wanted)
        write_film(place / "film.mp4", wanted.compared)
        for name in wanted.presets:
            compared(place, name, wanted.size)


def write_film(path, frames):
    """Pictures that move, and a tone."""
    with av.open(str(path), "w") as file:
        pictures = file.add_stream(CODEC, FPS, options={"crf": "16", "preset": "veryfast"})
        pictures.width, pictures.height = SIZE
        sound = file.add_stream("aac", RATE)
        for picture in islice(cycle(bundled_clip()), frames):
            larger = cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC)
            file.mux(pictures.encode(av.VideoFrame.from_ndarray(larger, "rgb24")))
        file.mux(pictures.encode(None))
        times = np.arange(RATE * frames // FPS) / RATE
        tone = (8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
        heard = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], "s16", "stereo")
        heard.sample_rate = RATE
        file.mux(sound.encode(heard))
        file.mux(sound.encode(None))


class Rendered:
    """One call of a checkout's command.

    fps, cores  pictures a second, and cores that it took
    """

    def __init__(self, root, folder, preset, size, output):
        python = root / ".venv" / "bin" / "python"
        command = [str(python) if python.exists() else sys.executable, "-m", "streamcam"]
        asked = ["--preset", preset, "--source", "film.mp4", "--output", output, "--size", size]
        environment = os.environ | {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
        began, before = None, os.times()
        with subprocess.Popen(
            [*command, *asked, "--realtime", "off"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            for line in process.stdout:
                if line.startswith("live:"):
                    began = perf_counter()
        took, after = perf_counter() - began, os.times()
        if process.returncode:
            raise SystemExit(f"{root}: the command failed")
        with av.open(str(folder / output)) as file:
            self.frames = sum(1 for packet in file.demux(video=0) if packet.size)
        self.fps = self.frames / took
        spent = after.children_user - before.children_user
        self.seconds = spent + after.children_system - before.children_system
        self.size = (folder / output).stat().st_size


def beside(folder, wanted):
    """Both, one after the other, turn after turn."""
    roots = {"before": wanted.before.resolve(), "now": HERE}
    turns = {name: [] for name in roots}
    preset = wanted.presets[0]
    for turn in range(wanted.turns):
        for name in sorted(roots, reverse=bool(turn % 2)):
            one = Rendered(roots[name], folder, preset, wanted.size, f"{name}.mp4")
            turns[name].append(one)
            print(f"{name}: {one.frames} frames, {one.fps:.1f} fps", file=sys.stderr)
    print(f"{preset}, {wanted.size}, {wanted.frames} frames of {SIZE[0]}x{SIZE[1]}\n")
    print("| | frames a second, each turn | median | processor's seconds | MB |")
    print("| --- | --- | --- | --- | --- |")
    middle = {name: median(one.fps for one in ones) for name, ones in turns.items()}
    for name, ones in turns.items():
        each = ", ".join(f"{one.fps:.1f}" for one in ones)
        spent = median(one.seconds for one in ones)
        print(f"| {name} | {each} | {middle[name]:.1f} | {spent:.0f} | {ones[-1].size / 1e6:.1f} |")
    print(f"\nnow over before: {middle['now'] / middle['before']:.2f}\n")


def compared(folder, name, size):
    """The command's own file, and what every effort makes of the lossless pictures."""
    preset = load_preset(name)
    for quality in ("good", "lossless"):
        text = preset.path.read_text() if preset.path else ""
        table = text if "[output]" in text else f"{text}\n[output]\n"
        table = table.replace("[output]\n", f'[output]\nquality = "{quality}"\n')
        (folder / f"{quality}.toml").write_text(table)
        Rendered(HERE, folder, f"{quality}.toml", size, f"{quality}.mp4")
    exact = pictures_of(folder / "lossless.mp4")
    told = decibels(pictures_of(folder / "good.mp4"), exact)
    print(f"{name}: the command's file at quality good has {told}\n")
    print("| effort | ms | kB | PSNR, dB (the worst picture) |")
    print("| --- | --- | --- | --- |")
    file, live = Format(*SIZE, FPS, realtime=False), Format(*SIZE, FPS)
    rate = Fraction(FPS)
    for effort in EFFORTS:
        row(
            effort.preset,
            exact,
            partial(Coding(file, rate, 1 / rate, True).configure, effort=effort),
        )
    coding = Coding(live, rate, 1 / rate, False)
    row("live", exact, partial(coding.configure, effort=EFFORTS[0]))
    for told, (preset_of_x264, factor) in BEFORE.items():
        row(told, exact, partial(as_before, preset=preset_of_x264, factor=factor))
    print()


def as_before(context, preset, factor):
    context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
    context.framerate, context.time_base = Fraction(FPS), Fraction(1, FPS)
    context.options = {"preset": preset, "crf": factor}


def row(name, exact, configure):
    context = av.CodecContext.create(CODEC, "w")
    configure(context)
    context.thread_count = 1
    pictures = [av.VideoFrame.from_ndarray(planes, "yuv420p") for planes in exact]
    packets, began = [], process_time()
    for number, picture in enumerate(pictures):
        picture.pts, picture.time_base = number, Fraction(1, FPS)
        packets += context.encode(picture)
    packets += context.encode(None)
    cost = (process_time() - began) / len(exact)
    decoder = av.CodecContext.create("h264", "r")
    if context.extradata:
        decoder.extradata = context.extradata
    found = [one for packet in [*packets, None] for one in decoder.decode(packet)]
    size = sum(packet.size for packet in packets) / len(exact)
    told = decibels([one.to_ndarray() for one in found], exact)
    print(f"| {name} | {1e3 * cost:.1f} | {size / 1e3:.0f} | {told} |")


def pictures_of(path):
    with av.open(str(path)) as file:
        return [picture.to_ndarray() for picture in file.decode(video=0)]


def decibels(found, exact):
    """Of luma and chroma, the mean of the errors of all pictures, and that of the worst one."""
    errors = [
        np.mean((one.astype(np.float32) - other) ** 2)
        for one, other in zip(found, exact, strict=True)
    ]
    whole, worst = (10 * np.log10(255**2 / error) for error in (np.mean(errors), max(errors)))
    return f"{whole:.1f} ({worst:.1f})"


if __name__ == "__main__":
    main()
