"""What a start reads of its model: once, on this machine's processor, with the embedded one."""

from collections.abc import Callable
from pathlib import Path

import counted_openings
import pytest
from real_command import Command, wait_until

PHOTO = Path(__file__).parents[1] / "data" / "photo.jpg"
PRESET = """
prompt = "anime"
backend = "openvino"
steps = {steps}
[gate]
policy = "always"
[output]
fps = 10
"""


@pytest.mark.slow
def test_a_start_opens_its_model_once(launch: Callable[..., Command], folder: Path):
    """With an automatic size: two engines are built for it, and a better one is asked for."""
    preset = folder / "mine.toml"
    preset.write_text(PRESET.format(steps=1))
    program = (counted_openings.__file__,)
    arguments = ("--preset", "mine.toml", "--source", str(PHOTO), "--output", "web")
    command = launch(*arguments, program=program).live()
    shown = command.stats()["frames_out"]
    wait_until(lambda: command.stats()["frames_out"] > shown + 10, "pictures")
    assert command.errors.count("opened: nano") == 1
    preset.write_text(PRESET.format(steps=2))
    command.until("2 steps")
    assert command.errors.count("opened: nano") == 2, "another preset's, as it is by then"
    assert command.stop() == 0
