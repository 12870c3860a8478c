"""What a second engine of a model costs beside the first: seconds and memory. Needs no GPU.

`python tests/benchmarks/second_engine.py [--model sd-turbo-random] [--backend torch]` builds two
sizes of a model one after the other in a process of its own, on the processor. A build ends with
one run of the step, which there takes as long as a frame: seconds, where a card takes milliseconds.
So the time of a frame is shown, and the loading is what remains without it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

import psutil
from platformdirs import user_cache_path

SIZES = ((128, 128), (192, 128))
_LOOK = 0.02  # seconds between looks at the memory


class Most:
    """The most memory of this process so far, in GiB; looked at by a thread."""

    def __init__(self) -> None:
        self.value = 0.0
        self._stop = Event()
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        process = psutil.Process()
        while not self._stop.wait(_LOOK):
            self.value = max(self.value, process.memory_info().rss / 2**30)

    def stop(self) -> float:
        self._stop.set()
        self._thread.join()
        return self.value


def measure(model: str, backend: str) -> list[dict[str, float]]:
    from engines.api import EngineSpec
    from engines.bench.random_model import SD_TURBO, SDXS, random_model
    from engines.build import build
    from streamcam.provision.size.fitting import frame_seconds

    known = {"sd-turbo-random": SD_TURBO, "sdxs-random": SDXS}
    if model in known:
        root = user_cache_path("streamcam", appauthor=False) / "models"
        model = str(random_model(model, known[model], root, print))
    engines, found = [], []
    for width, height in SIZES:
        most, began = Most(), perf_counter()
        spec = EngineSpec(model=model, width=width, height=height, backend=backend, device="cpu")
        engines.append(build(spec))
        seconds = perf_counter() - began
        frame = frame_seconds(engines[-1])
        held = psutil.Process().memory_info().rss / 2**30
        found.append({"seconds": seconds, "frame": frame, "most": most.stop(), "held": held})
    for engine in engines:
        engine.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="sd-turbo-random")
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(measure(asked.model, asked.backend)))
        return
    flags = ["--child", "--model", asked.model, "--backend", asked.backend]
    command = [sys.executable, str(Path(__file__)), *flags]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    one, two = json.loads(answer.stdout.splitlines()[-1])
    loads = [each["seconds"] - each["frame"] for each in (one, two)]
    for name, each, load in zip(("first", "second"), (one, two), loads, strict=True):
        print(
            f"{name}: {each['seconds']:.1f} s, {load:.1f} without a frame of {each['frame']:.1f}; "
            f"{each['held']:.2f} GiB held, {each['most']:.2f} at most"
        )
    print(
        f"the second loads {loads[0] / max(loads[1], 1e-3):.1f} times as fast; two engines hold "
        f"{two['held'] / one['held']:.2f} of one, {two['most'] / one['most']:.2f} at most"
    )


if __name__ == "__main__":
    main()
