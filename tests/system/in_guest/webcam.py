"""A webcam (vivid, /dev/video10) as the source, unplugged on the way. test_webcam.py judges."""

import subprocess
import time

from command import Command, findings, wait_until

WEBCAM, OURS = "/dev/video10", "/dev/video43"


def run() -> dict:
    """Everything that was seen, by what it is about."""
    control("osd_text_mode=2")
    held = while_another_program_has_it()
    playing = Command(
        *("--preset", "wide.toml", "--source", "camera:vivid", "--no-web"),
        *("--output", f"virtualcam:{OURS}", "--output", "webcam.mkv"),
    )
    playing.until("live:")
    camera = Watched(OURS)
    seen: dict = {"held": held, "bars": camera.bars()}
    control("disconnect=1")
    begin = time.perf_counter()
    ticks = 0
    while not any("trying again" in line for line in playing.said):
        camera.picture()
        ticks += 1
    seen["unplugged"] = {"ticks": ticks, "seconds": time.perf_counter() - begin}
    wait_until(lambda: control("horizontal_flip=1"), "the webcam's return")
    wait_until(lambda: max(camera.bars()[0]) < 90, "its picture's return")  # black instead of white
    seen["mirrored bars"] = camera.bars()
    camera.close()
    seen["end"] = playing.stop()
    return seen


def while_another_program_has_it() -> dict:
    """What a start and `doctor` say of a webcam that v4l2-ctl streams from."""
    other = subprocess.Popen(
        ["v4l2-ctl", "-d", WEBCAM, "--stream-mmap", "--stream-count=1000000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert other.stderr is not None
    other.stderr.read(1)  # a mark for its first picture
    refused = Command("--preset", "wide.toml", "--source", "camera:vivid", "--no-web").end()
    found = findings(Command("doctor", "--json"))["camera:10"]
    other.kill()
    other.wait()
    return {"pid": other.pid, "start": refused, "doctor": found}


def control(setting: str) -> bool:
    """Set one of the webcam's controls; whether it is there to take it."""
    done = subprocess.run(["v4l2-ctl", "-d", WEBCAM, "-c", setting], check=False)
    return done.returncode == 0


class Watched:
    """A device whose pictures are looked at one after the other."""

    def __init__(self, device: str) -> None:
        import cv2

        self._camera = cv2.VideoCapture(device, cv2.CAP_V4L2)

    def picture(self):
        taken, picture = self._camera.read()
        if not taken:
            raise RuntimeError("the virtual camera stands still")
        return picture

    def bars(self) -> list[list[int]]:
        """The colours of the eight bars, BGR, in their middles."""
        picture = self.picture()
        height, width = picture.shape[:2]
        return [picture[height // 2, width * (2 * bar + 1) // 16].tolist() for bar in range(8)]

    def close(self) -> None:
        self._camera.release()
