"""One of each fault in a live run: viewers always see a picture, never the raw one.

The long runs are in tests/benchmarks/README.md; this is the same program, for a minute or two.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SOAK = Path(__file__).parents[1] / "benchmarks" / "fault_soak.py"
FPS = 30


@pytest.mark.parametrize(("engine", "every"), [("null", 3), ("nano", 5)])
def test_every_fault_once(engine: str, every: int, tmp_path: Path) -> None:
    report_file = tmp_path / "report.json"
    flags = ["--engine", engine, "--every", str(every), "--minutes", "0.1", "--fps", str(FPS)]
    run = subprocess.run(
        [sys.executable, str(SOAK), *flags, "--json", str(report_file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(report_file.read_text())
    print(report)
    assert len(report["faults"]) == len(report["longest gap, ticks"]) - 1 == 10
    assert report["not recovered"] == []
    assert report["raw pictures"] == 0
    assert report["ticks with a card"] > 0
    # A busy machine misses ticks; a second without one is an output that stood still.
    assert max(report["longest gap, ticks"].values()) < FPS
    assert report["threads at the end"] == []
