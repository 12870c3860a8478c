"""The real command and a real v4l2loopback 0.12.7: what in_guest/virtual_camera.py saw."""

from itertools import pairwise
from pathlib import Path

import pytest
from guest_machine import seen_in
from in_guest.command import HEIGHT, WIDTH

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
OBS, OURS, BOTH = "/dev/video42", "/dev/video43", "/dev/video44"
COLOUR_TOLERANCE = 8  # 0 … 255, of two conversions to YUV 4:2:0 and the compression of the source
FPS = 10
STOP_SECONDS = 15.0  # it promises two; emulated, on a busy machine, four were seen


@pytest.fixture(scope="module")
def seen(job: Path) -> dict:
    return seen_in(job, "virtual_camera")


@pytest.mark.parametrize("reader", ["opencv", "ffmpeg", "free one taken"])
def test_another_program_sees_the_pictures_in_order_size_and_colour(seen, reader) -> None:
    pictures = seen[reader]
    assert pictures["size"] == [WIDTH, HEIGHT]
    assert pictures["colour_error"] <= COLOUR_TOLERANCE
    numbers = pictures["numbers"][2:]  # the first come from buffers of any age
    steps = [after - before for before, after in pairwise(numbers)]
    # A busy machine repeats pictures and leaves some out. And the driver's few buffers do not
    # wait for a reader: one that is late finds a later picture in its place.
    assert sum(step < 0 for step in steps) <= 1, numbers
    assert len(set(numbers)) > len(numbers) / 2, numbers
    assert max(steps) < FPS, numbers


def test_pictures_come_at_the_rate_that_was_asked_for(seen) -> None:
    assert 0.4 * FPS < seen["opencv"]["rate"] < 1.1 * FPS  # less on a busy machine, never more


@pytest.mark.parametrize("run", ["first", "second", "third", "fourth"])
def test_a_run_on_a_device_that_was_used_before_ends_as_well_as_the_first(
    seen, run, record_property
) -> None:
    end = seen[f"{run} end"]
    record_property("seconds to stop", end["seconds"])
    assert (end["code"], end["errors"]) == (0, [])
    assert end["said"][-1].startswith("done: ")
    assert end["seconds"] < STOP_SECONDS


def test_doctor_tells_what_devices_do_during_a_run(seen) -> None:
    found = seen["doctor during a run"]
    assert found[OBS]["text"] == "OBS Virtual Camera: free"
    assert found[OURS]["text"].startswith("streamcam: shows a picture; open in ")
    assert found[BOTH]["state"] == "note"
    assert "exclusive_caps=0" in found[BOTH]["text"]
    assert {found[name]["topic"] for name in (OBS, OURS, BOTH)} == {"virtual camera"}
    webcam = found["camera:10"]
    assert webcam["state"] == "ok"
    assert webcam["text"].startswith(
        "vivid-000-vid-cap, /dev/video10: "
        "3840x2160 YUYV 2 fps, 1920x1080 YUYV 5 fps, 1280x720 YUYV 12.5 fps, 640x480 YUYV 25 fps"
    )
    assert not [name for name in found if name in ("camera:42", "camera:43", "camera:44")]


def test_doctor_tells_a_device_that_is_stuck_and_who_has_another(seen) -> None:
    found = seen["doctor after a run"]
    assert found[OURS]["state"] == "note"
    assert found[OURS]["text"].startswith("streamcam: forgot what it is when its last writer left")
    assert found[OURS]["fix"] == "streamcam frees it when it starts"
    assert "shows a picture; open in ffmpeg (" in found[OBS]["text"]


def test_devices_lists_webcam_and_outputs_but_no_virtual_camera_as_a_source(seen) -> None:
    listed = [line.split("\t") for line in seen["devices"]["said"]]
    assert ["camera:10", "vivid-000-vid-cap", "/dev/video10"] in listed
    assert [line[0] for line in listed if line[0].startswith("camera:")] == ["camera:10"]
    for path, label in ((OBS, "OBS Virtual Camera"), (OURS, "streamcam"), (BOTH, "Both")):
        assert [f"virtualcam:{path}", f'the virtual camera "{label}"'] in listed


def test_our_camera_is_refused_as_a_source_of_another_run(seen) -> None:
    assert len(seen["sources refused"]) == 8
    for source, end in seen["sources refused"].items():
        assert end["code"] == 2, (source, end)
        assert "is streamcam's own output, not a source" in end["errors"][0], source


def test_a_run_is_refused_that_would_film_itself(seen) -> None:
    assert len(seen["films itself"]) == 5
    for source, end in seen["films itself"].items():
        (line,) = end["errors"]
        assert end["code"] == 2, source
        assert "is the virtual camera that this run sends to" in line, source


def test_another_program_s_device_is_refused_by_path_link_and_label(seen) -> None:
    assert len(seen["outputs refused"]) == 4
    for output, end in seen["outputs refused"].items():
        (line,) = end["errors"]
        assert end["code"] == 2, (output, end)
        assert "is taken: another program sends pictures to it" in line


def test_the_free_device_is_taken_and_named(seen) -> None:
    said = seen["second end"]["said"]
    assert any("output chosen" in line and "'streamcam'" in line for line in said), said
    (output,) = [line for line in said if line.startswith("output: ")]
    assert output.startswith(f"output: virtual camera {OURS} (I420), as {OBS} is taken")


def test_without_a_free_device_every_one_is_named(seen) -> None:
    (line,) = seen["none left"]["errors"]
    assert seen["none left"]["code"] == 2
    for path in (OBS, OURS, BOTH):
        assert f"{path} is taken" in line


def test_a_device_that_is_still_shown_keeps_its_size(seen) -> None:
    (line,) = seen["other size"]["errors"]
    assert seen["other size"]["code"] == 2
    assert f"{OURS} stays at 320x240 while a program shows it" in line
