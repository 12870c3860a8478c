#!/usr/bin/env bash
# torch 2.13.0 (CPU, OpenMP), CPython 3.11, Linux, two cores or more.
#
# torch.set_num_threads(1) at the start of a program is taken for a setting of the process: the manual says "sets the
# number of threads used for intraop parallelism on CPU". A program of video calls it on the main thread
# so that the engine leaves cores to the camera, and runs the model on a worker thread. There it has no
# effect: a thread that starts later uses all cores, and so does one that runs already.
# Nothing shows it, because the question changes the answer: torch.get_num_threads() on the worker says 1, and
# from this call on a worker that had not worked yet does use one thread. So a program that logs the number behaves,
# and one that does not log it does not.
#
# Seen (share of the CPU time of a convolution that the calling thread did, 2 cores): main thread 100 %;
# worker 50 %; a worker that called torch.get_num_threads() first 100 %.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile torch==2.13.0 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import threading
import time

import torch

frame, weights = torch.randn(1, 64, 128, 128), torch.randn(64, 64, 3, 3)


def own_share():
    """Of the process's CPU time for some convolutions, the part of the calling thread."""
    own, everybody = time.thread_time(), time.process_time()
    for _ in range(20):
        torch.nn.functional.conv2d(frame, weights, padding=1)
    return (time.thread_time() - own) / (time.process_time() - everybody)


found = {}


def on_a_thread(name, run):
    thread = threading.Thread(target=lambda: found.__setitem__(name, run()))
    thread.start()
    return thread


went, set_ = threading.Event(), threading.Event()


def early():
    own_share()
    went.set()
    set_.wait()
    return own_share(), torch.get_num_threads()


running = on_a_thread("worker that ran before", early)
went.wait()
torch.set_num_threads(1)
found["main thread"] = own_share(), torch.get_num_threads()
set_.set()
running.join()
on_a_thread("worker started after", lambda: (own_share(), torch.get_num_threads())).join()
on_a_thread("worker that asked first", lambda: (torch.get_num_threads(), own_share())[::-1]).join()
for name, (share, number) in found.items():
    print(f"{name:24} does {share:4.0%} of its own work, torch.get_num_threads() says {number}")
assert {number for _, number in found.values()} == {1}
for name in ("main thread", "worker that asked first"):
    assert found[name][0] > 0.9, f"{name} uses other threads too"
for name in ("worker that ran before", "worker started after"):
    assert found[name][0] < 0.8, f"{name} follows set_num_threads now"
PYTHON
