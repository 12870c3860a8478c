"""Stages: the threads of a run, their common end and their errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from threading import Event
from time import perf_counter

from streamcam.errors import flat
from streamcam.stage import Closable, Stage

PATIENCE = 2.0  # seconds that threads have to end, unless they finish a file
_JOIN_POLL_SECONDS = 0.02  # seconds between looks at what else has to be done while threads end


class Loss(Enum):
    """What the failure of a stage means."""

    END = "the end of the run"
    SHARED = "the end of the run once all stages beside it have failed"
    NONE = "nothing: the run goes on without it"


class Stages:
    """Started by the main thread, in any order; `stop` ends them all.

    A run is over when a stage has failed, when every sink has ended, or when a stage has ended
    although the one before it on the frame's way has not. A source that is over is none of
    these: what is under way still reaches the sinks, and then the sinks end. A stage
    whose loss can be borne counts as if it had never been there.

    stopping  set when all shall end; stages that wait for something else than a queue look at it
    """

    def __init__(self) -> None:
        self.stopping = Event()
        self._changed = Event()
        self._way: list[list[_Entry]] = []  # the frame's way: stages side by side in one list
        self._beside: list[_Entry] = []
        self._queues: list[Closable] = []

    def add_queues(self, *queues: Closable) -> None:
        """Close these when all shall end."""
        self._queues.extend(queues)

    def start(
        self,
        name: str,
        work: Callable[[], None],
        ends: Sequence[Closable],
        *,
        place: int | None,
        loss: Loss = Loss.END,
        finishes: str | None = None,
    ) -> None:
        """Run `work` on a thread. `place`: on the frame's way, 0 is the source; None: beside it.
        `finishes`: see Sink."""
        entry = _Entry(name, work, ends, self._changed)
        entry.loss, entry.finishes = loss, finishes
        if place is None:
            self._beside.append(entry)
        else:
            while len(self._way) <= place:
                self._way.append([])
            self._way[place].append(entry)
        entry.stage.start()

    def replace(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` in place of the stage of that name, whose own raises `Abandoned` once it
        returns. `stop` does not wait for that one."""
        for entries in (*self._way, self._beside):
            for number, entry in enumerate(entries):
                if entry.stage.name == name:
                    entries[number] = _Entry(name, work, entry.ends, self._changed)
                    entries[number].stage.start()

    def wait(self, seconds: float) -> None:
        """Until a stage ends, but at most `seconds`."""
        self._changed.wait(seconds)
        self._changed.clear()

    @property
    def over(self) -> bool:
        """True once the run has come to its end, well or not."""
        if any(entry.stage.errors and entry.loss is Loss.END for entry in self._all):
            return True
        before_ended = True
        for side_by_side in self._way:
            ended = [entry.ended for entry in side_by_side if not entry.lost]
            if any(ended) and not before_ended:
                return True
            needed = [entry for entry in side_by_side if entry.loss is not Loss.NONE]
            if all(entry.lost for entry in needed):
                return True
            before_ended = before_ended and all(ended)
        return before_ended

    @property
    def errors(self) -> list[BaseException]:
        """What ended stages before their time, and what went wrong as they ended, in the order of
        the frame's way."""
        return [error for entry in self._all for error in flat(entry.stage.errors)]

    def stop(self, farewell: Farewell) -> list[str]:
        """End all stages and wait for them: for those that finish something as long as it takes,
        for the others as long as `farewell` has patience. The names of those still running."""
        self.stopping.set()
        for queue in self._queues:
            queue.close()
        while running := [entry for entry in self._all if not entry.stage.join(0)]:
            finishing = [entry.finishes for entry in running if entry.finishes]
            if not farewell.wait_for(finishing):
                break
            running[0].stage.join(_JOIN_POLL_SECONDS)
        return [entry.stage.name for entry in running]

    @property
    def _all(self) -> list[_Entry]:
        return [entry for side_by_side in self._way for entry in side_by_side] + self._beside


class _Entry:
    """A stage. It marks itself ended before it closes its queues, so the first stage to end is
    seen first."""

    def __init__(
        self, name: str, work: Callable[[], None], ends: Sequence[Closable], changed: Event
    ) -> None:
        self.ended = False
        self.loss = Loss.END
        self.finishes: str | None = None
        self.ends = ends
        self._changed = changed
        self.stage = Stage(name, work, [self, *ends])

    @property
    def lost(self) -> bool:
        """It failed, and that is no reason for the others to end."""
        return self.ended and bool(self.stage.errors) and self.loss is not Loss.END

    def close(self) -> None:
        """The work has ended."""
        self.ended = True
        self._changed.set()


class Farewell:
    """Of one end. Used by the main thread.

    given_up  what was not finished, since the user did not want to wait for it. `Stages.stop`
              waits for none of these; may be set
    """

    def __init__(
        self,
        meanwhile: Callable[[], None],
        say: Callable[[str], None],
        hurry: Callable[[], bool],
    ) -> None:
        """
        meanwhile  called again and again, for what others need from the main thread
        say        told what is being waited for, once it has taken long
        hurry      called again and again: whether the user has asked since the last call not to
                   wait. Heeded only after `say` has told them what is waited for
        """
        self.given_up: list[str] = []
        self._meanwhile = meanwhile
        self._say = say
        self._hurry = hurry
        self._deadline = perf_counter() + PATIENCE
        self._said = False

    def wait_for(self, finishing: Sequence[str]) -> bool:
        """Whether to go on waiting, for threads of which some are `finishing` these files."""
        self._meanwhile()
        hurry = self._hurry()
        if perf_counter() < self._deadline:
            return True
        if not finishing or self.given_up:
            return False
        if not self._said:
            self._said = True
            self._say(f"finishing {', '.join(finishing)} …; Ctrl-C again gives up")
        elif hurry:
            self.given_up = list(finishing)
            return False
        return True
