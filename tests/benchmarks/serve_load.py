"""Many laptops at one server: are they served alike, and does its memory stay?

    python tests/benchmarks/serve_load.py [--laptops 50] [--fps 5] [--seconds 600]

Starts `streamcam serve` on the null engine, with Ray, and that many laptops in this process. Each
sends a frame when it is due and the one before has been answered, as `streamcam --engine` does.
Prints each laptop's rate and answer time at the extremes, max/min of the rates, and the memory of
all the server's processes along the way. Needs the extra `serve`.
"""

import argparse
import asyncio
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import websockets

from streamcam.remote.wire import PATH, TOKEN_HEADER, Codec, Hello, Made, Sent, pack, unpack

SIZE, PORT = (256, 144), 8798
VALUES = {"strength": 0.5, "guidance": 1.0, "delta": 1.0, "seed": 2, "prompt": "a", "negative": ""}


class Laptop:
    def __init__(self, number, fps):
        self.number, self.fps = number, fps
        self.times, self.missed = [], 0
        picture = np.random.default_rng(number).integers(0, 256, (9, 16, 3), np.uint8)
        drawn = cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC)
        self.jpeg = cv2.imencode(".jpg", drawn)[1].tobytes()
        self.values = json.dumps(VALUES | {"prompt": f"laptop {number}"}).encode()

    async def run(self, token, seconds, everybody):
        url, key = f"ws://127.0.0.1:{PORT}{PATH}", {TOKEN_HEADER: token}
        async with websockets.connect(url, additional_headers=key, open_timeout=120) as socket:
            await socket.send(Hello(fps=self.fps, least_fps=self.fps).model_dump_json())
            assert "refused" not in (answer := await socket.recv()), answer
            await everybody.wait()
            await asyncio.sleep(self.number / 50 / self.fps)  # not all at once
            ends = time.perf_counter() + seconds
            due = time.perf_counter()
            while (now := time.perf_counter()) < ends:
                await asyncio.sleep(max(due - now, 0))
                due = max(due + 1 / self.fps, time.perf_counter())
                began = time.perf_counter()
                number = len(self.times) + self.missed
                await socket.send(pack(Sent(number, began, self.values, Codec.JPEG, self.jpeg)))
                if isinstance(unpack(await socket.recv()), Made):
                    self.times.append(time.perf_counter() - began)
                else:
                    self.missed += 1


def memory(process):
    """MB of a process and all below it; shared pages count for each."""
    found = [process, *process.children(recursive=True)]
    return sum(one.memory_info().rss for one in found if one.is_running()) / 1e6


async def load(arguments, token, process):
    laptops = [Laptop(number, arguments.fps) for number in range(arguments.laptops)]
    everybody = asyncio.Barrier(arguments.laptops + 1)
    tasks = [asyncio.create_task(one.run(token, arguments.seconds, everybody)) for one in laptops]
    await everybody.wait()
    print(f"{len(laptops)} laptops admitted, {arguments.fps:g} frames a second each", flush=True)
    every = arguments.seconds / 6
    for part in range(6):
        await asyncio.sleep(every)
        print(f"{(part + 1) * every:5.0f} s: {memory(process):.0f} MB", flush=True)
    await asyncio.gather(*tasks)
    rates = [len(one.times) / arguments.seconds for one in laptops]
    times = sorted(took for one in laptops for took in one.times)
    print(f"rates: {min(rates):.2f} to {max(rates):.2f}, max/min {max(rates) / min(rates):.3f}")
    median, late = statistics.median(times), times[int(0.95 * len(times))]
    print(f"answers: median {median * 1e3:.0f} ms, 95 % within {late * 1e3:.0f} ms")
    print(f"missed: {sum(one.missed for one in laptops)} of {len(times)} answers")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--laptops", type=int, default=50)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=600.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "serve.toml"
        config.write_text(
            f'backend = "null"\nsize = "{SIZE[0]}x{SIZE[1]}"\nport = {PORT}\nseats = 64\n'
        )
        server = subprocess.Popen(
            [sys.executable, "-m", "streamcam", "serve", "--config", str(config)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            token = None
            for line in server.stdout:
                print(line, end="")
                if found := re.search(r"STREAMCAM_TOKEN=(\S+)", line):
                    token = found[1]
                    break
            asyncio.run(load(arguments, token, psutil.Process(server.pid)))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)


if __name__ == "__main__":
    main()
