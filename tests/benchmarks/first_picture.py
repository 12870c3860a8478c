"""Starts the real command of two checkouts by turns, and prints how long its first picture takes.

python tests/benchmarks/first_picture.py OTHER_CHECKOUT [--rounds 7] [--hold 20] [-- FLAGS]

Each checkout runs by the Python of its own .venv, if it has one, and with a cache of its own, which
its first start fills. That one is shown apart; the later ones take turns. Wall time is that of the
line "live:" after the command was started; processor time is what the program had used by then,
which other programs disturb less.

With --hold every run goes on for so many seconds, counted from the command on. Its rate is then the
mean from the tenth second on, of frames that the engine restyled or the gate spared. What the
engine says is printed: which size was chosen, and when another one took its place.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from soak import free_port, stats

HERE = Path(__file__).parents[2]
FLAGS = ["--preset", "anime", "--source", "demo", "--output", "out.mp4", "--output", "web"]
TICK = os.sysconf("SC_CLK_TCK")
STEPS = ("preset", "output", "source", "engine", "live")
HELD_FROM, EVERY = 10.0, 2.0  # seconds; the page's rates are means over two


def start(checkout: Path, flags: list[str], home: Path, hold: float) -> dict[str, float]:
    """Seconds from one start until each line, and of the processor until the last of them; the
    rate that is held until `hold` seconds have gone by."""
    own = checkout / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    port = free_port()
    began = time.perf_counter()
    child = subprocess.Popen(
        [python, "-m", "streamcam", *flags, "--port", str(port)],
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
        if "live" in found and hold:
            found["rate"] = held_rate(port, began, hold)
    finally:
        child.send_signal(signal.SIGINT)
        said += child.communicate()[0].splitlines(keepends=True)
    if "live" not in found:
        raise SystemExit(f"no picture from {checkout}:\n{''.join(said)}")
    if hold:
        print("".join(f"  {line}" for line in said if line.startswith("engine:")), end="")
    return found


def held_rate(port: int, began: float, hold: float) -> float:
    rates = []
    for number in range(1, round((hold - HELD_FROM) / EVERY) + 1):
        time.sleep(max(0.0, began + HELD_FROM + number * EVERY - time.perf_counter()))
        now = answered(port)
        rates.append(now["fps_engine"] / max(1.0 - now["skipped"], 0.01))
    return statistics.mean(rates)


def answered(port: int) -> dict:
    """The page's figures. Its server is loaded after the picture, which may take long."""
    for _ in range(20):
        with suppress(OSError):
            return stats(port)
    raise SystemExit("the page does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="checkout of the code before a change")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--hold", type=float, default=0.0, help="seconds that every run lasts")
    parser.add_argument("flags", nargs="*", help="flags of the command, after --")
    arguments = parser.parse_args()
    checkouts = {"this": HERE, "other": arguments.other.resolve()}
    flags = arguments.flags or FLAGS
    rounds = defaultdict(list)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        homes = {name: Path(folder) / name for name in checkouts}
        for number in range(arguments.rounds + 1):
            for name, checkout in checkouts.items():
                homes[name].mkdir(exist_ok=True)
                found = start(checkout, flags, homes[name], arguments.hold)
                print(name, {step: round(value, 2) for step, value in found.items()}, flush=True)
                rounds[name, "first" if number == 0 else "later"].append(found)
    show(rounds, [*STEPS, "processor", *(["rate"] if arguments.hold else [])])


def show(rounds: dict[tuple[str, str], list[dict[str, float]]], columns: list[str]) -> None:
    print(f"\n| start | code | {' | '.join(columns)} |")
    print(f"| --- | --- |{' --- |' * len(columns)}")
    for when in ("first", "later"):
        for name in ("this", "other"):
            found = rounds[name, when]
            medians = [statistics.median(one[step] for one in found) for step in columns]
            print(f"| {when} | {name} | {' | '.join(f'{value:.2f}' for value in medians)} |")
        for step in ("live", "processor"):
            pairs = zip(rounds["this", when], rounds["other", when], strict=True)
            ratio = statistics.median(ours[step] / theirs[step] for ours, theirs in pairs)
            print(f"{when} start, {step}: {ratio:.2f} of the other's (median of the turns)")


if __name__ == "__main__":
    main()
