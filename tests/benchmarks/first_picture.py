"""Starts the real command of two checkouts by turns, and prints how long its first picture takes.

python tests/benchmarks/first_picture.py OTHER_CHECKOUT [--rounds 7] [-- FLAGS]

Each checkout runs by the Python of its own .venv, if it has one, and with a cache of its own, which
its first start fills. That one is shown apart; the later ones take turns. Wall time is that of the
line "live:" after the command was started; processor time is what the program had used by then,
which other programs disturb less.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from soak import free_port

HERE = Path(__file__).parents[2]
FLAGS = ["--preset", "anime", "--source", "demo", "--output", "out.mp4", "--output", "web"]
TICK = os.sysconf("SC_CLK_TCK")
STEPS = ("preset", "output", "source", "engine", "live")


def start(checkout: Path, flags: list[str], home: Path) -> dict[str, float]:
    """Seconds from one start until each line, and of the processor until the last of them."""
    own = checkout / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    began = time.perf_counter()
    child = subprocess.Popen(
        [python, "-m", "streamcam", *flags, "--port", str(free_port())],
        cwd=home,
        env={**kept, "HOME": str(home), "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found, said = {}, []
    assert child.stdout is not None
    try:
        for line in child.stdout:
            said.append(line)
            step = line.partition(":")[0]
            if step in STEPS:
                found.setdefault(step, time.perf_counter() - began)
            if step == "live":
                figures = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
                found["processor"] = (int(figures[11]) + int(figures[12])) / TICK
                break
    finally:
        child.send_signal(signal.SIGINT)
        child.communicate()
    if "live" not in found:
        raise SystemExit(f"no picture from {checkout}:\n{''.join(said)}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="checkout of the code before a change")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("flags", nargs="*", help="flags of the command, after --")
    arguments = parser.parse_args()
    checkouts = {"this": HERE, "other": arguments.other.resolve()}
    flags = arguments.flags or FLAGS
    rounds = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        homes = {name: Path(folder) / name for name in checkouts}
        for number in range(arguments.rounds + 1):
            for name, checkout in checkouts.items():
                homes[name].mkdir(exist_ok=True)
                found = start(checkout, flags, homes[name])
                print(name, {step: round(value, 2) for step, value in found.items()}, flush=True)
                rounds[name, "first" if number == 0 else "later"].append(found)
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(exist_ok=True)
    columns = [*STEPS, "processor"]
    print(f"\n| start | code | {' | '.join(columns)} |")
    print(f"| --- | --- |{' --- |' * len(columns)}")
    for when in ("first", "later"):
        for name in checkouts:
            median = [
                statistics.median(one[step] for one in rounds[name, when]) for step in columns
            ]
            print(f"| {when} | {name} | {' | '.join(f'{value:.2f} s' for value in median)} |")
        for step in ("live", "processor"):
            pairs = zip(rounds["this", when], rounds["other", when], strict=True)
            ratio = statistics.median(ours[step] / theirs[step] for ours, theirs in pairs)
            print(f"{when} start, {step}: {ratio:.2f} of the other's (median of the turns)")


if __name__ == "__main__":
    main()
