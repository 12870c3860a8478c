"""What OBS records: a clap is heard when it is seen, once `streamcam obs` has set the sync offset.

OBS says that it has one before it does anything to the sound, so nothing else proves it.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

import av
import numpy as np
import pytest
import sound_and_light
from obs_studio import ObsStudio
from pipewire_session import Session
from real_command import Command, wait_until
from sound_and_light import PERIOD, clapping
from virtual_display import VirtualDisplay

pytestmark = pytest.mark.system

WIDTH, HEIGHT = sound_and_light.SIZE
SECONDS = 10.0  # of film
NOTICED = 0.045  # seconds that sound may be early before people notice (ITU-R BT.1359)
TRIES = 4  # a busy machine can hold a picture up on its way to OBS


@pytest.fixture
def sounding(session: Session, display: VirtualDisplay, tmp_path: Path) -> Iterator[ObsStudio]:
    """OBS that hears the claps, and sees nothing yet."""
    session.start_pulse()
    with clapping(session):
        server = f"unix:{session.folder}/pulse/native"
        made = ObsStudio(display.name, tmp_path / "obs", PULSE_SERVER=server)
        made.set_canvas(320, 180)
        wait_until(lambda: made.sync_offset("Mic/Aux") == 0, "OBS's own microphone")
        made.change("Mic/Aux", device_id="claps")
        yield made
        made.close()


@pytest.fixture
def camera(launch, folder: Path) -> Command:
    """The program, whose camera sees the claps."""
    (folder / "look.toml").write_text(sound_and_light.PRESET)
    arguments = ("--preset", "look.toml", "--source", "demo", "--output", "null")
    return launch(*arguments, program=(sound_and_light.__file__, "camera")).live()


@pytest.fixture
def control(launch, folder: Path, sounding: ObsStudio) -> Callable[..., Command]:
    """`streamcam obs ARGUMENTS`."""
    runtime = folder.with_name(f"{folder.name}-home") / "run"

    def start(*arguments: str) -> Command:
        return launch("obs", *arguments, HOME=str(sounding.home), XDG_RUNTIME_DIR=str(runtime))

    return start


def error(film: Path) -> float:
    """How much later the sound is than the light, in seconds; the median."""
    lights, sounds = _lights(film), np.array(_sounds(film))
    found = [float(sounds[np.argmin(abs(sounds - light))] - light) for light in lights]
    print([round(1000 * one) for one in found])
    return median(one for one in found if abs(one) < PERIOD / 2)


def _lights(film: Path) -> list[float]:
    with av.open(str(film)) as opened:
        pictures = [(p.time, p.to_ndarray(format="gray").mean()) for p in opened.decode(video=0)]
    return [after[0] for before, after in pairwise(pictures) if before[1] < 128 <= after[1]]


def _sounds(film: Path) -> list[float]:
    found: list[float] = []
    with av.open(str(film)) as opened:
        for block in opened.decode(audio=0):
            loud = np.nonzero(abs(block.to_ndarray()).max(0) > 0.1)[0]
            begins = [block.time + place / block.sample_rate for place in loud]
            for begin in begins:
                if not found or begin - found[-1] > PERIOD / 2:
                    found.append(begin)
    return found


def test_what_is_heard_fits_what_is_seen(
    camera: Command, control, sounding: ObsStudio, tmp_path: Path
) -> None:
    deaf = control("--microphone", "none")
    deaf.until("source: 'streamcam' made")
    wait_until(lambda: sounding.size("streamcam") == (WIDTH, HEIGHT), "the picture")
    before = error(sounding.record(tmp_path, SECONDS))
    assert deaf.stop() == 0
    one = control()
    one.until("audio: 'Mic/Aux'")
    after: list[float] = []
    while not after or abs(after[-1]) > NOTICED:
        assert len(after) < TRIES, f"{before} before, {after} after"
        after.append(error(sounding.record(tmp_path, SECONDS)))
    print(
        f"A/V error in OBS's film: {1000 * before:.0f} ms before, {1000 * after[-1]:.0f} ms after, "
        f"sync offset {sounding.sync_offset('Mic/Aux')} ms"
    )
    assert before < -NOTICED, "the picture is not late enough to tell"
    assert one.stop() == 0
    assert sounding.sync_offset("Mic/Aux") == 0
