#!/usr/bin/env bash
# OpenVINO 2026.4.1, numpy 2.3.5, CPython 3.11, Linux.
#
# An engineer who has used OpenVINO expects `infer()` to hand the work to its pool and wait, as
# `start_async()` and `wait()` do, only in one call. On the CPU it does not: with `infer()` the
# calling thread is one of the workers and does its share of the multiplications; with
# `start_async()` it does none of them. And the pool has no priority of its own: on Linux it
# inherits the nice value of the thread that called `compile_model`, for good.
#
# So a program that keeps time can lower the model's threads without a privilege and without
# lowering the thread that asks for pictures: compile on a thread that was made nicer, and run
# asynchronously. With `infer()` that does not work, since half of the work stays on the caller.
#
# Seen (2 cores, busy with other work): 73 % of the CPU time on the caller with infer, 1 % with
# start_async; the pool at nice 7, the caller at nice 0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q openvino==2026.4.1 numpy==2.3.5
OPENVINO_TELEMETRY=0 "$work/venv/bin/python" - <<'PYTHON'
import os
import threading
import time

import numpy as np
import openvino as ov
from openvino import opset13 as ops

x = ops.parameter([1, 64, 128, 128], np.float32, name="x")
y = x
for seed in range(8):
    weights = np.random.default_rng(seed).normal(size=(64, 64, 3, 3)).astype(np.float32) / 24
    y = ops.convolution(y, weights, [1, 1], [1, 1], [1, 1], [1, 1])
model = ov.Model([y], [x])

before = set(os.listdir("/proc/self/task"))
found = {}


def compile_nicely():
    os.setpriority(
        os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + 7
    )
    config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 2}
    found["model"] = ov.Core().compile_model(model, "CPU", config)


thread = threading.Thread(target=compile_nicely)
thread.start()
thread.join()
request = found["model"].create_infer_request()
frame = np.ones((1, 64, 128, 128), np.float32)


def asynchronously():
    request.start_async([frame])
    request.wait()


def callers_share(run):
    run()
    own, everybody = time.thread_time(), time.process_time()
    for _ in range(30):
        run()
    return (time.thread_time() - own) / (time.process_time() - everybody)


shares = {"infer": callers_share(lambda: request.infer([frame])), "start_async": callers_share(asynchronously)}


def cpu_seconds(task):
    with open(f"/proc/self/task/{task}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


workers = [task for task in set(os.listdir("/proc/self/task")) - before if cpu_seconds(task) > 0.1]
nice = {os.getpriority(os.PRIO_PROCESS, int(task)) for task in workers}
print("share of the CPU time on the calling thread:", {k: f"{v:.0%}" for k, v in shares.items()})
print("nice values of the pool's working threads:", nice, "- the caller's:", os.getpriority(os.PRIO_PROCESS, 0))
assert shares["infer"] > 0.3, "infer() does not compute on the caller any more"
assert shares["start_async"] < 0.05, "start_async() computes on the caller now"
assert nice == {os.getpriority(os.PRIO_PROCESS, 0) + 7}, "the pool has another priority now"
PYTHON
