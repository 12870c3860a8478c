"""The work of the thread "capture": open a source, hand on its frames, open it again if lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Event

from streamcam.capture import Opened, Source
from streamcam.clock.backoff import Backoff
from streamcam.errors import SourceRefused, StreamcamError, told
from streamcam.frames import Frame, Inlet
from streamcam.notices import Notice
from streamcam.stats import Stats

_LOOK_SECONDS = 0.1  # seconds between looks at whether another source is wanted


@dataclass(frozen=True, slots=True)
class Following:
    """Another source, to take the place of the one that is open.

    waiting  for viewers, while it is waited for once it is lost
    opened   what it turned out to be, or why the one so far stays
    """

    open: Callable[[], Source]
    waiting: str
    opened: Future[Opened] = field(default_factory=Future)


class CaptureWorker:
    """Runs on the thread "capture", which alone opens, reads and closes the source.

    Live, any exception that a source raises while it is read, opened again or closed is a loss: no
    fault of a library or of our own may end a show. One that is no `StreamcamError` is reported
    with its type and place. For a file a loss ends the work with the exception: to open the file
    again would put its beginning into the recording twice.

    open_source  makes the source, and makes it again after a loss
    waiting      for viewers, while a lost source is being waited for. None: a loss ends the work
    queue        gets every frame; with the queue closed the work ends by `RingClosed`
    stats        counts "in"; its notice "source" is the source's own, and tells of a loss until
                 the source is back
    stop         ends the work within one read. Set it whenever you close the queue: while a lost
                 source is being reopened nothing is put, so the closed queue is not noticed
    opened       done once the source is open or could not be opened: the pipeline waits for it
                 before it starts anything else, and raises what it holds
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        queue: Inlet[Frame],
        stats: Stats,
        stop: Event,
        *,
        waiting: str | None = "Waiting for the source",
    ) -> None:
        self.opened: Future[Opened] = Future()
        self._open_source = open_source
        self._queue = queue
        self._stats = stats
        self._stop = stop
        self._waiting = waiting or ""
        self._live = waiting is not None
        self._following: Following | None = None  # replaced as a whole
        self._label = ""
        self._source: Source | None = None
        self._told = ""  # the source's own notice, as it stands in `stats`
        # Frames go on counting where the source before the loss ended.
        self._next_seq = 0
        self._last_time = 0.0
        self._seq_offset = 0
        self._time_offset = 0.0

    def run(self) -> None:
        """The work: until the source is over, `stop` is set or the queue is closed."""
        if not self.opened.set_running_or_notify_cancel():
            return
        try:
            source = self._source = self._open_source()
            opened = _opened(source)
        except BaseException as error:  # noqa: BLE001  # the pipeline waits for it and raises it
            self._close()
            self.opened.set_exception(error)
            return
        try:
            self.opened.set_result(opened)
            self._deliver()
        finally:
            self._close()

    def follow(self, following: Following) -> None:
        """Go on with another source once that is open: the newest wish counts. Live. From any
        thread."""
        before, self._following = self._following, following
        if before is not None:
            before.opened.cancel()

    def _deliver(self) -> None:
        self._label = self.opened.result().label
        while not self._stop.is_set():
            if self._called():
                self._take_over()
            source = self._source or self._reopened()
            if source is None:
                if self._called():
                    continue
                return
            try:
                frame = source.read()
            except EOFError:
                return
            except Exception as error:  # see the class
                if not self._live:
                    raise
                self._lose(error)
                continue
            if frame is not None:
                self._put(frame)
            if source.notice != self._told:
                self._told = source.notice
                self._put_up(self._told)

    def _called(self) -> bool:
        """Another source is wanted."""
        return self._following is not None

    def _take_over(self) -> None:
        """Open what is wanted. The one that is open stays so until then, and if that fails."""
        following, self._following = self._following, None
        if following is None or not following.opened.set_running_or_notify_cancel():
            return
        try:
            source = following.open()
        except Exception as error:  # noqa: BLE001  # see the class; who asked for it hears of it
            following.opened.set_exception(error)
            return
        self._close()
        self._source = source
        self._open_source, self._waiting = following.open, following.waiting
        self._go_on(source)
        opened = _opened(source)
        self._label = opened.label
        following.opened.set_result(opened)

    def _go_on(self, source: Source) -> None:
        """Frames of another opening follow those before."""
        self._seq_offset = self._next_seq
        self._time_offset = self._last_time + 1 / source.fps
        self._told = ""
        self._put_up("")

    def _put(self, frame: Frame) -> None:
        if self._seq_offset:
            time = frame.media_time
            time = None if time is None else time + self._time_offset
            frame = replace(frame, seq=frame.seq + self._seq_offset, media_time=time)
        self._next_seq = frame.seq + 1
        self._last_time = frame.media_time or 0.0
        self._stats.count("in")
        self._queue.put(frame)

    def _reopened(self) -> Source | None:
        """The source, opened again after ever longer pauses; None once `stop` is set, or another
        one is wanted. A screen that its user does not share any more is not opened again, but the
        run goes on.
        """
        backoff = Backoff()
        while not self._stop.wait(backoff.next()):
            if self._called():
                return None
            try:
                source = self._source = self._open_source()
            except SourceRefused as error:  # to ask again and again would be a nuisance
                self._put_up(str(error), self._waiting)
                while not (self._called() or self._stop.wait(_LOOK_SECONDS)):
                    pass
                return None
            except StreamcamError:  # still not there; the notice says what was lost
                continue
            except Exception as error:  # noqa: BLE001  # see the class
                self._report(error)
                continue
            self._go_on(source)
            return source
        return None

    def _lose(self, error: Exception) -> None:
        self._report(error)
        self._close()

    def _report(self, error: Exception) -> None:
        said = told(error)
        if not isinstance(error, StreamcamError):
            said = f"{self._label}: {said}"
        self._put_up(f"{said}; trying again", self._waiting)

    def _put_up(self, for_users: str, for_viewers: str = "") -> None:
        self._stats.notices.put(Notice("source", for_users, for_viewers))

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is None:
            return
        try:
            source.close()
        except Exception as error:  # noqa: BLE001  # it is gone, however it went
            self._report(error)


def _opened(source: Source) -> Opened:
    return Opened(source.label, source.width, source.height, source.fps, source.film)
