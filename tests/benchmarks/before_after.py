"""The real app beside that of another checkout: same frames, size and sink, by turns in one run.

    git worktree add ../before 8be2c68      # with a .venv of its own, or this one's packages
    python tests/benchmarks/before_after.py ../before [--size 320x176] [--seconds 5] [PRESET ...]

Frames come from memory, 30 a second, 1280x720; both apps make 1280x720 pictures of them for a sink
that keeps some. What an engine of twice the size makes of the newest frame is the ideal. Every
preset runs in both, one after the other; whatever else the machine does hits both alike.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, median

import cv2
import numpy as np

HERE = Path(__file__).parents[2]
OUTPUT = (1280, 720)
KEPT = 24  # pictures of successive ticks
GRAIN = 4.0  # levels, of the camera that looks at a still scene
GRAINY = ("neon", "sketch", "comic")


def moving(frames_each=20):
    """Frames with camera-like motion: the bundled clip's scenes, each swaying, and a pan."""
    sys.path.insert(0, str(Path(__file__).parent))
    import live_fidelity

    scenes = [live_fidelity.scene(at, frames_each) for at in live_fidelity.SCENES.values()]
    frames = []
    for scene in [*scenes, live_fidelity.pan(frames_each)]:
        for number, frame in enumerate(scene):
            turn = 12.0 * np.sin(np.pi * number / frames_each)  # pixels
            move = np.float32([[2.04, 0, -16 - turn], [0, 2.05, -10 - 0.3 * turn]])
            frames.append(cv2.warpAffine(frame, move, OUTPUT, None, cv2.INTER_CUBIC))
    return np.array(frames)


def turning(count=40):
    """Frames of a camera that turns and turns back, for ever: no cut is in it."""
    sys.path.insert(0, str(Path(__file__).parent))
    import live_fidelity

    there = [
        cv2.resize(frame, OUTPUT, None, 0, 0, cv2.INTER_CUBIC) for frame in live_fidelity.pan(count)
    ]
    return np.array(there + there[-2:0:-1])


def still(count=16):
    """One scene, as a grainy camera sees it."""
    sys.path.insert(0, str(Path(__file__).parent))
    import live_fidelity

    scene = cv2.resize(live_fidelity.scene(1.0, 1)[0], OUTPUT, interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(1)
    noise = (rng.normal(0.0, GRAIN, scene.shape).astype(np.float32) for _ in range(count))
    return np.array([np.clip(scene + grain, 0, 255).astype(np.uint8) for grain in noise])


class App:
    """A process that runs the app of one checkout, on demand."""

    def __init__(self, root):
        python = root / ".venv" / "bin" / "python"
        command = [
            str(python) if python.exists() else sys.executable,
            __file__,
            "--serve",
            str(root),
        ]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._child = subprocess.Popen(command, cwd=root, text=True, **pipes)

    def run(self, **wanted):
        self._child.stdin.write(json.dumps(wanted) + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        if not answer:
            raise SystemExit("the app ended; what it said is above")
        return json.loads(answer)

    def close(self):
        self._child.stdin.close()
        self._child.wait(20)


def serve(root):
    """Answer requests, one a line, with what a run brought."""
    sys.path.insert(0, root)
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), file=answers, flush=True)


class Clip:
    """A Source."""

    rate, notice, label = None, "", "frames from memory"
    sound, film = False, None  # of a checkout from before and from after films had sound

    def __init__(self, frames):
        from threading import Event

        from streamcam.clock import Ticker

        self.fps, self.newest = 30.0, 0
        self.height, self.width = frames[0].shape[:2]
        self._frames, self._ticker, self._never, self._seq = frames, Ticker(30.0), Event(), 0

    def read(self):
        from time import perf_counter

        from streamcam.frames import Frame

        self._ticker.wait(self._never)
        self.newest = self._seq % len(self._frames)
        frame = Frame(self._frames[self.newest], self._seq, perf_counter())
        self._seq += 1
        return frame

    def close(self): ...


class Keeper:
    """A Sink that keeps pictures, each with the frame that was the newest at its tick."""

    label, paced, main_thread, watched, reopen_as, finishes = (
        "memory",
        True,
        False,
        True,
        None,
        None,
    )

    def __init__(self, clip):
        self.begun, self.ticks, self.new, self.ages, self.pictures = False, 0, 0, [], []
        self._clip, self._last = clip, None

    def write(self, frame):
        from time import perf_counter

        if not self.begun:
            return
        self.ticks += 1
        if frame.pixels is not self._last:
            self.new += 1
            self.ages.append(perf_counter() - frame.captured_at)
        self._last = frame.pixels
        if len(self.pictures) < KEPT:
            self.pictures.append((frame.pixels.copy(), self._clip.newest))

    def close(self): ...


def run(preset, clip, size, seconds, into=None, slowest=0.0, settle=1.5):
    """The app on a clip. `slowest`: seconds that a frame takes the engine at least; `settle`:
    seconds before anything counts."""
    from dataclasses import fields, replace
    from threading import enumerate as threads
    from time import perf_counter, sleep

    import psutil

    import streamcam.sink
    from engines.stream import StreamEngine
    from streamcam.pipeline import Options, Pipeline
    from streamcam.presets import load_preset

    frames = np.load(clip)
    source = Clip(frames)
    sink = Keeper(source)
    start, finish = StreamEngine.start, StreamEngine.finish
    begun = []

    def noted(self, *arguments, **named):
        begun.append(perf_counter())
        start(self, *arguments, **named)

    def slowed(self):
        made = finish(self)
        sleep(max(0.0, begun.pop(0) + slowest - perf_counter()))
        return made

    if slowest:
        StreamEngine.start, StreamEngine.finish = noted, slowed
    streamcam.sink.open_sink = lambda choice, form: sink
    chosen = load_preset(preset)
    gate = chosen.gate.model_copy(update={"policy": "always"})
    options = Options(
        preset=chosen.model_copy(update={"gate": gate}),
        source="demo",
        outputs=("null",),
        size=tuple(size),
        web=False,
        open_source=lambda choice, wanted: source,
    )
    if "open_sink" in {field.name for field in fields(options)}:
        options = replace(options, open_sink=lambda choice, form: sink)
    pipeline = Pipeline(options, lambda line: None)
    pipeline.start()
    try:
        pipeline.wait(settle)
        posts = [thread.native_id for thread in threads() if thread.name == "post"]

        def spent():
            times = psutil.Process().threads()
            return sum(one.user_time + one.system_time for one in times if one.id in posts)

        restyled, cpu, began = pipeline.stats.total("engine"), spent(), perf_counter()
        sink.begun = True
        pipeline.wait(seconds)
        took = perf_counter() - began
        restyled, cpu = pipeline.stats.total("engine") - restyled, spent() - cpu
        level = getattr(pipeline.stats.snapshot(), "resolve", "")
    finally:
        pipeline.stop()
        StreamEngine.start, StreamEngine.finish = start, finish
    if into:
        pictures, newest = zip(*sink.pictures, strict=True)
        np.savez(into, pictures=np.array(pictures), newest=newest)
    ages = sorted(sink.ages) or [0.0]
    return {
        "level": level,
        "engine_fps": restyled / took,
        "new_share": sink.new / max(sink.ticks, 1),
        "latency_p95_ms": 1e3 * ages[int(0.95 * (len(ages) - 1))],
        "post_ms": 1e3 * cpu / max(sink.ticks, 1),
    }


def ideals(preset, frames, size, wanted):
    """The look by an engine of twice the size on these frames, as an output shows it."""
    from engines.api import EngineSpec
    from engines.build import build
    from streamcam.flow.infer.engine_input import EngineInput
    from streamcam.flow.post.finish import Finish
    from streamcam.frames import Frame
    from streamcam.frames.geometry import View
    from streamcam.looks.aim import encoded
    from streamcam.presets import load_preset

    chosen, view = load_preset(preset), View(OUTPUT)
    width, height = 2 * size[0], 2 * size[1]
    mode = {"steps": chosen.steps, "guidance_mode": chosen.guidance_mode}
    engine = build(EngineSpec(width=width, height=height, batching="sequential", **mode))
    try:
        params, fit, finish = encoded(chosen.look(), engine.encode), None, Finish(view)
        fit, made = EngineInput((width, height), view), {}
        for index in sorted(wanted):
            given, placement = fit(frames[index])
            styled = np.array(engine.run(given, params))
            made[index] = finish.plain(Frame(styled, index, 0.0, placement=placement)).pixels.copy()
        return made
    finally:
        engine.close()


def main():
    from streamcam.presets import preset_names

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("presets", nargs="*", default=preset_names())
    parser.add_argument("--size", default="320x176")
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_intermixed_args()
    size = [int(side) for side in arguments.size.split("x")]
    apps = {"before": App(arguments.before.resolve()), "after": App(HERE)}
    with tempfile.TemporaryDirectory() as folder:
        Comparison(apps, Path(folder), size, arguments.seconds).print(arguments.presets)
    for app in apps.values():
        app.close()


class Comparison:
    """Both apps, by turns."""

    def __init__(self, apps, folder, size, seconds):
        self._apps, self._folder, self._size, self._seconds = apps, folder, size, seconds
        self._frames = moving()
        np.save(folder / "moving.npy", self._frames)
        np.save(folder / "turning.npy", turning())
        np.save(folder / "still.npy", still())

    def print(self, presets):
        print("| look | dB: before | after | sharpness: before | after |")
        print("| --- | --- | --- | --- | --- |")
        gains, runs = [], {name: [] for name in self._apps}
        for number, preset in enumerate(presets):
            seen = {}
            for name in list(self._apps)[:: 1 - 2 * (number % 2)]:
                runs[name].append(self._run(name, preset, "moving", self._seconds))
                with np.load(self._folder / f"{name}.npz") as kept:
                    seen[name] = (list(kept["pictures"]), list(kept["newest"]))
            gains.append(self._compare(preset, seen))
        print(f"\nfidelity, mean gain {mean(gains):+.2f} dB, least {min(gains):+.2f}\n")
        print("| figure | before | after |\n| --- | --- | --- |")
        self._row("engine, fps, mean", lambda name: mean(one["engine_fps"] for one in runs[name]))
        self._row(
            "post, ms of a core a tick", lambda name: median(one["post_ms"] for one in runs[name])
        )
        # Once the stage has tried what it costs, half of the time without it (resolve/trial.py).
        slow = {
            name: self._run(name, "anime", "turning", 6.0, slowest=1 / 15, settle=25.0)
            for name in self._apps
        }
        print(f"| engine at 15 fps: level | | {slow['after']['level']} |")
        self._row("engine at 15 fps: new pictures", lambda name: slow[name]["new_share"])
        self._row("engine at 15 fps: latency p95, ms", lambda name: slow[name]["latency_p95_ms"])
        for preset in GRAINY:
            self._row(
                f"static flicker, {preset}, of the input's",
                lambda name, p=preset: self._flicker(name, p),
            )

    def _run(self, name, preset, clip, seconds, **when):
        return self._apps[name].run(
            preset=preset,
            clip=str(self._folder / f"{clip}.npy"),
            size=self._size,
            seconds=seconds,
            into=str(self._folder / f"{name}.npz"),
            **when,
        )

    def _compare(self, preset, seen):
        from streamcam.resolve.measures import fidelity_db, sharpness

        wanted = {index for _, newest in seen.values() for index in newest}
        ideal = ideals(preset, self._frames, self._size, wanted)
        figures = {}
        for name, (pictures, newest) in seen.items():
            best = [ideal[index] for index in newest]
            figures[name] = fidelity_db(pictures, best), sharpness(pictures, best)
        (db, sharp), (other_db, other_sharp) = figures["before"], figures["after"]
        print(
            f"| {preset} | {db:.1f} | {other_db:.1f} | {sharp:.2f} | {other_sharp:.2f} |",
            flush=True,
        )
        return other_db - db

    def _flicker(self, name, preset):
        from streamcam.resolve.measures import static_flicker

        self._run(name, preset, "still", 4.0)
        with np.load(self._folder / f"{name}.npz") as kept:
            shown = static_flicker(list(kept["pictures"]))
        return shown / static_flicker(list(np.load(self._folder / "still.npy")))

    def _row(self, title, figure):
        before, after = (figure(name) for name in ("before", "after"))
        print(f"| {title} | {before:.2f} | {after:.2f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
    else:
        main()
