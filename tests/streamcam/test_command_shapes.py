"""Films of any shape through the real program: nothing is cut or squeezed but what `fit` says."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from corner_charts import chart, check, expected
from real_command import Command

RATE, PICTURES = 25, 10
PRESET = """
prompt = "anime"
backend = "null"
[output]
{output}
[gate]
policy = "always"
"""
BARS = 'size = "640x360"\nfit = "letterbox"'
LEVELS = 24  # by which a colour may come back differently from 4:2:0
RUN = ("--preset", "look.toml", "--source", "film.mkv", "--output", "out.mp4", "--no-web")


def write(folder: Path, size: tuple[int, int], output: str) -> None:
    """`film.mkv`, charts of that size without loss, and `look.toml`."""
    (folder / "look.toml").write_text(PRESET.format(output=output))
    with av.open(str(folder / "film.mkv"), "w") as film:
        stream = film.add_stream("ffv1", RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "bgr0"
        for _ in range(PICTURES):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(chart(*size), "rgb24")))
        film.mux(stream.encode(None))


def last_picture(path: Path) -> np.ndarray:
    """RGB, of a recording."""
    with av.open(str(path)) as film:
        *_, frame = film.decode(video=0)
        return frame.to_ndarray(format="rgb24", src_colorspace="ITU709")


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        ("--duration", "1"),
        ("--duration", "1", "--size", "448x256"),
        ("--realtime", "off"),
        ("--realtime", "off", "--size", "448x256"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("fit", ["letterbox", "crop"])
def test_a_phone_film_on_a_wide_screen(launch, folder: Path, flags, fit: str) -> None:
    write(folder, (288, 512), BARS.replace("letterbox", fit))
    command: Command = launch(*RUN, *flags)
    assert command.end() == 0, command.errors
    picture = last_picture(folder / "out.mp4")
    check(picture, expected((288, 512), (640, 360), fit), 10, LEVELS)


@pytest.mark.parametrize(
    ("size", "own"), [((288, 512), (288, 512)), ((400, 300), (400, 300)), ((321, 241), (320, 240))]
)
def test_a_rendered_film_keeps_its_shape(
    launch: Callable[..., Command], folder: Path, size: tuple[int, int], own: tuple[int, int]
) -> None:
    write(folder, size, "fps = 30")
    command = launch(*RUN, "--output", "also.mkv", "--realtime", "off")
    assert command.end() == 0, command.errors
    assert f"output: recording also.mkv (H.264, {own[0]}x{own[1]})" in command.said
    for name in ("out.mp4", "also.mkv"):
        check(last_picture(folder / name), chart(*own), 4, LEVELS)


def test_a_rendered_film_is_refused_with_nothing_left_behind(refused, folder: Path) -> None:
    write(folder, (288, 512), "fps = 30")
    render = (*RUN[:4], "--realtime", "off", "--output")
    assert "there is no folder" in refused(*render, "nowhere/out.mp4")
