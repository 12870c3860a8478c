"""Delivery: the work of one thread "sink", which keeps time for its sink."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event

from streamcam.clock import Ticker
from streamcam.clock.backoff import Backoff
from streamcam.errors import SinkFailed, StreamcamError, told
from streamcam.frames import Frame, Queue, RingClosed
from streamcam.notices import Notice, NoticeBoard
from streamcam.sink import Format, Sink
from streamcam.stats import Stats

# How long a wait for a frame lasts before `stop` is looked at again. Seconds.
_POLL_SECONDS = 0.1

# Ticks lock on to frames that come at (nearly) their rate, as a camera's do, whose clock is not
# ours. Left alone, the two drift apart: a frame waits longer and longer for its tick, up to a
# period, and where they meet jitter makes pairs of a repeat and a drop. So ticks run a little
# early, and one that finds no frame waits for it for a moment and moves the phase to where it
# came. That keeps the tick just behind the frame: least latency, no judder.
_EARLY_SHARE = 0.002  # of a period, per tick
_WAIT_SHARE = 0.1  # of a period


@dataclass(frozen=True, slots=True)
class Reopening:
    """How a lost sink comes back. Called on its thread.

    open     from `Sink.reopen_as` to the sink, as `open_sink`
    notices  get what was lost, until it is back
    name     the output's, for its notice
    """

    open: Callable[[str], Sink]
    notices: NoticeBoard
    name: str

    @property
    def topic(self) -> str:
        return f"output {self.name}"

    def put_up(self, text: str) -> None:
        self.notices.put(Notice(self.topic, f"{self.topic}: {text}"))

    def settle(self) -> None:
        self.notices.settle(self.topic)


class Delivery:
    """Moves frames from `queue` to `sink` until the queue is closed and empty or `stop` is set.

    Called once, on the thread of the sink (the main thread if `sink.main_thread`). Closes the
    sink, however it ends. Every exception of the sink comes out as `SinkFailed` with its name; if
    `close` then raises too, both come out as a group. A closed queue is a normal end.

    A paced sink gets a picture at every tick of `form.fps` from the first picture on: the
    newest, or the last good one again. Other sinks get each frame once, and while none comes the
    last one again, ten times a second, as a repeat: the curtain may have changed. When
    `form.realtime` is False all get each frame once. A sink that fails and has a `reopen_as` is
    opened again after ever longer pauses. `stats` counts for the primary sink alone: "out" and
    "motion" and "style" (latencies) for new pictures, "repeats" for those shown again.
    """

    def __init__(  # noqa: PLR0913  # the last one is for tests
        self,
        sink: Sink,
        queue: Queue[Frame],
        form: Format,
        stop: Event,
        *,
        stats: Stats | None = None,
        reopening: Reopening | None = None,
        ticker: Ticker | None = None,
    ) -> None:
        self._sink = sink
        self._queue = queue
        self._realtime = form.realtime
        self._paced = sink.paced and form.realtime
        self._stop = stop
        self._stats = stats
        self._reopening = reopening
        self._ticker = ticker or Ticker(form.fps)
        self._lost = False
        self._retry_at = 0.0
        self._backoff = Backoff()

    @property
    def watched(self) -> bool:
        """From any thread."""
        if self._lost:
            return False
        try:
            return self._sink.watched
        except Exception:  # noqa: BLE001  # whatever its library raises, it cannot be told
            return True

    def __call__(self) -> None:
        """Returns at the end of the work."""
        errors: list[Exception] = []
        try:
            if self._paced:
                self._keep_time()
            else:
                self._pass_on()
        except RingClosed:
            pass
        except Exception as error:  # noqa: BLE001  # raised below, with what close may raise
            errors.append(error)
        try:
            self._close()
        except StreamcamError as error:
            errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup(f"{self._sink.label} failed, and could not be closed", errors)

    def _close(self) -> None:
        """Raises `SinkFailed`, whatever the sink raises."""
        try:
            self._sink.close()
        except StreamcamError:
            raise
        except RingClosed:  # the main thread, which the sink needs, serves no more
            return
        except Exception as error:
            raise SinkFailed(f"{self._sink.label} cannot be closed: {told(error)}") from error

    def _pass_on(self) -> None:
        last: Frame | None = None
        while not self._stop.is_set():
            frame = self._queue.get(_POLL_SECONDS)
            if frame is not None:
                self._write(frame)
                last = replace(frame, repeat=True)
            elif last is not None and self._realtime:
                self._write(last)

    def _keep_time(self) -> None:
        last: Frame | None = None
        while last is None:
            if self._stop.is_set():
                return
            last = self._queue.get(_POLL_SECONDS)
        self._ticker.restart()
        self._write(last)
        while self._ticker.wait(self._stop):
            frame = self._due()
            if frame is None:
                self._write(last, again=True)
            else:
                self._write(last := frame)

    def _due(self) -> Frame | None:
        """The frame of this tick, if there is a new one; keeps the ticks locked to the frames."""
        period = self._ticker.period
        frame = self._queue.get(timeout=0)
        if frame is not None:
            self._ticker.shift(-_EARLY_SHARE * period)
            return frame
        waiting_since = self._ticker.clock()
        frame = self._queue.get(timeout=_WAIT_SHARE * period)
        if frame is not None:
            self._ticker.shift(self._ticker.clock() - waiting_since)
        return frame

    def _write(self, frame: Frame, *, again: bool = False) -> None:
        if self._lost and not self._found_again():
            return
        try:
            self._sink.write(frame)
        except RingClosed:
            raise
        except StreamcamError as error:
            self._lose(error)
            return
        except Exception as error:  # noqa: BLE001  # whatever its library raises, it is lost
            failed = SinkFailed(f"{self._sink.label} failed: {told(error)}")
            failed.__cause__ = error
            self._lose(failed)
            return
        if self._stats is None:
            return
        if again or frame.repeat:
            self._stats.count("repeats")
        else:
            self._stats.count("out")
            if not self._realtime and frame.media_time is not None:
                self._stats.reached(frame.media_time + (frame.duration or 0.0))
            now, styled_at = self._ticker.clock(), frame.styled_at
            self._stats.took("motion", now - frame.captured_at)
            styled_at = frame.captured_at if styled_at is None else styled_at
            self._stats.took("style", now - styled_at)

    def _lose(self, failed: StreamcamError) -> None:
        """Raises it if the sink is lost for good."""
        reopening = self._reopening
        if reopening is None:
            raise failed
        if self._sink.reopen_as is None:
            reopening.put_up(str(failed))
            raise failed
        self._lost = True
        self._backoff.restart()
        self._retry_at = self._ticker.clock() + self._backoff.next()
        with suppress(StreamcamError):  # the failure is known already
            self._close()
        reopening.put_up(f"{failed}; opening it again")

    def _found_again(self) -> bool:
        reopening, choice = self._reopening, self._sink.reopen_as
        if reopening is None or choice is None or self._ticker.clock() < self._retry_at:
            return False
        try:
            self._sink = reopening.open(choice)
        except Exception:  # noqa: BLE001  # whatever it is; what was lost is known already
            self._retry_at = self._ticker.clock() + self._backoff.next()
            return False
        self._lost = False
        reopening.settle()
        return True
