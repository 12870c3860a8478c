"""`streamcam doctor` as a process: lines for people, JSON for programs, a bundle, an exit code."""

import json
import zipfile

from streamcam import doctor
from streamcam.cli import main
from streamcam.doctor import Finding

WELL = [
    Finding("machine", "Python", "ok", "3.11"),
    Finding("source", "camera", "note", "none", "plug one in"),
]
ILL = [*WELL, Finding("virtual camera", "virtual camera", "problem", "none", "sudo modprobe x")]


def test_this_machine_as_lines_and_as_json(command, tmp_path):
    done = command("doctor")
    told = command("doctor", "--json", "--bundle", "report.zip")
    findings = json.loads(told.stdout)
    assert done.stderr == told.stderr == ""
    ill = any(one["state"] == "problem" for one in findings)
    assert done.returncode == told.returncode == int(ill)
    lines = done.stdout.splitlines()
    assert lines[0] == "Machine"
    assert any(line.startswith("  ✓ embedded model") for line in lines)
    with zipfile.ZipFile(tmp_path / "report.zip") as bundle:
        assert len(json.loads(bundle.read("doctor.json"))) == len(findings)


def test_a_healthy_machine(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", lambda: WELL)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Machine",
        "  ✓ Python  3.11",
        "Source",
        "  ! camera  none",
        "            → plug one in",
        "Everything that a run needs is here.",
    ]


def test_a_machine_that_lacks_something(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", lambda: ILL)
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  ✗ virtual camera  none" in lines
    assert lines[-1].startswith("No picture gets into a virtual camera yet")


def test_a_bundle_that_cannot_be_written(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").touch()  # no user, root included, can write below a file
    place = tmp_path / "file" / "report.zip"
    monkeypatch.setattr(doctor, "examine", lambda: WELL)
    assert main(["doctor", "--bundle", str(place)]) == 2
    assert f"{place} cannot be written" in capsys.readouterr().err
