"""How many threads OpenCV and the engine should have beside each other: by turns in one run.

    python tests/benchmarks/threads.py [--size 256x144] [--seconds 60]

The real app on frames from memory, 30 a second, with everything that it shows guided. Each turn of
a second has another number of OpenCV's threads (which the thread "post" computes with) or of the
engine's (two engines stand by). Milliseconds are of the wall clock:
a frame of the engine, a tick of the resolve stage; `cores` is what the whole process takes.
"""

import argparse
from dataclasses import replace
from itertools import cycle, product
from statistics import median
from time import perf_counter, process_time

import cv2

from engines.build import build
from engines.stream import StreamEngine
from streamcam.bench.paced_run import PacedClip, bundled_clip
from streamcam.options import Options
from streamcam.pipeline import Pipeline
from streamcam.presets import load_preset
from streamcam.provision.spec import spec_for

THREADS = (1, 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="256x144")
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    clip = [cv2.resize(frame, (1280, 720)) for frame in bundled_clip()]
    preset = load_preset("anime")
    gate = preset.gate.model_copy(update={"policy": "always"})
    resolve = preset.resolve.model_copy(update={"mode": "guided"})
    preset = preset.model_copy(update={"gate": gate, "resolve": resolve})
    options = Options(
        preset=preset,
        source="demo",
        outputs=("null",),
        size=(width, height),
        web=False,
        open_source=lambda choice, wanted: PacedClip(clip, 30.0),
    )
    spec = spec_for(preset, options)
    engines = {threads: build(replace(spec, threads=threads)) for threads in THREADS}
    times = {choice: ([], [], []) for choice in product(THREADS, THREADS)}
    run_turns(options, engines, times, arguments.seconds)
    print("| OpenCV's threads | engine's | engine, ms | resolve, ms | cores |")
    print("| --- | --- | --- | --- | --- |")
    for (opencv, engine), (frames, ticks, cores) in times.items():
        figures = f"{1e3 * median(frames):.1f} | {1e3 * median(ticks):.2f} | {median(cores):.2f}"
        print(f"| {opencv} | {engine} | {figures} |")


def run_turns(options, engines, times, seconds):
    choice, working = None, []
    begin, end = StreamEngine.start, StreamEngine.finish
    pipeline = Pipeline(options, lambda line: None)
    took = pipeline.stats.took

    def noted(name, duration):
        took(name, duration)
        if choice and name in ("engine", "resolve"):
            times[choice][("engine", "resolve").index(name)].append(duration)

    def start(engine, *arguments, **named):
        working.append(engines[choice[1]] if choice else engine)
        begin(working[-1], *arguments, **named)

    pipeline.stats.took = noted
    StreamEngine.start, StreamEngine.finish = start, lambda engine: end(working.pop(0))
    pipeline.start()
    ends = perf_counter() + seconds
    try:
        for number in cycle(times):
            if perf_counter() > ends:
                break
            cv2.setNumThreads(number[0])
            choice = number
            cpu, began = process_time(), perf_counter()
            pipeline.wait(1.0)
            times[number][2].append((process_time() - cpu) / (perf_counter() - began))
    finally:
        pipeline.stop()
        StreamEngine.start, StreamEngine.finish = begin, end
        for engine in engines.values():
            engine.close()


if __name__ == "__main__":
    main()
