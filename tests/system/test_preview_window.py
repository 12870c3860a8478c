"""The window on a real X screen, whatever platform the session wants of Qt."""

from pathlib import Path

import numbered_card
import numbered_video
import pytest
from numbered_card import AS_IT_IS, CLOSE, PRESET, card
from real_command import wait_until
from virtual_display import VirtualDisplay

pytestmark = pytest.mark.system


@pytest.mark.parametrize("platform", ["wayland", "offscreen", "wayland-egl;xcb", ""])
def test_it_opens_and_no_other_output_ends(
    launch, folder: Path, display: VirtualDisplay, platform: str
) -> None:
    """Qt would end the program, as OpenCV carries its platform for X11 alone."""
    (folder / "look.toml").write_text(PRESET)
    numbered_card.write(folder / "card.mp4", [5] * 20, (640, 480), fps=20)
    command = launch(
        *("--preset", "look.toml", "--source", "card.mp4", "--output", "window"),
        *("--output", "out.mkv", *AS_IT_IS),
        DISPLAY=display.name,
        QT_QPA_PLATFORM=platform,
    ).live()
    wait_until(lambda: shows_the_card(display), "the card in the window")
    assert command.stop() == 0
    frames = numbered_video.read(folder / "out.mkv")
    assert numbered_card.read(frames[-1][1])[0] == 5


def shows_the_card(display: VirtualDisplay) -> bool:
    """Wherever on the screen the window is: each of the card's colours fills a twelfth of it."""
    picture = display.picture().astype(int)
    colours = card(5)[0, 50::107].astype(int)
    return all(
        (abs(picture - colour).max(2) <= CLOSE).sum() > 0.7 * 640 * 480 / 12 for colour in colours
    )
