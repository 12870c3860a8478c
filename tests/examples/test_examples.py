"""Each example is a program that somebody copies: it runs as it stands, from any folder."""

import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

HERE = Path(__file__).parent
PHOTO = HERE.parent / "data" / "photo.jpg"


def run(example: str, *arguments: str, folder: Path) -> str:
    command = [sys.executable, str(HERE / example), *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_engine_alone(tmp_path: Path) -> None:
    run("restyle_picture.py", str(PHOTO), "neon.png", "cyberpunk, neon lights", folder=tmp_path)
    restyled, photo = cv2.imread(str(tmp_path / "neon.png")), cv2.imread(str(PHOTO))
    assert restyled.shape == (256, 448, 3)
    change = cv2.absdiff(restyled, cv2.resize(photo, (448, 256)))
    assert change.mean() > 20, "neon is not the photo"
    assert restyled.std() > 20, "and no empty picture"


@pytest.mark.slow
def test_a_source_of_your_own(tmp_path: Path) -> None:
    said = run("own_source.py", "waves.mp4", "sketch", folder=tmp_path)
    assert "source: waves" in said
    with av.open(str(tmp_path / "waves.mp4")) as film:
        pictures = [picture.to_ndarray(format="rgb24") for picture in film.decode(video=0)]
    assert len(pictures) == 300
    assert pictures[0].shape == (360, 640, 3)
    assert max(np.ptp(picture, axis=2).mean() for picture in pictures[::50]) < 40, (
        "a drawing is grey"
    )


@pytest.mark.slow
def test_a_sink_of_your_own(tmp_path: Path) -> None:
    said = run("own_sink.py", "2", folder=tmp_path)
    assert "output: lamp" in said
    count = int(said.splitlines()[-1].split()[0])
    assert count > 5
