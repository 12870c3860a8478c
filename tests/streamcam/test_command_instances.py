"""Several of the real program at once: who is found, who is reached, and who was not."""

import signal
from pathlib import Path

import pytest
from real_command import Command

pytestmark = pytest.mark.slow

PRESET = """
prompt = "anime"
backend = "null"
size = "256x144"
[looks]
night = "night"
[output]
size = "256x144"
"""


@pytest.fixture
def run(launch, folder: Path):
    """Start the test device; a run that is live."""
    for name in ("one", "two"):
        (folder / f"{name}.toml").write_text(PRESET)

    def starter(preset: str, *arguments: str) -> Command:
        source = ("--source", "demo", "--output", "null")
        return launch("--preset", f"{preset}.toml", *source, *arguments).live()

    return starter


def ended(command: Command) -> tuple[int, list[str], str]:
    """Exit code, what was said, and the error."""
    return command.end(), command.said, "\n".join(command.errors)


def test_each_is_found_after_others_have_gone(run, launch) -> None:
    first = run("one", "--no-web")
    second = run("two")
    assert second.stop() == 0
    assert ended(launch("curtain", "card")) == (0, ["curtain: card"], "")
    third = run("two")
    third.process.kill()  # and leaves its runtime file behind
    third.end()
    assert ended(launch("curtain", "off")) == (0, ["curtain: off"], "")
    assert ended(launch("switch", "night")) == (0, ["look: night"], "")
    assert first.stop() == 0
    code, _, error = ended(launch("curtain", "off"))
    assert (code, error.startswith("streamcam: no streamcam is running")) == (2, True)


def test_all_are_covered_and_one_is_switched(run, launch) -> None:
    first, second = run("one", "--no-web"), run("two")
    code, said, error = ended(launch("curtain", "card"))
    assert (code, len(said), error) == (0, 2, "")
    assert any(f"{first.process.pid} (one to null, port " in line for line in said)
    assert second.stats()["curtain"] == "card"
    code, said, error = ended(launch("switch", "night"))
    assert (code, said) == (2, [])
    assert "2 streamcams are running: " in error
    assert ended(launch("switch", "night", "--to", "two")) == (0, ["look: night"], "")
    assert second.stats()["look"] == "night"
    assert ended(launch("curtain", "live", "--to", str(second.port)))[0] == 0
    assert second.stats()["curtain"] == ""
    assert ended(launch("switch", "one", "--to", "all"))[0] == 2  # no preset of a folder is known


def test_one_that_hangs_is_named_and_the_others_are_covered(run, launch) -> None:
    first, second = run("one"), run("two")
    first.process.send_signal(signal.SIGSTOP)
    try:
        code, said, error = ended(launch("curtain", "card"))
    finally:
        first.process.send_signal(signal.SIGCONT)
    assert code == 1
    assert said == [f"curtain: card at {second.process.pid} (two to null, port {second.port})"]
    assert f"1 of 2 did not follow: process {first.process.pid} (one to null, port " in error
    assert "it did not answer within 10 seconds. What that shows may be as it was." in error
