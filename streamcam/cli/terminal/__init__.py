"""What the commands write: plain lines to a file or a pipe, tables and colours to a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from streamcam.cli.terminal.output import make_optional

if TYPE_CHECKING:
    from rich.console import Console

_TOPIC = re.compile(r"^([a-z][a-z -]{0,15}):(?= )")


def one_line(text: str) -> str:
    """`text` without line breaks and without characters that would steer a terminal."""
    joined = " ".join(text.split())
    return "".join(char if char.isprintable() else "�" for char in joined)


def fail(text: str, code: int) -> int:
    """Write an error as one line on stderr; returns `code`."""
    sys.stderr.write(f"streamcam: {one_line(text)}\n")
    return code


class Terminal:
    """Standard output. `say` may be called from any thread.

    interactive  True: a person looks at it, so it may be redrawn and coloured
    """

    def __init__(self, *, optional: bool = False) -> None:
        """`optional`: the command does more than print, and its lines may be lost."""
        if optional:
            make_optional()
        self.interactive = sys.stdout.isatty() and not _is_dumb()
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        """For a live display. Made when first asked for: plain output needs no rich."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(highlight=False)
        return self._console

    def say(self, line: str) -> None:
        """Write one line, above a live display if there is one."""
        if not self.interactive:
            sys.stdout.write(f"{one_line(line)}\n")
            sys.stdout.flush()
            return
        from rich.text import Text

        text = Text(one_line(line))
        topic = _TOPIC.match(text.plain)
        if topic:
            text.stylize("bold cyan", 0, topic.end(1))
        self.console.print(text, soft_wrap=True)

    def text(self, text: str) -> None:
        """Write an answer as it is, lines and all: JSON, a version."""
        sys.stdout.write(f"{text}\n")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows: a table for people; without a terminal one line each, tabs between."""
        if not self.interactive:
            for row in rows:
                sys.stdout.write("\t".join(one_line(cell) for cell in row) + "\n")
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=title,
            title_justify="left",
            title_style="bold",
            box=box.ROUNDED,
            border_style="bright_black",
            header_style="bold cyan",
        )
        for index, column in enumerate(columns):
            table.add_column(column, no_wrap=index < len(columns) - 1)
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        self.console.print(table)


def _is_dumb() -> bool:
    import os

    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")
