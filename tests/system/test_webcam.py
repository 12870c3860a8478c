"""A webcam as the source, and its unplugging: what in_guest/webcam.py saw."""

from pathlib import Path

import av
import pytest
from guest_machine import seen_in

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
FPS = 10
BARS = [  # BGR, of the driver's test picture
    [191, 191, 191],
    [0, 191, 191],
    [191, 191, 0],
    [0, 191, 0],
    [191, 0, 191],
    [0, 0, 191],
    [191, 0, 0],
    [0, 0, 0],
]
COLOUR_TOLERANCE = 10


@pytest.fixture(scope="module")
def seen(job: Path) -> dict:
    return seen_in(job, "webcam")


def same(bars: list, expected: list) -> bool:
    return all(
        abs(value - wanted) <= COLOUR_TOLERANCE
        for bar, colour in zip(bars, expected, strict=True)
        for value, wanted in zip(bar, colour, strict=True)
    )


def test_its_colours_reach_the_virtual_camera(seen) -> None:
    assert same(seen["bars"], BARS), seen["bars"]


def test_its_colours_reach_a_recording(seen, job: Path) -> None:
    with av.open(str(job / "webcam.mkv")) as film:
        picture = next(film.decode(video=0)).to_ndarray(format="bgr24")
    height, width = picture.shape[:2]
    bars = [picture[height // 2, width * (2 * bar + 1) // 16].tolist() for bar in range(8)]
    assert same(bars, BARS), bars


def test_held_by_another_program_it_is_refused_and_the_program_named(seen) -> None:
    """The driver answers EBUSY, and OpenCV 5.0 says no more than that it did not open."""
    held = seen["held"]
    step = f"v4l2-ctl ({held['pid']}) uses it"
    assert held["start"]["code"] == 2
    (line,) = held["start"]["errors"]
    assert step in line
    assert line.endswith(f"close v4l2-ctl ({held['pid']}), or use --source screen.")
    assert held["doctor"]["state"] == "note"
    assert held["doctor"]["text"].endswith(step)


def test_unplugged_it_is_named_and_pictures_go_on(seen) -> None:
    (notice,) = [line for line in seen["end"]["said"] if line.startswith("notice: ")]
    assert notice == (
        'notice: camera 10 "vivid-000-vid-cap" was unplugged or stopped delivering; trying again'
    )
    unplugged = seen["unplugged"]
    assert unplugged["seconds"] > 1
    assert 0.4 * FPS < unplugged["ticks"] / unplugged["seconds"] < 1.25 * FPS


def test_plugged_in_again_it_comes_back_by_itself(seen) -> None:
    assert same(seen["mirrored bars"], BARS[::-1]), seen["mirrored bars"]
    assert (seen["end"]["code"], seen["end"]["errors"]) == (0, [])
