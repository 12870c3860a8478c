"""What it would cost to run the engine in a child process: python tests/benchmarks/child_engine.py

The test device, whose engine copies its input, in this process and in a spawned one with the frames
in shared memory; and the embeddings that a crossfade brings with each frame. Milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from engines.api import EngineSpec, Params
from engines.backends.null import NullEngine

SIZES = ((448, 256), (512, 512), (768, 432))
PROMPTS = ((77, 768), (77, 1024), (77, 2048))
FRAMES, PERIOD = 200, 1 / 30


def engine_of(width, height):
    engine = NullEngine(EngineSpec(width=width, height=height))
    return engine, Params(prompt=engine.encode(""), negative=engine.encode(""))


def views(memory, width, height):
    shape, size = (height, width, 3), width * height * 3
    return [np.ndarray(shape, np.uint8, memory.buf, offset) for offset in (0, size)]


def child(name, width, height, pipe, turns):
    """Serve frames until None comes through the pipe: told by `turns`, or by the pipe itself."""
    memory = SharedMemory(name)
    frame, picture = views(memory, width, height)
    engine, params = engine_of(width, height)
    pipe.send_bytes(b"ready")
    while True:
        if turns:
            turns[0].acquire()
        if (not turns or pipe.poll()) and pipe.recv() is None:
            break
        engine.run(frame, params, picture)
        if turns:
            turns[1].release()
        else:
            pipe.send_bytes(b"done")
    del frame, picture
    memory.close()


def said(seconds):
    milliseconds = np.percentile(np.array(seconds) * 1e3, (50, 95))
    return "{:.2f} ({:.2f})".format(*milliseconds)


def in_child(context, width, height, turns):
    memory = SharedMemory(create=True, size=2 * width * height * 3)
    pipe, other = context.Pipe()
    arguments = (memory.name, width, height, other, turns)
    process = context.Process(target=child, args=arguments)
    process.start()
    pipe.recv_bytes()
    frame, picture = views(memory, width, height)
    source, out = np.full_like(frame, 100), np.empty_like(frame)
    seconds = []
    for _ in range(FRAMES):
        time.sleep(PERIOD)
        began = time.perf_counter()
        np.copyto(frame, source)
        if turns:
            turns[0].release()
            turns[1].acquire()
        else:
            pipe.send("frame")
            pipe.recv_bytes()
        np.copyto(out, picture)
        seconds.append(time.perf_counter() - began)
    pipe.send(None)
    if turns:
        turns[0].release()
    process.join()
    del frame, picture
    memory.close()
    memory.unlink()
    return said(seconds)


def in_process(width, height):
    engine, params = engine_of(width, height)
    source, out = np.full((height, width, 3), 100, np.uint8), np.empty((height, width, 3), np.uint8)
    seconds = []
    for _ in range(FRAMES):
        time.sleep(PERIOD)
        began = time.perf_counter()
        engine.run(source, params, out)
        seconds.append(time.perf_counter() - began)
    return said(seconds)


def answer(pipe):
    while pipe.recv() is not None:
        pipe.send_bytes(b"done")


def embeddings(context, shape):
    pipe, other = context.Pipe()
    process = context.Process(target=answer, args=(other,))
    process.start()
    both = [np.zeros(shape, np.float32) for _ in range(2)]
    seconds = []
    for _ in range(FRAMES):
        time.sleep(PERIOD)
        began = time.perf_counter()
        pipe.send(both)
        pipe.recv_bytes()
        seconds.append(time.perf_counter() - began)
    pipe.send(None)
    process.join()
    return said(seconds)


def main():
    context = multiprocessing.get_context("spawn")
    for size in SIZES:
        turns = (context.Semaphore(0), context.Semaphore(0))
        figures = (in_process(*size), in_child(context, *size, turns), in_child(context, *size, ()))
        load = os.getloadavg()[0]
        print("{}x{}: here {}, semaphores {}, pipe {}".format(*size, *figures), f"load {load:.1f}")
    for shape in PROMPTS:
        print("two embeddings {}x{}: {}".format(*shape, embeddings(context, shape)))


if __name__ == "__main__":
    main()
