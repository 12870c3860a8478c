"""Runs of the real program beside real drivers and programs. Nothing here is skipped: what is
missing fails the test and says how to install it (debian.py)."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import guest_machine
import numbered_card
import pytest
from in_guest.command import HEIGHT, WIDTH
from obs_studio import ObsStudio
from pipewire_session import Session
from virtual_display import VirtualDisplay

SCENES = ("virtual_camera", "webcam")
_DRIVERS = {
    "v4l2loopback": 'devices=3 video_nr=42,43,44 card_label="OBS Virtual Camera,streamcam,Both" '
    "exclusive_caps=1,1,0",
    "vivid": "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 vid_cap_nr=10",
}
_SCRIPT = """
cd {job}
mkdir -p "$HOME"
export PYTHONPATH={repository}:{programs}:{programs}/..
exec {python} {programs}/main.py {scenes}
"""
_PRESET = """
prompt = "unused"
guidance_mode = "none"
backend = "null"
size = "{size}"
[gate]
policy = "always"
[resolve]
mode = "off"
[output]
size = "{size}"
fps = 10
"""


@pytest.fixture
def session() -> Iterator[Session]:
    """A desktop session with PipeWire, and nothing in it."""
    made = Session()
    yield made
    made.close()


@pytest.fixture
def display() -> Iterator[VirtualDisplay]:
    """An empty screen of 1280x720."""
    made = VirtualDisplay(1280, 720)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def obs(display: VirtualDisplay, tmp_path: Path) -> Iterator[ObsStudio]:
    """OBS Studio, with an empty scene on air."""
    made = ObsStudio(display.name, tmp_path / "obs")
    yield made
    made.close()


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest, built once. See guest_machine."""
    guest_machine.require_programs()
    return guest_machine.build(tmp_path_factory.mktemp("guest"))


@pytest.fixture(scope="session")
def job(guest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all scenes of in_guest/ have been played, in one start of the guest."""
    folder = tmp_path_factory.mktemp("job")
    numbered_card.write(folder / "numbered.mp4", range(1000), (WIDTH, HEIGHT), fps=10)
    # "wide" is the webcam's 320x180 as an engine can render it. To scale pictures would take
    # an emulated machine longer than all the rest.
    for name, size in (("small", "320x240"), ("large", "640x480"), ("wide", "320x176")):
        (folder / f"{name}.toml").write_text(_PRESET.format(size=size))
    script = _SCRIPT.format(
        job=folder,
        repository=guest_machine.REPOSITORY,
        programs=Path(__file__).with_name("in_guest"),
        python=sys.executable,
        scenes=" ".join(SCENES),
    )
    # Compiled here, as an emulated machine takes its time, and would do it in every start.
    sources = [str(guest_machine.REPOSITORY / name) for name in ("streamcam", "engines")]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *sources], check=True)
    result = guest_machine.run_in_guest(guest, folder, script, _DRIVERS)
    print(result.output)
    assert result.code == 0, result.output
    return folder
