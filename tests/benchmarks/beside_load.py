"""Runs the real command while other programs keep cores busy, by turns, and prints a table.

python tests/benchmarks/beside_load.py --busy 1 --rounds 5 [--beside CHECKOUT] -- FLAGS

`--beside` takes turns with another checkout of this repository, run by the same Python: the code
before a change. Pictures are counted over a run, after its first seconds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from soak import free_port, stats

HERE = Path(__file__).parents[2]
WARM, EVERY, SAMPLES = 5.0, 2.0, 6  # seconds; rates are means over two seconds each
BUSY = """
import sys, time
end = time.perf_counter() + float(sys.argv[1])
while time.perf_counter() < end:
    pass
"""


def wait_until_live(port: int) -> None:
    for _ in range(600):
        try:
            if stats(port)["frames_out"]:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("no picture within a minute")


def run(checkout: Path, flags: list[str], busy: int, folder: Path) -> dict[str, float]:
    """Means of one run: engine and new pictures out a second, latency in ms."""
    port = free_port()
    command = [sys.executable, "-m", "streamcam", *flags, "--port", str(port)]
    if not any(flag.startswith("--output") for flag in flags):
        command += ["--output", str(folder / "out.mp4")]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    child = subprocess.Popen(
        command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    others = []
    try:
        wait_until_live(port)
        seconds = str(WARM + EVERY * SAMPLES + 1)
        # Programs of their own session, as a game or an encoder is: nothing ties them to ours.
        others = [
            subprocess.Popen([sys.executable, "-c", BUSY, seconds], start_new_session=True)
            for _ in range(busy)
        ]
        time.sleep(WARM)
        found = []
        for _ in range(SAMPLES):
            time.sleep(EVERY)
            found.append(stats(port))
    finally:
        for other in others:
            other.kill()
            other.wait()
        child.terminate()
        child.wait(30)
    return {
        name: statistics.mean(figure(one, name) for one in found)
        for name in ("fps_engine", "fps_out", "latency_ms_p50", "latency_ms_p95")
    }


def figure(stats: dict[str, float], name: str) -> float:
    """Code from before the resolve stage has one latency; after it, that of motion is meant."""
    return stats.get(f"motion_{name}", stats.get(name, 0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, default=1, help="programs that keep a core busy each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("flags", nargs="*", help="flags of the command, after --")
    arguments = parser.parse_args()
    checkouts = {"this": HERE}
    if arguments.beside:
        checkouts["other"] = arguments.beside.resolve()
    rounds = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for name, checkout in checkouts.items():
                found = run(checkout, arguments.flags, arguments.busy, Path(folder))
                rounds[name].append(found)
                print(name, {key: round(value, 1) for key, value in found.items()}, flush=True)
    print("\n| code | engine | new pictures out | out / engine | latency p50 | p95 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, found in rounds.items():
        engine, out, p50, p95 = (
            statistics.median(one[key] for one in found)
            for key in ("fps_engine", "fps_out", "latency_ms_p50", "latency_ms_p95")
        )
        share = statistics.median(one["fps_out"] / one["fps_engine"] for one in found)
        print(f"| {name} | {engine:.1f} | {out:.1f} | {share:.2f} | {p50:.0f} | {p95:.0f} |")


if __name__ == "__main__":
    main()
