"""What a TensorRT engine costs to build: seconds, most memory, size. Needs no GPU.

`python tests/benchmarks/build_plans.py -- --size 512x512 --model sd-turbo-random` runs
`streamcam build` with those flags in an empty cache, twice: first with the model's graphs to
write, then with them kept and the engine to build alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

import psutil
from platformdirs import user_cache_path

_LOOK = 0.02  # seconds between looks at the memory


def build(flags: list[str], cache: Path) -> tuple[float, float, str]:
    """Seconds, GiB at the most in one process, and the last line that the command said."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-m", "streamcam", "build", *flags]
    began = perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    watched, most = psutil.Process(process.pid), 0
    while process.poll() is None:
        for child in watched.children(recursive=True):
            try:
                most = max(most, child.memory_info().rss)
            except psutil.NoSuchProcess:
                continue
        sleep(_LOOK)
    assert process.stdout is not None
    said = process.stdout.read().splitlines()[-1]
    if process.returncode:
        sys.exit(process.returncode)
    return perf_counter() - began, most / 2**30, said


def main() -> None:
    flags = [flag for flag in sys.argv[1:] if flag != "--"]
    with TemporaryDirectory() as folder:
        cache = Path(folder)
        models = user_cache_path("streamcam", appauthor=False) / "models"
        if models.is_dir():  # random weights need not be written again
            (cache / "streamcam").mkdir()
            (cache / "streamcam" / "models").symlink_to(models)
        for what in ("with its graphs", "alone"):
            seconds, most, said = build(flags, cache)
            print(f"{what}: {seconds:.1f} s, at most {most:.2f} GiB; {said}", flush=True)
            shutil.rmtree(cache / "streamcam" / "tensorrt")


if __name__ == "__main__":
    main()
