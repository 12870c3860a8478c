"""A machine that lacks what a compiled library needs gets one line instead of a traceback."""

import os
import subprocess
import sys

import pytest

LIBGL = "ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
DLL = "ImportError('DLL load failed while importing cv2: The specified module could not be found.')"
OLD = (  # NumPy 2.4.6, seen under qemu-x86_64 -cpu Penryn
    "RuntimeError('NumPy was built with baseline optimizations: \\n(X86_V2) but your machine "
    "doesn\\'t support:\\n(X86_V2).')"
)


@pytest.mark.parametrize(
    ("module", "raises", "fix"),
    [
        ("cv2", LIBGL, "libgl1"),
        ("cv2", DLL, "vc_redist.x64.exe"),
        ("openvino", DLL, "vc_redist.x64.exe"),
        ("numpy", OLD, "take a machine with an Intel processor"),
    ],
)
@pytest.mark.parametrize("command", [("--source", "demo", "--output", "null"), ("doctor",)])
def test_what_a_machine_lacks_is_one_line_with_the_fix(tmp_path, command, module, raises, fix):
    (tmp_path / f"{module}.py").write_text(f"raise {raises}\n")
    done = subprocess.run(
        [sys.executable, "-m", "streamcam", *command],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    if (module, *command) == ("openvino", "doctor"):  # which goes on to what else there is
        assert [line for line in done.stdout.splitlines() if "→" in line and fix in line]
        return
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("streamcam: ")
    assert fix in line
