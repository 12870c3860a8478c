"""Single keys from the terminal while a run goes on. The terminal is always put back."""

from __future__ import annotations

import re
import sys
from typing import Self

# Arrow and function keys arrive as sequences whose letters and digits are no key presses.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?|[\x00\xe0].", re.DOTALL)


def typed(text: str) -> str:
    """The plain characters in what a terminal sent."""
    return _SEQUENCE.sub("", text)


if sys.platform == "win32":
    import msvcrt

    class Keys:
        """Keys of the console. Nothing to put back: msvcrt reads without changing a mode."""

        def __enter__(self) -> Self:
            self.active = sys.stdin.isatty()
            return self

        def __exit__(self, *error: object) -> None:
            self.active = False

        def pressed(self) -> str:
            """The characters typed since the last call; never waits."""
            found = ""
            while self.active and msvcrt.kbhit():
                found += msvcrt.getwch()
            return typed(found)

else:
    import os
    import select
    import termios
    import tty
    from contextlib import suppress

    class Keys:
        """Keys of the terminal, without echo and without Enter, from `with` until its end.

        active  False if stdin is no terminal, or belongs to another job (started with `&`)
        """

        def __enter__(self) -> Self:
            self.active = sys.stdin.isatty() and _in_foreground(sys.stdin.fileno())
            if self.active:
                self._terminal = sys.stdin.fileno()
                self._before = termios.tcgetattr(self._terminal)
                tty.setcbreak(self._terminal)
            return self

        def __exit__(self, *error: object) -> None:
            if self.active:
                self.active = False
                with suppress(termios.error):  # its window was closed: nothing to put back
                    termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)

        def pressed(self) -> str:
            """The characters typed since the last call; never waits."""
            # Reading or setting a terminal from the background would stop the process.
            if not self.active or not _in_foreground(self._terminal):
                return ""
            if not select.select([self._terminal], [], [], 0)[0]:
                return ""
            try:
                return typed(os.read(self._terminal, 256).decode(errors="ignore"))
            except OSError:  # its window was closed just now
                return ""

    def _in_foreground(terminal: int) -> bool:
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        except OSError:  # not our controlling terminal, or it hung up
            return False
