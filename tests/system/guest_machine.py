"""A machine with video drivers of its own: Linux in QEMU, on this machine's files. See guest/."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
_SCRIPTS = Path(__file__).with_name("guest")
# What the guest and the programs in it are made of, all from the packages of .ci/packages.
_PROGRAMS = ("qemu-system-x86_64", "modprobe", "cpio", "gcc-12", "make", "ffmpeg", "v4l2-ctl")
_INSTALL = "apt-get install -y --no-install-recommends $(cat .ci/packages)"
_LONGEST = 600.0  # seconds on a busy machine; pytest's own limit tells less


@dataclass(frozen=True, slots=True)
class Result:
    """How a job in the guest ended: its exit code, what it and the kernel said, seconds."""

    code: int
    output: str
    seconds: float


def require_programs() -> None:
    """Fail the test, with what to do, where a program is missing."""
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        pytest.fail(f"{', '.join(missing)}: not installed. Run: {_INSTALL}", pytrace=False)


def build(folder: Path) -> Path:
    """The folder with the built guest: in $STREAMCAM_GUEST if that is set, where it is kept until
    what it is made of changes, else in `folder`."""
    made_of = b"".join((_SCRIPTS / name).read_bytes() for name in ("build.sh", "init"))
    digest = hashlib.sha256(made_of).hexdigest()[:12]
    kept = Path(os.environ.get("STREAMCAM_GUEST") or folder) / digest
    if not (kept / "initramfs.gz").exists():
        done = _run([str(_SCRIPTS / "build.sh"), str(kept)])
        assert done.returncode == 0, done.stdout
    return kept


def run_in_guest(guest: Path, job: Path, script: str, drivers: Mapping[str, str]) -> Result:
    """Start the guest, load `drivers` (parameters by name), and run `script` there, in bash.

    job  a folder that the guest has under the same path and writes to; all else is read only
    """
    (job / "run").write_text(script)
    (job / "drivers").write_text("".join(f"{name} {with_}\n" for name, with_ in drivers.items()))
    begin = time.perf_counter()
    done = _run([str(_SCRIPTS / "boot.sh"), str(guest), str(job)])
    return Result(done.returncode, done.stdout, time.perf_counter() - begin)


def seen_in(job: Path, scene: str) -> dict:
    """What a scene saw; fails with its traceback if it did not get to its end."""
    seen = json.loads((job / f"{scene}.json").read_text())
    if "failed" in seen:
        pytest.fail(seen["failed"], pytrace=False)
    return seen


def _run(command: list[str]) -> subprocess.CompletedProcess:
    """Run it to its end, or end it with all that it started; what it said, in a file, so that a
    child which keeps the stream open holds up nobody."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PATH": _path()},
            start_new_session=True,
        )
        try:
            code = process.wait(_LONGEST)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
        said.seek(0)
        return subprocess.CompletedProcess(command, code, said.read())


def _path() -> str:
    """With the folders of system programs, which not every user's path has."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
