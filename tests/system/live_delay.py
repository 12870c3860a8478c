"""How far behind the program's own stream another program shows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from threading import Thread
from time import perf_counter, sleep

import numbered_card
import numpy as np
from real_command import Command, wait_until

_DARK = 16  # of 255: a picture without anything brighter is a drawn curtain
_PAUSE = 0.02  # seconds between looks

Look = Callable[[], np.ndarray | None]


class Stream:
    """What a plain client of the program gets: cards with numbers. It is there at once.

    came    when the last picture with a number came
    newest  the number that came last
    dark    when the stream turned dark; None while it is not
    gap     the longest time without a picture, in seconds
    """

    def __init__(self, command: Command) -> None:
        self.came: dict[int, float] = {}
        self.newest = -1
        self.dark: float | None = None
        self.gap = 0.0
        self._command = command
        self._ended = False

    def follow(self) -> None:
        before = None
        for picture in self._command.pictures():
            now = perf_counter()
            if self._ended:
                return
            self.gap = max(self.gap, now - (before or now))
            before = now
            if picture.max() >= _DARK:
                self.newest = numbered_card.read(picture)[0]
                self.came[self.newest] = now
                self.dark = None
            elif self.dark is None:
                self.dark = now

    def end(self) -> None:
        """With the next picture."""
        self._ended = True

    def delay_of(self, number: int, seen: float, film: float) -> float | None:
        """How long after it came here it was seen elsewhere; `film` seconds later it comes again.

        None if it has not come yet.
        """
        came = self.came.get(number)
        return None if came is None else (seen - came + film / 2) % film - film / 2

    def delay(self, look: Look, film: float, seconds: float, without: int = -1) -> float:
        """The median over so many seconds, in seconds. `without`: a number that stands still."""
        delays = []
        end = perf_counter() + seconds
        while perf_counter() < end:
            began, picture = perf_counter(), look()  # what it shows is no older than `began`
            if picture is not None and picture.max() >= _DARK:
                number = numbered_card.read(picture)[0]
                delay = self.delay_of(number, began, film)
                if delay is not None and number != without:
                    delays.append(delay)
            sleep(_PAUSE)
        assert len(delays) > 20, "hardly a picture was seen"
        print(f"behind: {median(delays):.3f} s, at most {max(delays):.3f}, of {len(delays)}")
        return median(delays)

    def delay_of_the_curtain(self, look: Look) -> float:
        """From its fall in this stream to when `look` is dark. Somebody else draws it now."""

        def is_dark() -> bool:
            picture = look()
            return picture is not None and picture.max() < _DARK

        wait_until(is_dark, "the curtain")
        seen = perf_counter()
        delay = seen - wait_until(lambda: self.dark, "the curtain in the stream")
        print(f"curtain: {delay:.3f} s")
        return delay


@contextmanager
def stream_of(command: Command) -> Iterator[Stream]:
    """The stream, with a client that follows it."""
    stream = Stream(command)
    Thread(target=stream.follow, daemon=True).start()
    wait_until(lambda: stream.came, "the stream's first picture")
    yield stream
    stream.end()
