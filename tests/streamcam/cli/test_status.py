"""The status: every number in it, nothing wider than the terminal."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from streamcam.cli.run.status import PlainStatus, live_lines, plain_line
from streamcam.cli.terminal import Terminal, one_line
from streamcam.presets import Preset
from streamcam.stats import Snapshot, Stats

LOOKS = {"sunset": "b", "moonlight": "c", "manga": "d", "midnight": "e"}
ANIME = Preset.from_table({"prompt": "a", "looks": LOOKS}, Path("anime.toml"))
NOW = Snapshot(
    mask="",
    mask_ms_p50=0.0,
    fps_in=30.02,
    fps_engine=27.13,
    fps_out=29.99,
    fps_spared=0.0,
    motion_latency_ms_p50=41.2,
    motion_latency_ms_p95=58.9,
    style_latency_ms_p50=101.0,
    style_latency_ms_p95=123.4,
    engine_ms_p50=33.1,
    engine_ms_p95=37.0,
    resolve_ms_p50=5.0,
    patched=0.803,
    patch_ms_p50=12.0,
    skipped=0.124,
    dropped=3,
    repeats=14,
    frames_in=2500,
    frames_out=2480,
    seconds=83.2,
    look="sunset",
    memory="",
    resolve="guided",
    curtain="",
    notice="",
)


def drawn(now: Snapshot, width: int, *, with_keys: bool = True, preset: Preset = ANIME) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    for line in live_lines(now, preset, width, with_keys=with_keys):
        console.print(line)
    return console.file.getvalue()


def test_the_line_in_plain_text() -> None:
    assert plain_line(NOW) == (
        "1:23 look sunset, in 30.0, engine 27.1, out 30.0 fps, motion 41 ms (p95 59), "
        "style 101 ms (p95 123), engine 33 ms, resolve guided, partial 80%, skipped 12%, "
        "dropped 3, repeats 14"
    )


def test_on_a_wide_terminal() -> None:
    assert drawn(NOW, 110).splitlines() == [
        "── ● anime · sunset " + "─" * 82 + " 1:23 ──",
        "in 30.0 → engine 27.1 → out 30.0 fps │ motion  41 ms, style 101 ms, guided │ partial  80%"
        " │ skipped  12%",
        "dropped 3 │ repeats 14",
        " 0 anime  1 sunset  2 moonlight  3 manga  4 midnight  f freeze  c card  o off  u undo"
        "  q quit ",
    ]


def test_the_base_look_is_the_preset() -> None:
    assert drawn(replace(NOW, look="anime"), 60).startswith("── ● anime ───")


@pytest.mark.parametrize("width", [40, 60, 120])
def test_what_is_shown_as_it_is_is_said_on_any_terminal(width: int) -> None:
    label = "person AS IT IS, background picture"
    assert f"mask {label}" in drawn(replace(NOW, mask=label), width)
    assert f"resolve guided, mask {label}, partial" in plain_line(replace(NOW, mask=label))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_on_any_terminal_everything_is_shown(width: int) -> None:
    text = drawn(replace(NOW, notice="camera 0 is gone; trying again in 2 s"), width)
    words = text.split()
    for word in ("27.1", "41", "101", "12%", "1:23", "moonlight", "midnight", "quit", "gone;"):
        assert word in words, text
    assert "…" not in text


@given(
    st.integers(1, 200),
    st.text(max_size=60),
    st.floats(0, 1e7),
    st.integers(0, 10**12),
    st.booleans(),
)
def test_no_line_is_wider_than_the_terminal(
    width: int, text: str, number: float, count: int, with_keys: bool
) -> None:
    now = replace(NOW, look=text, notice=text, fps_in=number, seconds=number, dropped=count)
    for line in live_lines(now, ANIME, width, with_keys=with_keys):
        assert line.cell_len <= width
        assert "\n" not in line.plain


def test_only_nine_looks_have_a_key() -> None:
    many = Preset(prompt="a", looks={f"look{number}": "b" for number in range(12)})
    text = drawn(NOW, 200, preset=many)
    assert "9 look8" in text
    assert "look9" not in text


def test_no_keys_are_shown_where_none_can_be_typed() -> None:
    assert "quit" not in drawn(NOW, 80, with_keys=False)


def test_numbers_keep_their_place() -> None:
    slow = replace(NOW, fps_in=8.0, fps_engine=0.0, motion_latency_ms_p50=7.0, skipped=0.0)
    assert drawn(slow, 140).splitlines()[1].index("repeats") == drawn(NOW, 140).splitlines()[
        1
    ].index("repeats")


def test_plain_status_speaks_every_five_seconds_and_tells_a_notice_once(capsys) -> None:
    time = [0.0]
    status = PlainStatus(Terminal(), clock=lambda: time[0])
    for second in range(11):
        time[0] = float(second)
        notice = "the camera is gone" if 3 <= second < 8 else ""
        status.show(replace(NOW, seconds=second, notice=notice), ANIME)
    lines = [line[:25] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "notice: the camera is gon",
        "0:05 look sunset, in 30.0",
        "0:10 look sunset, in 30.0",
    ]


def test_before_the_first_picture() -> None:
    assert "look -" in plain_line(Stats().snapshot())


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line.isprintable()


def test_a_curtain_is_told_in_plain_text_and_marked() -> None:
    covered = replace(NOW, curtain="card")
    assert plain_line(covered).startswith("1:23 look sunset behind the curtain 'card', in 30.0")
    assert "── ● anime · sunset · CARD ──" in drawn(covered, 60)
