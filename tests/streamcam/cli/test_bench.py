"""`streamcam bench --json`: the real command prints one object with every figure."""

import json
import subprocess
import sys

import pytest

FIGURES = {
    "engine_ms_p50", "engine_ms_p95", "networks_ms", "engine_fps", "first_frame_s", "peak_share",
    "rss_mb",
}  # fmt: skip
LIVE = {
    "app_fps", "fidelity_db", "motion_latency_ms_p50", "motion_latency_ms_p95",
    "style_latency_ms_p50", "style_latency_ms_p95", "new_picture_share", "warp_error",
    "static_flicker", "resolve_ms_p50",
}  # fmt: skip


def bench(*flags):
    command = [sys.executable, "-m", "streamcam", "bench", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


@pytest.mark.slow
def test_json_is_the_only_output_and_complete():
    done = bench("--json", "--size", "144x128", "--steps", "2", "--seconds", "6")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report.keys() >= FIGURES | {"size", "steps", "model", "backend", "precision", "device"}
    assert report.keys() >= LIVE | {f"{name}_off" for name in LIVE}
    assert report["resolve_ms_p50_off"] == 0
    assert report["mask_ms"] == 0, "without [mask] there is nothing to pay for"
    for figure in FIGURES | LIVE | {f"{name}_off" for name in LIVE - {"resolve_ms_p50"}}:
        assert report[figure] > 0, figure
    assert (report["size"], report["steps"], report["backend"]) == ("144x128", 2, "openvino")
    assert report["engine_ms_p50"] <= report["engine_ms_p95"]
    ratio = report["app_fps"] / report["engine_fps"]
    assert report["app_to_engine"] == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--seconds", "1"), "--seconds 1 is not allowed"),
        (("--steps", "99"), "steps 99 must be from 1 to 8"),
        (("--precision", "int3"), "'int3'"),
        (("--backend", "null"), "'null'"),
        (("--peer", "streamdifusion"), "Known: diffusers, streamdiffusion"),
    ],
)
def test_bad_flags_are_one_line(flags, said):
    done = bench(*flags)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
