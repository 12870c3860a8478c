"""`streamcam doctor`: what a run needs and this machine has or lacks, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamcam.cli.terminal import Terminal, one_line

if TYPE_CHECKING:
    from streamcam.doctor import Finding

_MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "problem": ("✗", "bold red")}
_WELL = "Everything that a run needs is here."
_ILL = "No picture gets into a virtual camera yet: see ✗. Recordings and the page may work."


def doctor(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was found as JSON, for programs.")
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.zip",
            help="Also write a file for a bug report, free of pictures, passwords and names.",
        ),
    ] = None,
) -> None:
    """Look this machine over, and say what to do about what is missing.

    Ends with 1 if no picture could get into a virtual camera.
    """
    from streamcam.doctor import examine, healthy

    findings = examine()
    if as_json:
        import json
        from dataclasses import asdict

        found = [asdict(one) for one in findings]
        Terminal().text(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _show(findings, well=healthy(findings))
    if bundle is not None:
        from streamcam.doctor.bundle import write

        write(bundle, findings)
        if not as_json:
            Terminal().say(f"bundle: {bundle}; look into it before you send it")
    if not healthy(findings):
        raise typer.Exit(1)


def _show(findings: list[Finding], *, well: bool) -> None:
    terminal = Terminal()
    width = max(len(one.name) for one in findings)
    topic = ""
    for one in findings:
        if one.topic != topic:
            topic = one.topic
            _line(terminal, topic.capitalize(), "bold cyan")
        mark, style = _MARKS[one.state]
        _line(terminal, f"  {mark} {one.name:{width}}  {one_line(one.text)}", style, 2, 3)
        if one.fix:
            _line(terminal, f"    {'':{width}}  → {one_line(one.fix)}", "bold")
    _line(terminal, _WELL if well else _ILL, "bold green" if well else "bold red")


def _line(
    terminal: Terminal, text: str, style: str, start: int = 0, end: int | None = None
) -> None:
    """One line, `style` on the characters from `start` to `end` where there are colours."""
    if not terminal.interactive:
        terminal.text(text)
        return
    from rich.text import Text

    styled = Text(text)
    styled.stylize(style, start, end)
    terminal.console.print(styled, soft_wrap=True)
