"""A run from the first key to the last: choices, keys, saves, signals, ends."""

import re
import signal
import termios
from socket import socket

import pytest


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


DEMO = ("--source", "demo", "--output", "null", "--no-web")


def test_the_flags_reach_the_pipeline(start) -> None:
    port = free_port()
    run = start(
        *("--preset", "noir", "--source", "demo", "--output", "null", "--output", "a.mp4"),
        *("--size", "448x256", "--fps", "25", "--model", "nano", "--backend", "openvino"),
        *("--device", "cpu", "--port", str(port), "--duration", "0.2", "--realtime", "on"),
    )
    code, out, err = run.end()
    assert (code, err) == (0, "")
    assert run.calls() == [
        "options noir {'source': 'demo', 'outputs': ('null', 'a.mp4'), 'size': (448, 256), "
        "'fps': 25.0, 'model': 'nano', 'backend': 'openvino', 'device': 'cpu', 'engine': None, "
        "'realtime': True, "
        f"'web': True, 'port': {port}}}",
        "started",
        "stopped",
    ]
    assert "preset: noir" in out
    assert f"page: http://127.0.0.1:{port}/" in out
    assert "done: " in out


def test_without_flags_everything_is_chosen_and_said(start) -> None:
    run = start("--duration", "0.1")
    code, out, err = run.end()
    assert (code, err) == (0, "")
    assert "'source': 'demo', 'outputs': ('web',)" in run.calls()[0]
    assert "options anime" in run.calls()[0]
    lines = out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "preset",
        "source chosen",
        "output chosen",
        "engine",
        "page",
        "live",
        "done",
    ]
    assert "\x1b" not in out


def test_a_port_that_is_taken_is_refused_before_anything_is_opened(start) -> None:
    with socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = start("--source", "demo", "--output", "null", "--port", str(port))
        code, _, err = run.end()
    assert (code, err) == (2, f"streamcam: port {port} is taken; use --port N or --no-web\n")
    assert [call.split()[0] for call in run.calls()] == ["options"]


def test_keys_draw_the_curtain_and_open_it_again(start) -> None:
    run = start("--preset", "anime", *DEMO, tty=True)
    run.until("started")
    run.screen(until="quit")
    for key, call, seen in (
        ("c", "curtain card", "● anime · CARD ──"),
        ("o", "curtain off", "● anime · OFF ──"),
        ("O", "curtain live", "● anime ──"),
        ("f", "curtain freeze", "● anime · FREEZE ──"),
    ):
        run.type(key)
        run.until(call)
        run.screen(until=seen)
    run.type("q")
    assert run.end()[0] == 0


def test_a_key_takes_the_empty_room(start) -> None:
    run = start("--preset", "anime", *DEMO, tty=True)
    run.until("started")
    run.screen(until="quit")
    run.type("p")
    run.until("plate")
    run.screen(until="empty room: kept in /home/me/plate.png")
    run.type("q")
    assert run.end()[0] == 0


def test_number_keys_switch_looks_and_q_quits(start, tmp_path) -> None:
    looks = 'sunset = "b"\nmoonlight = "c"'
    (tmp_path / "anime.toml").write_text(f'prompt = "a"\n[looks]\n{looks}')
    run = start("--preset", "anime.toml", *DEMO, tty=True)
    run.until("started")
    run.screen(until="quit")
    before = termios.tcgetattr(run.terminal)
    run.type("2")
    run.until("look moonlight")
    screen = run.screen(until="● anime · moonlight ──")
    assert "motion  50 ms, style   0 ms" in screen
    run.type("0")
    run.until("look anime")
    run.type("9\x1b[15~\x1bOP")  # a number that no look has, F5, F1
    run.type("1")
    run.until("look sunset")
    assert "there is no number 9" in run.screen(until="▲ now sunset")
    run.type("q")
    assert run.end()[0] == 0
    assert [call for call in run.calls() if call.startswith("look")] == [
        "look moonlight",
        "look anime",
        "look sunset",
    ]
    after = termios.tcgetattr(run.terminal)
    assert not before[3] & termios.ECHO
    assert after[3] & termios.ECHO
    assert after[3] & termios.ICANON


def test_a_run_in_the_background_leaves_the_terminal_alone(start) -> None:
    run = start(*DEMO, "--duration", "0.5", tty="background")
    screen = run.screen(until="done:")  # setting or reading the terminal would have stopped it
    assert "quit" not in screen
    assert run.end()[0] == 0


@pytest.mark.parametrize("tty", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_run_in_order(start, number: int, tty: bool) -> None:
    run = start(*DEMO, tty=tty)
    run.until("started")
    if tty:
        run.screen(until="quit")
    run.process.send_signal(number)
    code, _, err = run.end()
    assert (code, err) == (0, "")
    assert run.calls()[-1] == "stopped"
    if tty:
        assert termios.tcgetattr(run.terminal)[3] & termios.ECHO


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        ("ends badly", "streamcam: cannot finish a.mp4. And: cannot finish b.mp4.\n"),
        ("sticks", "streamcam: the run could not be closed: RuntimeError: it sticks (fake_run.py:"),
    ],
)
@pytest.mark.parametrize("duration", [True, False])
def test_what_goes_wrong_at_the_stop_is_said(start, fake, message, duration: bool) -> None:
    run = start(*DEMO, *(("--duration", "0.5") if duration else ()), FAKE=fake)
    run.until("started")
    if not duration:
        run.process.send_signal(signal.SIGINT)
    code, out, err = run.end()
    assert code == 1
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert "done:" not in out


def test_ctrl_c_interrupts_a_start(start) -> None:
    run = start(*DEMO, FAKE="slow start")
    run.until("starting")
    run.process.send_signal(signal.SIGINT)
    code, _, err = run.end()
    assert (code, err) == (0, "")
    assert run.calls()[-2:] == ["starting", "stopped"]


@pytest.mark.parametrize(
    ("fake", "code", "message"),
    [
        ("port taken", 2, "streamcam: port 8737 is taken by another program.\n"),
        ("breaks", 1, "streamcam: the camera is gone.\n"),
        ("several break", 1, "streamcam: no camera. And: no disk.\n"),
    ],
)
@pytest.mark.parametrize("tty", [True, False])
def test_what_goes_wrong_is_one_line(start, fake: str, code: int, message: str, tty: bool) -> None:
    run = start(*DEMO, tty=tty, FAKE=fake)
    returned, _, err = run.end()
    assert (returned, err) == (code, message)
    assert run.calls()[-1] == "stopped"


def test_a_bug_keeps_its_traceback_and_the_terminal_its_mode(start) -> None:
    run = start(*DEMO, tty=True, FAKE="bug")
    code, _, err = run.end()
    assert code == 1
    assert err.startswith("Traceback")
    assert err.endswith("RuntimeError: unexpected\n")
    assert run.calls()[-1] == "stopped"
    assert termios.tcgetattr(run.terminal)[3] & termios.ECHO


def test_a_saved_preset_applies_and_a_broken_one_does_not(start, tmp_path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text('prompt = "first"')
    run = start("--preset", "mine.toml", *DEMO)
    run.until("started")
    for number in range(100):  # the watch starts some time after the run
        preset.write_text(f'prompt = "start {number}"')
        run.process.poll()
        if any(call.startswith("apply") for call in run.calls()):
            break
        signal.sigtimedwait([], 0.2)
    preset.write_text('prompt = "second"')
    run.until("apply second")
    preset.write_text('prompt = "third"\nsteps = 99')
    line = next(line for line in iter(run.process.stdout.readline, b"") if b"steps" in line)
    assert b"preset: mine.toml: steps = 99 is not allowed: must be a whole number" in line
    preset.write_text('prompt = "fourth"\nmodel = "missing"')
    line = next(line for line in iter(run.process.stdout.readline, b"") if b"missing" in line)
    assert line == b"preset: there is no model 'missing'. The running look stays.\n"
    run.process.send_signal(signal.SIGINT)
    assert run.end()[0] == 0
    assert "third" not in " ".join(run.calls())


def test_a_file_that_is_rendered_has_a_bar_and_q_stops_it(start) -> None:
    run = start("--source", "demo", "--output", "null", "--realtime", "off", tty=True)
    run.until("started")
    screen = run.screen(until="3 of 2500 frames")
    assert "50%, " in screen
    assert "━" in screen
    run.type("q")
    run.screen(until="stopped: null holds the first 0:50 of 1:40")
    assert run.end()[0] == 0


def test_colours_can_be_switched_off(start) -> None:
    run = start(*DEMO, tty=True, NO_COLOR="1")
    run.until("started")
    run.screen(until="quit")
    assert "\x1b[1m" in run.raw  # bold is no colour
    assert not re.search(r"\x1b\[[0-9;]*[349][0-7]m", run.raw)


def test_a_terminal_gets_colours(start) -> None:
    run = start(*DEMO, tty=True)
    run.screen(until="quit")
    assert re.search(r"\x1b\[[0-9;]*[349][0-7]m", run.raw)


def test_a_dumb_terminal_gets_plain_lines(start) -> None:
    run = start(*DEMO, "--duration", "0.2", tty=True, TERM="dumb")
    screen = run.screen(until="done:")
    assert "──" not in screen
    assert run.end()[0] == 0


def test_rendering_needs_a_file_to_read_and_one_to_write(start) -> None:
    for arguments, message in {
        (): "--realtime off renders a file: add --source FILE.",
        ("--source", "camera:0"): "--realtime off renders a file, and --source camera:0 is live.",
        ("--source", "demo"): "--realtime off renders to a file: add --output FILE.mp4.",
        ("--source", "demo", "--output", "virtualcam"): "--realtime off renders to a file; "
        "--output virtualcam keeps time.",
    }.items():
        code, _, err = start("--realtime", "off", *arguments).end()
        assert (code, err) == (2, f"streamcam: {message}\n")
    run = start("--realtime", "off", "--source", "demo", "--output", "a.mp4", "--duration", "0.1")
    assert run.end()[0] == 0
    assert "'realtime': False, 'web': False" in run.calls()[0]
