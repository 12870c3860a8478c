#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93 (its pool: pthreads), numpy 2.3.5, Linux, two cores or more.
#
# OpenCV runs its filters on several threads, and a call from Python releases the interpreter's lock. So an
# engineer who resizes on one thread of a program and warps on another expects both to share the pool.
# But "is this call nested in a parallel region?" is asked of one flag of the whole PROCESS. While any
# thread is inside a parallel region, a call of every other thread counts as nested, and does all of its work
# alone on the thread that called it, however many cores are idle and whatever setNumThreads says.
# So a preview's or a recorder's big filter makes the frame path's calls single-threaded while
# it runs: the time of a call depends on what other threads do, even on a machine with cores to spare.
#
# Seen (4 threads asked for; CPU time of the calling thread as a share of what the work costs on one
# thread): 35 % alone, 98 to 112 % beside a thread that filters.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q opencv-python-headless==5.0.0.93 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import statistics
import threading
import time

import cv2
import numpy as np

random = np.random.default_rng(0)
frame = random.random((1500, 1500), dtype=np.float32)
big = random.random((4000, 4000), dtype=np.float32)
turn = np.float32([[0.9, 0.1, 0], [0.1, 0.9, 0]])


def callers_cpu_seconds():
    turns = []
    for _ in range(40):
        before = time.thread_time()
        cv2.warpAffine(frame, turn, (1500, 1500))
        turns.append(time.thread_time() - before)
    return statistics.median(turns)


callers_cpu_seconds()
cv2.setNumThreads(1)
whole = callers_cpu_seconds()
cv2.setNumThreads(4)
alone = callers_cpu_seconds() / whole

over = threading.Event()


def filter_big():
    while not over.is_set():
        cv2.GaussianBlur(big, (0, 0), 9)


other = threading.Thread(target=filter_big)
other.start()
time.sleep(0.5)
beside = callers_cpu_seconds() / whole
over.set()
other.join()
print(f"OpenCV {cv2.__version__}, {cv2.getNumThreads()} threads: the caller does {alone:.0%} of the work alone, {beside:.0%} beside another thread's filter")
assert alone < 0.75, "the call is not parallel at all"
assert beside > 0.8, "two threads share the pool now"
PYTHON
