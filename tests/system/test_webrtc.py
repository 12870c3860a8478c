"""A real browser as the camera, by the page's button, and as the viewer, over WebRTC.

With STREAMCAM_PICTURES set to a folder, a screenshot is kept there.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from page_browser import Browser, browser

from tests.streamcam.real_command import Command, wait_until

pytestmark = pytest.mark.system

PRESET = """
prompt = "anime style"
size = "256x144"
[gate]
policy = "always"
[resolve]
mode = "off"
[output]
size = "640x360"
"""
# What a player of WHEP does: the mean colour of the middle of what it shows, red, green, blue.
WATCH = """(async () => {
  const token = document.querySelector("meta[name=token]").content;
  const connection = window.watching = new RTCPeerConnection();
  connection.addTransceiver("video", { direction: "recvonly" });
  const video = window.video = document.createElement("video");
  video.muted = true;
  connection.addEventListener("track", (event) => {
    video.srcObject = new MediaStream([event.track]);
    video.play();
  });
  await connection.setLocalDescription();
  const answer = await fetch("/whep", {
    method: "POST",
    headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
    body: connection.localDescription.sdp,
  });
  await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  return answer.status;
})()"""
MIDDLE = """(() => {
  if (!video.videoWidth) return null;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const { data } = context.getImageData(220, 80, 200, 200);
  const sums = [0, 0, 0];
  data.forEach((value, at) => { if (at % 4 < 3) sums[at % 4] += value; });
  return sums.map((sum) => sum / (data.length / 4));
})()"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Command]:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "mine.toml").write_text(PRESET)
    cv2.imwrite(str(folder / "plain.png"), np.full((360, 640, 3), (40, 120, 230), np.uint8))
    flags = ("--preset", "mine.toml", "--source", "plain.png", "--backend", "null")
    started = Command(folder, *flags, "--output", "web", "--output", "whep")
    try:
        yield started.live()
    finally:
        started.close()


@pytest.fixture
def page(program: Command, tmp_path: Path) -> Iterator[Browser]:
    with browser("chromium", tmp_path, "--use-fake-device-for-media-stream") as opened:
        opened.open(f"http://127.0.0.1:{program.port}/", (1440, 900))
        opened.until("document.body.classList.contains('live')")
        yield opened


def test_the_page_makes_the_browsers_camera_the_source(program: Command, page: Browser) -> None:
    page.until("!document.getElementById('send-camera').hidden")
    page.click("#send-camera")
    # Chromium's own test camera: green, with a clock.
    page.until(
        "/fake_device_0 of this device/.test(document.getElementById('source-said').innerText)"
    )

    def green() -> bool:
        mean = program.picture().reshape(-1, 3).mean(0)
        return bool(mean[1] > mean[0] + 60 and mean[1] > mean[2] + 60)

    wait_until(green, "the browser's camera in the picture")
    wait_until(lambda: not program.stats()["notice"], "no notice")
    page.until("document.getElementById('source').value === 'whip'")
    kept = os.environ.get("STREAMCAM_PICTURES")
    if kept:
        page.save(Path(kept) / "webrtc.png")
    page.open("about:blank", (800, 600))  # the page is left, and its camera with it
    wait_until(lambda: "the camera over WebRTC has" in program.stats()["notice"], "a notice")


def test_a_browser_sees_the_picture_in_its_colours(program: Command, page: Browser) -> None:
    assert page.run(WATCH) == 201

    def right() -> bool:
        found = page.run(MIDDLE)
        return found is not None and bool(np.abs(np.subtract(found, (230, 120, 40))).max() < 5)

    wait_until(right, "the picture's orange")
    page.run("watching.close()")
