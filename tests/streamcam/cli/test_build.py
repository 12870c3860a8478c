"""`streamcam build` as people run it: builds without a GPU, keeps, shows, mends and deletes."""

import json
import os
import re
import subprocess
import sys

import pytest


@pytest.fixture
def build(tmp_path):
    """Call with flags: the finished process. Its cache is the test's own."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*flags):
        return subprocess.run(
            [sys.executable, "-m", "streamcam", "build", *flags],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=120,
        )

    return run


def lines(done):
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.slow
def test_an_engine_is_built_once_kept_mended_and_deleted(build, tmp_path):
    flags = ("--preset", "anime", "--size", "128x128", "--gpu-arch", "8.9")
    first = lines(build(*flags))
    assert first[0] == "engine: nano, 128x128, S = 1, guidance self"
    assert first[1] == "TensorRT: starting, 0 s"
    assert any(line.startswith("TensorRT: frame step: building engine") for line in first)
    assert first[-1].startswith("ready: ")
    folders = list((tmp_path / "cache" / "streamcam" / "tensorrt").iterdir())
    (folder,) = (one for one in folders if str(one) in first[-1])
    assert len(folders) == 2

    again = lines(build(*flags))
    assert len(again) == 2, "nothing is built"

    listed = lines(build("--list"))
    (text,) = (line for line in listed if "text encoder" in line)
    assert text.split("\t")[3].startswith("nano, text encoder, sm89, tensorrt_rtx 1.")
    assert re.match(r"kept: TensorRT engines take 0\.\d of at most 21\.5 GB, OpenVINO", listed[-1])
    (row,) = (line for line in listed if folder.name in line)
    kind, name, size, what = row.split("\t")
    assert (kind, name) == ("tensorrt", folder.name)
    assert int(size.removesuffix(" MB")) > 15
    assert what.startswith("nano, 128x128, S = 1, guidance self, sm89, tensorrt_rtx 1.")

    plan = folder / "frame_step.plan"
    plan.write_bytes(plan.read_bytes()[:1000])
    (row,) = (line for line in lines(build("--list")) if folder.name in line)
    assert "damaged, will be built anew: frame_step.plan has 1000 bytes instead of" in row
    mended = lines(build(*flags))
    assert "is damaged: frame_step.plan has 1000 bytes" in mended[1]
    assert plan.stat().st_size > 15_000_000

    freed = lines(build("--clean"))
    assert freed[0].startswith("cache: ")
    assert lines(build("--list")) == []
    assert not (tmp_path / "cache" / "streamcam").exists()


def test_an_empty_cache(build):
    assert lines(build("--list")) == []
    assert lines(build("--clean"))[0].startswith("cache: 0 MB freed in ")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--gpu-arch", "9.0"), "GPU architecture '9.0': TensorRT-RTX"),
        (("--list", "--clean"), "--list builds nothing and stands alone: leave --clean out."),
        (("--clean", "--preset", "noir"), "--clean builds nothing and stands alone"),
        (("--size", "130x128"), "--size 130x128 is not allowed"),
        (("--preset", "animee"), "Did you mean 'anime'"),
        (("--model", "/no/such"), "no folder on this machine"),
    ],
)
def test_bad_flags_are_one_line(build, flags, said):
    done = build(*flags)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_tensorrt_it_says_what_to_install(build, tmp_path):
    (tmp_path / "tensorrt_rtx.py").write_text("raise ImportError('no library libtensorrt_rtx')")
    done = build()
    assert done.returncode == 2
    assert "pip install 'streamcam[nvidia]'" in done.stderr
    assert "libtensorrt_rtx" in done.stderr


def test_a_model_that_is_written_is_read_from_its_manifest(tmp_path, monkeypatch):
    from engines.artifacts import cache_folder, writing_folder
    from streamcam.provision import prebuild

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    about = {"model": "m", "width": 8, "height": 8, "steps": 2, "guidance_mode": "full",
             "architecture": "sm86", "flavour": "tensorrt", "version": "11"}  # fmt: skip
    with writing_folder(cache_folder("tensorrt") / "abc", about) as folder:
        (folder / "frame_step.plan").write_bytes(b"x" * 1_500_000)
    (one,) = prebuild.kept()
    assert one.about == "m, 8x8, S = 2, guidance full, sm86, tensorrt 11"
    assert one.megabytes == pytest.approx(1.5, abs=0.01)
    assert json.loads((cache_folder("tensorrt") / "abc" / "manifest.json").read_text())["made"]
