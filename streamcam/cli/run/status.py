"""The status of a run: a line that stays in place on a terminal, else a plain line now and then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from textwrap import wrap
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, Self

from streamcam.cli.terminal import Terminal, one_line
from streamcam.control.keys import CURTAIN_KEYS, UNDO_KEY
from streamcam.errors import quoted
from streamcam.stats import Snapshot

if TYPE_CHECKING:
    from rich.text import Text

    from streamcam.presets import Preset

_LIVE_SECONDS, _PLAIN_SECONDS = 0.2, 5.0


class Status(Protocol):
    """Shows how a run is doing. Used by the main thread."""

    def show(self, now: Snapshot, preset: Preset) -> None:
        """Call it often: it draws when it is time."""
        ...


def open_status(terminal: Terminal, *, with_keys: bool) -> AbstractContextManager[Status]:
    """The status that suits `terminal`. `with_keys`: number keys work, so they are shown."""
    if terminal.interactive:
        return LiveStatus(terminal, with_keys=with_keys)
    return PlainStatus(terminal)


class PlainStatus:
    """One line every five seconds, and one whenever there is something new to notice."""

    def __init__(self, terminal: Terminal, clock: Callable[[], float] = perf_counter) -> None:
        self._terminal = terminal
        self._clock = clock
        self._next = clock() + _PLAIN_SECONDS
        self._notice = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def show(self, now: Snapshot, preset: Preset) -> None:
        if now.notice != self._notice:
            self._notice = now.notice
            if now.notice:
                self._terminal.say(f"notice: {now.notice}")
        if self._clock() >= self._next:
            self._next = self._clock() + _PLAIN_SECONDS
            self._terminal.say(plain_line(now))


class LiveStatus:
    """Two or three lines at the bottom of the terminal, redrawn in place; gone at the end."""

    def __init__(self, terminal: Terminal, *, with_keys: bool) -> None:
        from rich.live import Live

        self._console = terminal.console
        self._with_keys = with_keys
        self._next = 0.0
        # `show` draws it, no thread of rich's. Lines that other code prints appear above it.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, now: Snapshot, preset: Preset) -> None:
        if perf_counter() < self._next:
            return
        self._next = perf_counter() + _LIVE_SECONDS
        lines = live_lines(now, preset, self._console.width, with_keys=self._with_keys)
        from rich.text import Text

        self._live.update(Text("\n").join(lines), refresh=True)


def plain_line(now: Snapshot) -> str:
    """The status as one line of plain text."""
    motion = f"{now.motion_latency_ms_p50:.0f} ms (p95 {now.motion_latency_ms_p95:.0f})"
    style = f"{now.style_latency_ms_p50:.0f} ms (p95 {now.style_latency_ms_p95:.0f})"
    return (
        f"{clock(now.seconds)} look {now.look or '-'}{_covered(now)}, in {now.fps_in:.1f}, engine "
        f"{now.fps_engine:.1f}, out {now.fps_out:.1f} fps, motion {motion}, style {style}, "
        f"engine {now.engine_ms_p50:.0f} ms, resolve {now.resolve or 'off'}, "
        f"{f'mask {now.mask}, ' if now.mask else ''}partial "
        f"{now.patched:.0%}, skipped {now.skipped:.0%}, dropped {now.dropped}, repeats "
        f"{now.repeats}{f', memory {now.memory}' if now.memory else ''}"
    )


def _covered(now: Snapshot) -> str:
    return f" behind the curtain {quoted(now.curtain)}" if now.curtain else ""


def live_lines(now: Snapshot, preset: Preset, width: int, *, with_keys: bool) -> list[Text]:
    """The status for a terminal of `width` columns, on as many lines as it needs.

    Numbers keep their place while they change; only below 40 columns something is cut off.
    """
    from rich.text import Text

    lines = [_heading(now, preset, width), *_filled(_parts(now), width, " │ ")]
    if with_keys:
        lines += _filled(_key_parts(now, preset), width, "")
    if now.notice:
        wrapped = wrap(f"▲ {one_line(now.notice)}", width, subsequent_indent="  ")
        lines += [Text(line, style="bold yellow") for line in wrapped]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _heading(now: Snapshot, preset: Preset, width: int) -> Text:
    """A rule across the terminal that carries the look and the time."""
    from rich.text import Text

    working = "green" if now.fps_out > 0 else "yellow"
    look = "" if now.look in ("", preset.name) else f" · {one_line(now.look)}"
    line = Text.assemble(
        ("── ", "bright_black"),
        ("● ", working),
        (one_line(preset.name), "bold"),
        (look, "bold magenta"),
        (f" · {now.curtain.upper()}" if now.curtain else "", "bold red"),
        " ",
    )
    end = Text.assemble(" ", (clock(now.seconds), "dim"), (" ──", "bright_black"))
    return line.append("─" * (width - line.cell_len - end.cell_len), "bright_black").append(end)


def _parts(now: Snapshot) -> list[Text]:
    """The numbers, most wanted first."""
    from rich.text import Text

    return [
        Text.assemble(
            ("in ", "dim"),
            (f"{now.fps_in:4.1f}", "bold"),
            (" → engine ", "dim"),
            (f"{now.fps_engine:4.1f}", "bold cyan"),
            (" → out ", "dim"),
            (f"{now.fps_out:4.1f}", "bold"),
            (" fps", "dim"),
        ),
        Text.assemble(
            ("motion ", "dim"),
            (f"{now.motion_latency_ms_p50:3.0f}", "bold cyan"),
            (" ms, style ", "dim"),
            (f"{now.style_latency_ms_p50:3.0f}", "bold"),
            (" ms, ", "dim"),
            (f"{now.resolve or 'off':6}", "bold"),
        ),
        Text.assemble(("partial ", "dim"), (f"{now.patched:4.0%}", "bold")),
        Text.assemble(("skipped ", "dim"), (f"{now.skipped:4.0%}", "bold")),
        Text.assemble(("dropped ", "dim"), (str(now.dropped), "bold")),
        Text.assemble(("repeats ", "dim"), (str(now.repeats), "bold")),
        *([Text.assemble(("mask ", "dim"), (now.mask, "bold"))] if now.mask else []),
        *([Text.assemble(("memory ", "dim"), (now.memory, "bold"))] if now.memory else []),
    ]


def _key_parts(now: Snapshot, preset: Preset) -> list[Text]:
    """The keys and what they do; the look that is on is marked."""
    from rich.text import Text

    parts = []
    for number, name in enumerate((preset.name, *preset.look_names[:9])):
        number_style, name_style = ("bold reverse",) * 2 if name == now.look else ("bold", "dim")
        parts.append(
            Text.assemble((f" {number} ", number_style), (f"{one_line(name)} ", name_style))
        )
    for key, name in {**CURTAIN_KEYS, UNDO_KEY: "undo", "q": "quit"}.items():
        styles = ("bold reverse",) * 2 if name == now.curtain else ("bold", "dim")
        parts.append(Text.assemble((f" {key} ", styles[0]), (f"{name} ", styles[1])))
    return parts


def _filled(parts: list[Text], width: int, gap: str) -> list[Text]:
    """`parts` side by side, on as many lines as they need."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + len(gap) + part.cell_len <= width:
            lines[-1].append(gap, "bright_black").append_text(part)
        else:
            lines.append(part.copy())
    return lines


def clock(seconds: float) -> str:
    """As 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
