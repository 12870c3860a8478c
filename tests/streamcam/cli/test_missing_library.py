"""A machine without libGL, which OpenCV links to, gets one line instead of a traceback."""

import os
import subprocess
import sys

CV2 = 'raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")\n'


def test_a_missing_libgl_is_one_line_with_the_fix(tmp_path):
    (tmp_path / "cv2.py").write_text(CV2)
    done = subprocess.run(
        [sys.executable, "-m", "streamcam", "--source", "demo", "--output", "null"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 2
    assert "sudo apt install libgl1" in done.stderr
    assert len(done.stderr.splitlines()) == 1
