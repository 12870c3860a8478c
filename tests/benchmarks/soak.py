"""Runs the real command for minutes and prints memory, threads and rates as a Markdown table.

python tests/benchmarks/soak.py --minutes 10 -- --preset anime --source demo --output null
"""

import argparse
import json
import socket
import subprocess
import sys
import time
import urllib.request

import psutil


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stats(port: int) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/stats", timeout=5) as answer:
        return json.load(answer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("flags", nargs="*", help="flags of the command, after --")
    arguments = parser.parse_args()
    port = free_port()
    seconds = arguments.minutes * 60
    command = [sys.executable, "-m", "streamcam", *arguments.flags, "--port", str(port)]
    command += ["--duration", str(seconds + 60)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    process = psutil.Process(child.pid)
    print("| minute | memory, MB | threads | engine fps | out fps | latency p95, ms | dropped |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    began = time.perf_counter()
    try:
        for row in range(arguments.rows + 1):
            due = began + max(15.0, seconds * row / arguments.rows)  # 15 s: start-up is over
            time.sleep(max(0.0, due - time.perf_counter()))
            now = stats(port)
            print(
                f"| {(time.perf_counter() - began) / 60:.1f} "
                f"| {process.memory_info().rss / 1e6:.1f} | {process.num_threads()} "
                f"| {now['fps_engine']:.1f} | {now['fps_out']:.1f} "
                f"| {now['motion_latency_ms_p95']:.0f} | {now['dropped']} |",
                flush=True,
            )
    finally:
        child.terminate()
        code = child.wait(10)
    print(f"\nexit code {code}")


if __name__ == "__main__":
    main()
