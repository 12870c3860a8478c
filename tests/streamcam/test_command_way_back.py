"""Engines that fail while the real program runs: pictures go on, and a line says what runs now.

The card is played (played_card.py); the program, its outputs and the engine on the processor are
the real ones.
"""

from collections.abc import Callable
from pathlib import Path

import played_card
import pytest
from real_command import Command, wait_until

PHOTO = Path(__file__).parents[1] / "data" / "photo.jpg"
GRAPH, EAGER = "torch graph float16 320x176", "torch eager float16 320x176"
PROCESSOR = "openvino auto auto 320x176"
PRESET = """
prompt = "{prompt}"
size = "320x176"
steps = {steps}
batching = "stream"
crossfade = 0.0
[gate]
policy = "always"
[output]
size = "320x176"
fps = 20
"""
# The fault, and what is built after the first engine, in turn.
FAULTS = {
    "illegal": [PROCESSOR],
    "hang": [PROCESSOR],
    "memory": [GRAPH, EAGER, "torch eager float16 256x144"],
    "graph": [GRAPH, EAGER],
    "blank": ["torch graph bfloat16 320x176"],
    "plan": [GRAPH],
    "stubborn": [GRAPH, EAGER, PROCESSOR],
}


@pytest.fixture
def run(launch: Callable[..., Command], folder: Path) -> Callable[[str], Command]:
    """Start it with a fault."""

    def start(fault: str, plans: str = "none") -> Command:
        (folder / "mine.toml").write_text(PRESET.format(prompt="anime", steps=1))
        program = (played_card.__file__, fault, plans)
        arguments = ("--preset", "mine.toml", "--source", str(PHOTO), "--output", "web")
        return launch(*arguments, program=program).live()

    return start


def built(command: Command) -> list[str]:
    return [line.removeprefix("built: ") for line in command.errors if line.startswith("built: ")]


def is_well(command: Command, engines: int) -> bool:
    return len(built(command)) >= engines and "engine failed" not in command.stats()["notice"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_the_picture_goes_on(run, fault):
    command = run(fault, "plans" if fault == "plan" else "none")
    first = "tensorrt graph float16 320x176" if fault == "plan" else GRAPH
    expected = [first, *FAULTS[fault]]
    wait_until(lambda: is_well(command, len(expected)), "another engine")
    shown = command.stats()["frames_out"]
    wait_until(lambda: command.stats()["frames_out"] > shown + 20, "pictures")
    assert command.stats()["fps_engine"] > 0.0
    assert built(command) == expected
    gone = [line for line in command.said if line.startswith("engine: cuda:0 is gone")]
    assert len(gone) == (fault in ("illegal", "hang"))
    assert command.stop() == 0


@pytest.mark.slow
def test_after_its_end_a_device_is_left_alone_by_every_preset(run, folder):
    command = run("illegal")
    wait_until(lambda: is_well(command, 2), "another engine")
    assert "cuda:0 is gone for this run" in command.stats()["notice"]
    (folder / "mine.toml").write_text(PRESET.format(prompt="pencil sketch", steps=1))
    command.until("mine.toml")
    (folder / "mine.toml").write_text(PRESET.format(prompt="pencil sketch", steps=2))
    command.until("openvino CPU", after=len(command.said))
    wait_until(lambda: is_well(command, 3), "the preset's engine")
    assert built(command) == [GRAPH, PROCESSOR, PROCESSOR]
    assert command.stop() == 0


@pytest.mark.slow
def test_a_graph_that_cannot_be_captured_costs_no_start(run):
    command = run("capture")
    assert built(command) == [GRAPH, EAGER]
    (line,) = [line for line in command.said if line.startswith("execution: eager")]
    assert "no CUDA graph could be captured" in line
    assert command.stop() == 0
